"""The bad input drill in its short form, and that it finds what is planted."""

import os
import random
import subprocess
import sys

import pytest

from tests.drills.badinput import Found, Input, table, try_input
from tests.drills.mutants import VALUES, body_bytes, mutate, mutate_json
from tests.drills.web import ROOT

OF_THE_TESTS = {"READERSTUDY_HOME", "SECRET_KEY", "AUDIT_KEY"}


@pytest.mark.drill
def test_no_bad_input_crashes_an_input_or_is_half_loaded() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.drills.badinput", "--cases=1000", "--seed=5"],
        cwd=ROOT, env={name: value for name, value in os.environ.items() if name not in OF_THE_TESTS},
        capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    last = done.stdout.splitlines()[-1].split()
    assert last[0] == "all"
    cases, refused, taken, *wrong = map(int, last[1:])
    assert cases >= 1000
    assert refused + taken == cases
    assert refused > cases / 2
    assert taken > 10  # mutations come past the first check
    assert wrong == [0] * 5


def test_what_an_input_must_not_do_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.drills.badinput.SECONDS", 1)

    def reader(data: bytes) -> None:
        if data == b"hang":
            while True:
                pass
        raise (ZeroDivisionError if data == b"crash" else ValueError)

    found = Found()
    for data in (b"bad", b"crash", b"hang"):
        try_input(Input(reader, (ValueError,)), data, found)
    try_input(Input(len, (ValueError,)), b"good", found)
    assert found.counts == {"refused": 1, "crashed": 1, "hung": 1, "taken": 1}
    assert len(found.wrong) == 2
    assert "ZeroDivisionError" in table({"reader": found}, "title")


def test_mutations_are_seeded_and_change_something() -> None:
    data = b"a,b\n1,2\n" * 20
    one, two = ([mutate(data, [data], random.Random(seed)) for seed in range(50)] for _ in range(2))
    assert one == two
    assert sum(changed != data for changed in one) >= 45
    whole = {"answers": {"agree": {"value": 1}}, "list": [1, 2]}
    before = body_bytes(VALUES)
    changed = [mutate_json(whole, random.Random(seed)) for seed in range(200)]
    assert sum(each != whole for each in changed) >= 180
    assert whole == {"answers": {"agree": {"value": 1}}, "list": [1, 2]}
    assert body_bytes(VALUES) == before
