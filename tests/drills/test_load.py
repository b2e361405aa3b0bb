"""The load in its short form: few readers, few seconds; nothing acknowledged is lost."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.drills.load import Outcome, run_load
from tests.drills.sign_ins import Storm, run_storm
from tests.servers.site import Site

ROW = {
    "Request Count": "1",
    "Requests/s": "1.0",
    "50%": "1",
    "95%": "2",
    "99%": "3",
    "Max Response Time": "4",
}
ROWS = {name: ROW for name in ("Aggregated", "save", "frame", "state")}


@pytest.mark.drill
def test_readers_on_sqlite_lose_nothing(tmp_path: Path) -> None:
    outcome = run_load(Site(tmp_path / "site"), tmp_path, readers=10, seconds=8, cases=16, side=200, pace=1.0)
    print(outcome.table("short"))
    assert outcome.clean
    assert outcome.acknowledged >= 20
    assert outcome.exports >= 1


@pytest.mark.servers("postgresql")
def test_readers_on_postgresql_lose_nothing(tmp_path: Path, postgresql_url: str) -> None:
    site = Site(tmp_path / "site", {"DATABASE_URL": postgresql_url})
    outcome = run_load(site, tmp_path, readers=10, seconds=8, cases=16, side=200, pace=1.0)
    assert outcome.clean
    assert outcome.acknowledged >= 20


@pytest.mark.parametrize(("lost", "doubled", "errors"), [(1, 0, 0), (0, 1, 0), (0, 0, 1)])
def test_anything_wrong_makes_the_outcome_unclean(lost: int, doubled: int, errors: int) -> None:
    assert Outcome(5, 0, 0, 0, 1, ROWS, 900_000, 1.0).clean
    assert not Outcome(5, lost, doubled, errors, 1, ROWS, 900_000, 1.0).clean
    assert not Outcome(0, 0, 0, 0, 1, ROWS, 900_000, 1.0).clean
    assert f"lost {lost}, doubled {doubled}, 5xx {errors}" in Outcome(
        5, lost, doubled, errors, 1, ROWS, 9, 1.0
    ).table("x")


@pytest.mark.drill
def test_a_right_password_gets_in_among_many_wrong_ones(tmp_path: Path) -> None:
    site = Site(tmp_path / "site")
    site.manage("setup")
    storm = run_storm(site, connections=8, seconds=60)
    print(storm.table(8))
    assert storm.clean
    assert storm.answers[429] > storm.answers[200]


@pytest.mark.parametrize(
    "wrong", [{"entered": []}, {"untimed": 1}, {"answers": Counter({200: 1, 429: 3, 500: 1})}]
)
def test_anything_wrong_makes_a_storm_unclean(wrong: dict[str, Any]) -> None:
    seen = {"answers": Counter({200: 1, 429: 3}), "pages": [0.02], "quiet": [0.01], "entered": [2.0]}
    assert Storm(**seen).clean
    assert not Storm(**(seen | wrong)).clean
    assert "3 answered 429" in Storm(**seen).table(24)
