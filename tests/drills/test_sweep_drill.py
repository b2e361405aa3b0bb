"""The sweep drill in its short form, and that it finds what it looks for."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.drills.sweep import ROOT, Outcome, Plan

PLAN = Plan(units=200, kills=20, wipes=5, torn=5, workers=2, seed=7)


@pytest.mark.drill
def test_a_sweep_under_faults_equals_an_undisturbed_one() -> None:
    left_out = {
        "READERSTUDY_HOME",
        "SECRET_KEY",
        "AUDIT_KEY",
    }  # the site of the tests; the drill makes its own
    command = [f"--{name}={getattr(PLAN, name)}" for name in Plan.__dataclass_fields__]
    done = subprocess.run(  # noqa: PLW1510  (its output is shown first)
        [sys.executable, "-m", "tests.drills.sweep", *command],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name not in left_out},
        capture_output=True,
        text=True,
        timeout=900,
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    table = dict(line.rsplit(maxsplit=1) for line in done.stdout.splitlines() if line.startswith("  "))
    said = {name.strip(): int(value) for name, value in table.items()}
    assert said["acknowledged"] == said["units"] == PLAN.units
    assert said["worker kills (each while it held a unit)"] == PLAN.kills
    assert said["attempts"] >= PLAN.units + PLAN.kills
    assert (said["broker wipes"], said["torn messages"]) == (PLAN.wipes, PLAN.torn)


def test_faults_come_in_the_order_of_the_seed() -> None:
    assert PLAN.faults() == PLAN.faults()
    assert sorted(PLAN.faults()) == ["kill"] * 20 + ["tear"] * 5 + ["wipe"] * 5
    assert Plan(200, 20, 5, 5, 2, seed=8).faults() != PLAN.faults()


@pytest.mark.parametrize("fault", ["lost", "doubled", "silent", "failed"])
def test_anything_wrong_makes_the_outcome_unclean(fault: str) -> None:
    assert Outcome(4, acknowledged=4).clean
    assert not Outcome(4, acknowledged=4, **{fault: ["seed-0"]}).clean
    assert not Outcome(4, acknowledged=3).clean
    assert f"{fault}: seed-0" in Outcome(4, 4, **{fault: ["seed-0"]}).table(PLAN)


@pytest.mark.django_db
def test_the_count_finds_a_doubled_a_lost_and_a_changed_unit(tmp_path: Path) -> None:
    from django.db import connection

    from analysis.models import Unit, UnitState
    from analysis.services import control
    from tests.drills.sweep import LOG, _count

    units = [Unit(key=f"u{n}") for n in range(4)]
    run = control.register_run(run_id="r", name="r", folder=tmp_path, spec={}, synthetic=True, units=units)
    with connection.cursor() as cursor:
        for statement in LOG[connection.vendor]:
            cursor.execute(statement)
    digest = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"  # of one zero byte
    for unit in run.units.exclude(key="u3"):
        Unit.objects.filter(pk=unit.pk).update(state=UnitState.DONE, artefacts={f"{unit.key}.npy": digest})
    Unit.objects.filter(key="u0").update(token=5)
    files = {f"u{n}.npy": b"\0" for n in range(2)} | {"u2.npy": b"\1"}
    outcome = Outcome(4)
    _count(run, outcome, {**files, "u2.npy": b"\0"}, files)
    assert (outcome.acknowledged, outcome.doubled, outcome.lost) == (3, ["u0"], ["u3"])
    assert set(outcome.silent) == {"u2.npy"}
