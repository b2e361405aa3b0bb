"""The session drill in its short form, and that it finds what is planted."""

import os
import subprocess
import sys

import pytest

from readerstudy.study.models import Rating
from tests.blinding.crowd import read_all
from tests.drills.rooms import Broken, Desk
from tests.drills.visitor import Sent
from tests.drills.web import ROOT
from tests.stock import Stock

OF_THE_TESTS = {"READERSTUDY_HOME", "SECRET_KEY", "AUDIT_KEY"}


def run(*options: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.drills.session", *options],
        cwd=ROOT, env={name: value for name, value in os.environ.items() if name not in OF_THE_TESTS},
        capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    return done.stdout


@pytest.mark.drill
def test_a_session_under_random_faults_keeps_what_it_saved() -> None:
    table = dict(line.rsplit(maxsplit=1) for line in run("--examples=30", "--seed=7").splitlines()[1:])
    said = {name.strip(): int(value) for name, value in table.items()}
    assert said["steps"] >= 500
    assert said["acknowledged"] >= 50
    faults = [
        "kills",
        "at once",
        "went back",
        "clock jumps",
        "sessions ended",
        "tokens changed",
        "foreign refused",
    ]
    assert all(said[name] for name in faults), said


@pytest.mark.drill
def test_every_planted_fault_is_found() -> None:
    assert "found 6 of 6" in run("--plants")


def desk_of(stock: Stock) -> Desk:
    """Return what must be true after the first reader has read everything."""
    reader = stock.readers[0]
    read_all(reader)
    desk = Desk(reader, order=[str(row.public_id) for row in reader.assignments.order_by("position")])
    for row in Rating.objects.select_related("assignment").order_by("pk"):
        body = {
            "idempotency_key": str(row.idempotency_key), "revision": 0, "answers": row.answers, "comment": row.comment,
        }  # fmt: skip
        desk.saved(Sent(str(row.assignment.public_id), "", body))
    return desk


@pytest.mark.django_db
def test_the_comparison_finds_what_is_lost_too_many_or_changed(stock: Stock) -> None:
    desk = desk_of(stock)
    desk.check()
    desk.check_trail()
    first = desk.order[0]
    (sent,) = desk.rows[first]
    desk.rows[first] = [sent, sent]
    with pytest.raises(Broken, match="lost"):
        desk.check()
    del desk.rows[first]
    with pytest.raises(Broken, match="doubled"):
        desk.check()
    desk.rows[first] = [Sent(sent.case, "", {**sent.body, "comment": "other"})]
    with pytest.raises(Broken, match="silent"):
        desk.check()


@pytest.mark.django_db
def test_a_save_out_of_turn_or_unseen_is_a_finding(stock: Stock) -> None:
    desk = Desk(stock.readers[0], order=["a", "b"])
    with pytest.raises(Broken, match="place"):
        desk.saved(Sent("b", "", {"idempotency_key": "1", "revision": 0}))
    desk.saved(Sent("a", "", {"idempotency_key": "1", "revision": 0}))
    with pytest.raises(Broken, match="silent"):
        desk.saved(Sent("a", "", {"idempotency_key": "2", "revision": 0}))
