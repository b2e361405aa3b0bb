import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.selection import SelectionError
from analysis.selection.exemplars import find_exemplars

DENSE = np.array([[0.1, 0.2, 0.3]] * 5)
PRUNED = np.array([[0.1, 0.2, 0.3], [0.3, 0.2, 0.1], [0.2, 0.1, 0.3], [0.1, 0.3, 0.2], [0.5, 0.5, 0.5]])
NAMES = ["e", "d", "c", "b", "a"]


def test_by_hand() -> None:
    """Rank correlations 1, -1, 1/2, 1/2 and none; int(0.4 * 5) = 2 images, by name the tie at 1/2 goes to b."""
    found = find_exemplars(NAMES, DENSE, PRUNED, fraction=0.4, seed=None)
    assert list(found.ranked["image"]) == ["d", "b", "c", "e"]
    assert list(found.ranked["score"]) == [-1, 0.5, 0.5, 1]
    assert found.images == ["d", "b"]
    assert found.cut == 0.5
    assert list(found.tied["image"]) == ["b", "c"]
    assert list(found.tied["exemplar"]) == [True, False]
    assert list(found.undefined["image"]) == ["a"]
    assert "constant scores" in found.undefined["reason"][0]


def test_plain_lists_are_taken_too() -> None:
    found = find_exemplars(NAMES, DENSE.tolist(), PRUNED.tolist(), fraction=0.4, seed=None)  # type: ignore[arg-type]
    assert found.images == ["d", "b"]


def test_frames_are_taken_if_they_agree_in_rows_and_columns() -> None:
    """Columns of another order silently gave other exemplars."""
    dense, pruned = (pd.DataFrame(scores, NAMES, ["A", "B", "C"]) for scores in (DENSE, PRUNED))
    found = find_exemplars(pd.Series(NAMES, NAMES), dense, pruned, fraction=0.4, seed=None)
    assert found.images == ["d", "b"]
    for other in (pruned[["B", "A", "C"]], pruned.iloc[::-1]):
        with pytest.raises(SelectionError, match="the same rows and columns in one order"):
            find_exemplars(NAMES, dense, other, fraction=0.4)
    with pytest.raises(SelectionError, match="for image 'e'"):
        find_exemplars(pd.Series(NAMES, range(5, 10)), DENSE * 9, PRUNED)


def test_a_tie_goes_to_either_by_lot_and_the_names_say_nothing() -> None:
    """Over 400 seeds b and c come in about equally often: 200 and 4 standard deviations of 10."""
    came = [find_exemplars(NAMES, DENSE, PRUNED, fraction=0.4, seed=seed).images for seed in range(400)]
    assert {len(images) for images in came} == {2}
    assert 160 <= sum(images == ["d", "b"] for images in came) <= 240
    again = find_exemplars(NAMES[::-1], DENSE[::-1], PRUNED[::-1], fraction=0.4, seed=7)
    assert again.images == came[7]


def test_no_tie_is_reported_where_the_cut_goes_through_none() -> None:
    assert find_exemplars(NAMES, DENSE, PRUNED, fraction=0.6).tied.empty
    assert find_exemplars(NAMES, DENSE, PRUNED, fraction=0.2).images == ["d"]


def test_a_fraction_that_gives_no_image() -> None:
    found = find_exemplars(NAMES, DENSE, PRUNED, fraction=0.05)
    assert (found.images, found.cut, len(found.tied)) == ([], None, 0)


@given(st.integers(20, 120), st.floats(0.01, 0.5), st.integers(0, 9))
def test_count_order_and_independence_of_the_file_order(images: int, fraction: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    dense, pruned = rng.integers(0, 4, (2, images, 4)) / 4
    names = [f"{n:03d}" for n in range(images)]
    order = rng.permutation(images)
    try:
        found = find_exemplars(names, dense, pruned, fraction=fraction)
    except SelectionError:
        return
    again = find_exemplars([names[n] for n in order], dense[order], pruned[order], fraction=fraction)
    assert len(found.images) == int(fraction * images)
    assert found.images == again.images
    assert len(found.ranked) + len(found.undefined) == images
    assert not set(found.images) & set(found.undefined["image"])
    assert found.ranked["score"].is_monotonic_increasing


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"criterion": "none"}, "expected a criterion of spearman, pearson"),
        ({"fraction": 0.0}, "fraction above 0 and below 1"),
        ({"fraction": 0.99, "dense": np.full((5, 3), 0.5)}, "at least 4 images with a score, got 0"),
        ({"images": ["a"] * 5}, "each image once"),
        ({"dense": DENSE[:4]}, r"5 images x 2 or more classes, got \(4, 3\)"),
        ({"pruned": np.full((5, 3), np.nan)}, "pruned scores from 0 to 1, got different ones for image 'e'"),
        ({"pruned": PRUNED * 4}, "from 0 to 1"),
    ],
)
def test_bad_input_is_named(change: dict[str, object], message: str) -> None:
    arguments = {"images": NAMES, "dense": DENSE, "pruned": PRUNED, **change}
    with pytest.raises(SelectionError, match=message):
        find_exemplars(**arguments)  # type: ignore[arg-type]
