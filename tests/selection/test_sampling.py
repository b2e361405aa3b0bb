from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.selection import SelectionError, draw_sample

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
    with pytest.raises(SelectionError, match="at least 9 images to draw from, 8 came"):
        draw_sample(NAMES, 9, seed=0)
    with pytest.raises(SelectionError, match=r"at least 2 images.* of a patient already drawn"):
        draw_sample(NAMES, 2, seed=0, patients=["a"] * 8)
