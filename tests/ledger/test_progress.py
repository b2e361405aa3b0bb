"""Words for spans and rates, and seeds typed as ranges."""

import pytest
from django.core.exceptions import ValidationError

from analysis.services.progress import Progress
from analysis.views.fields import SeedsField


def test_rate_and_time_left() -> None:
    fast = Progress(total=600, done=100, working=1, failed=0, rate=2.5)
    assert (fast.rate_text, fast.left_text) == ("2.5 units a second", "about 3 min 20 s")
    slow = Progress(total=30, done=3, working=1, failed=2, rate=1 / 40)
    assert (slow.rate_text, slow.left_text) == ("40 s a unit", "about 16 min 40 s")
    new = Progress(total=30, done=0, working=1, failed=0, rate=None)
    assert (new.rate_text, new.left_text) == ("not known yet", "not known yet")


@pytest.mark.parametrize(
    ("typed", "seeds"),
    [("0-3", [0, 1, 2, 3]), ("7, 2 0", [0, 2, 7]), (" 1 - 3 , 9", [1, 2, 3, 9]), ("5,5", [5])],
)
def test_seeds(typed: str, seeds: list[int]) -> None:
    assert SeedsField().clean(typed) == seeds


@pytest.mark.parametrize("typed", ["a", "3-1", "0-99999", "-4", "1..3", "²"])
def test_senseless_seeds(typed: str) -> None:
    with pytest.raises(ValidationError, match="expected numbers and ranges"):
        SeedsField().clean(typed)
