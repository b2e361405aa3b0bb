"""Bang's blinding index against its published example, by hand, and at its ends."""

import pytest

from analysis.stats.blinding import bang_index


def test_the_published_trial_has_its_published_indices() -> None:
    """CRISP: 82, 25 and 170 of 277 on the drug guessed drug, placebo, neither; 27, 29 and 83 of 139 on placebo.

    Bang, Ni and Davis print 0.21 (0.15 to 0.26) and 0.01 (-0.07 to 0.10), one-sided limits of 95 %.
    """
    drug, placebo = bang_index(82, 25, 277, 0.9), bang_index(29, 27, 139, 0.9)
    assert [round(value, 2) for value in drug] == [0.21, 0.15, 0.26]
    assert [round(value, 2) for value in placebo] == [0.01, -0.07, 0.10]


def test_by_hand() -> None:
    """3 right, 1 wrong of 8: (3 - 1) / 8 = 1/4; variance (15/64 + 7/64 + 6/64) / 8 = 7/128."""
    index, low, high = bang_index(3, 1, 8, 0.95)
    assert index == 0.25
    assert (high - index, index - low) == pytest.approx((1.959964 * (7 / 128) ** 0.5,) * 2, rel=1e-6)


def test_all_right_all_wrong_nobody_could_tell() -> None:
    assert bang_index(5, 0, 5, 0.95) == (1.0, 1.0, 1.0)
    assert bang_index(0, 5, 5, 0.95) == (-1.0, -1.0, -1.0)
    assert bang_index(0, 0, 5, 0.95) == (0.0, 0.0, 0.0)
