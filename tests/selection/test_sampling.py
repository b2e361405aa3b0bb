from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.selection import SelectionError
from analysis.selection.sampling import draw_exemplars, draw_sample, sample_weights

NAMES = [f"i{n}" for n in range(8)]


@given(st.integers(0, 8), st.integers(0, 50), st.permutations(NAMES))
def test_a_seed_gives_one_sample_whatever_order_the_images_come_in(size: int, seed: int, order) -> None:
    sample = draw_sample(order, size, seed=seed)
    assert sample.images == draw_sample(NAMES, size, seed=seed).images
    assert len(set(sample.images)) == size


@given(st.lists(st.sampled_from("abcdef"), min_size=8, max_size=8), st.integers(0, 50))
def test_one_image_of_a_patient_and_none_of_a_taken_one(patients: list[str], seed: int) -> None:
    sample = draw_sample(NAMES, None, seed=seed, patients=patients, taken=["a"])
    owner = dict(zip(NAMES, patients, strict=True))
    assert sorted(owner[name] for name in sample.images) == sorted(set(patients) - {"a"})
    assert sorted([*sample.images, *sample.passed_over["image"]]) == NAMES


def test_each_image_is_as_likely_as_any_other() -> None:
    """600 draws of 2 of 8: 150 expected for each, SD sqrt(600 x 1/4 x 3/4) = 10.6; five of them allowed."""
    counts = Counter(name for seed in range(600) for name in draw_sample(NAMES, 2, seed=seed).images)
    assert all(abs(counts[name] - 150) < 53 for name in NAMES)


def test_streams_of_one_seed_differ() -> None:
    many = [str(n) for n in range(100)]
    assert draw_sample(many, 9, seed=1).images != draw_sample(many, 9, seed=1, stream=1).images


def test_too_few_are_refused() -> None:
    with pytest.raises(SelectionError, match="at least 9 images to draw from, got 8"):
        draw_sample(NAMES, 9, seed=0)
    with pytest.raises(SelectionError, match=r"at least 2 images.* of a patient already drawn"):
        draw_sample(NAMES, 2, seed=0, patients=["a"] * 8)


STRATA = ["head"] * 5 + ["tail"] * 2 + ["none"]


def test_top_takes_the_first_of_each_patient() -> None:
    drawn = draw_exemplars(NAMES, 3, "top", strata=STRATA, seed=5, patients=list("aabbcdef"))
    assert drawn.images == ["i0", "i2", "i4"]
    assert list(drawn.passed_over["image"]) == ["i1", "i3"]


@given(st.integers(1, 8), st.integers(0, 50))
def test_strata_give_equally_many_while_they_last(size: int, seed: int) -> None:
    drawn = draw_exemplars(NAMES, size, "stratified", strata=STRATA, seed=seed)
    counts = Counter(dict(zip(NAMES, STRATA, strict=True))[name] for name in drawn.images)
    assert len(set(drawn.images)) == size
    for one, count in counts.items():
        exhausted = count == STRATA.count(one)
        assert exhausted or count >= max(counts.values()) - 1


def test_within_a_stratum_each_is_as_likely_as_any_other() -> None:
    """600 draws of one of five heads: 120 expected, SD 9.8; five of them allowed."""
    counts = Counter(
        name
        for seed in range(600)
        for name in draw_exemplars(NAMES, 3, "stratified", strata=STRATA, seed=seed).images
    )
    assert counts["i7"] == 600
    assert all(abs(counts[name] - 120) < 49 for name in NAMES[:5])


def test_a_patient_is_drawn_once_across_strata() -> None:
    drawn = draw_exemplars(NAMES, None, "stratified", strata=STRATA, seed=1, patients=list("abcdeabf"))
    assert len(drawn.images) == 6
    with pytest.raises(SelectionError, match="at least 7 images to draw from, got 8, 2 of them"):
        draw_exemplars(NAMES, 7, "stratified", strata=STRATA, seed=1, patients=list("abcdeabf"))


def test_weights_by_hand() -> None:
    table = sample_weights(STRATA, [True, True, False, False, False, True, False, False])
    assert table.set_index("stratum")["weight"].dropna().to_dict() == {"head": 2.5, "tail": 2.0}
    assert table["drawn"].sum() == 3


def test_an_unknown_way_is_named() -> None:
    with pytest.raises(SelectionError, match="drawn simple, stratified, top; got 'best'"):
        draw_exemplars(NAMES, 1, "best", strata=STRATA, seed=0)  # type: ignore[arg-type]
