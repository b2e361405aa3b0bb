"""The reading drill in its short form, and that it finds what it looks for."""

import os
import subprocess
import sys

import pytest

from readerstudy.study.models import Rating
from tests.blinding.crowd import read_all
from tests.drills.web import ROOT, Outcome, Plan, Sent, _count
from tests.stock import Stock

PLAN = Plan(kills=10, readers=6, seed=7)
OF_THE_TESTS = {"READERSTUDY_HOME", "SECRET_KEY", "AUDIT_KEY"}


@pytest.mark.drill
def test_answers_outlive_a_server_that_is_killed() -> None:
    command = [f"--{name}={getattr(PLAN, name)}" for name in Plan.__dataclass_fields__]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.drills.web", *command],
        cwd=ROOT, env={name: value for name, value in os.environ.items() if name not in OF_THE_TESTS},
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    table = dict(line.rsplit(maxsplit=1) for line in done.stdout.splitlines() if line.startswith("  "))
    said = {name.strip(): int(value) for name, value in table.items()}
    assert said["server kills"] == PLAN.kills
    assert said["acknowledged"] >= PLAN.kills * PLAN.readers
    assert said["requests broken off"] > 0


@pytest.mark.django_db
def test_the_count_finds_a_lost_and_a_changed_answer(stock: Stock) -> None:
    read_all(stock.readers[0])
    rows = list(Rating.objects.all())
    sent = Sent({str(row.idempotency_key): row.answers for row in rows})
    sent.acknowledged = set(sent.answers)
    outcome = Outcome()
    _count([sent], outcome)
    assert outcome.clean
    changed = str(rows[0].idempotency_key)
    sent.answers[changed] = {"agree": {"status": "answered", "value": 0}}
    sent.acknowledged.add("never arrived")
    outcome = Outcome()
    _count([sent], outcome)
    assert (outcome.lost, outcome.silent) == (["never arrived"], [changed])
    assert not outcome.clean


@pytest.mark.parametrize("fault", ["lost", "doubled", "silent", "refused"])
def test_anything_wrong_makes_the_outcome_unclean(fault: str) -> None:
    assert Outcome(acknowledged=4).clean
    assert not Outcome().clean
    outcome = Outcome(acknowledged=4, **{fault: ["key"]})
    assert not outcome.clean
    assert f"{fault}: key" in outcome.table(PLAN)
