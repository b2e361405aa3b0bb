"""The hosts drill finds what it looks for. The drill itself takes minutes: `make drill` runs it."""

import pytest

from tests.drills.hosts import Outcome


@pytest.mark.parametrize("fault", ["lost", "doubled", "silent"])
def test_anything_wrong_makes_the_outcome_unclean(fault: str) -> None:
    assert Outcome(4, shares={"a": 4}).clean
    assert not Outcome(4, shares={"a": 4}, **{fault: ["seed-0"]}).clean
    assert not Outcome(4, shares={"a": 3}).clean
