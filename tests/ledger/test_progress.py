"""Words for spans and rates, and seeds typed as ranges."""

import pytest
from django.core.exceptions import ValidationError

from analysis.services.progress import Progress, duration
from analysis.views.fields import SeedsField


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (75, "75 s"),
        (600, "10 min"),
        (5400, "1 h 30 min"),
        (200_000, "2.3 days"),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_rate_and_time_left() -> None:
    fast = Progress(total=600, done=100, working=1, failed=0, rate=2.5)
    assert (fast.rate_text, fast.left_text) == ("2.5 units a second", "about 3 min")
    slow = Progress(total=30, done=3, working=1, failed=2, rate=1 / 40)
    assert (slow.rate_text, slow.left_text) == ("40 s a unit", "about 17 min")
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
