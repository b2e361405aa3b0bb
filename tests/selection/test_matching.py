from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.selection import Nearest, SelectionError
from analysis.selection.matching import match_controls


def people(rows: list[tuple[str, str, float, str]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["view", "sex", "age", "patient"]).assign(
        image=[f"i{n}" for n in range(len(rows))]
    )


def two(exemplars: list, pool: list) -> tuple[pd.DataFrame, pd.DataFrame]:
    both = people([*exemplars, *pool])
    return both.iloc[: len(exemplars)], both.iloc[len(exemplars) :]


AGE = (Nearest("age"),)


def test_the_sum_is_smallest_not_each_step() -> None:
    """Greedy would give i0 (50) the control of 51 and leave i1 (52) the one of 40: 1 + 12 > 10 + 1."""
    exemplars, pool = two(
        [("PA", "F", 50, "a"), ("PA", "F", 52, "b")], [("PA", "F", 51, "c"), ("PA", "F", 40, "d")]
    )
    came = match_controls(exemplars, pool, exact=("view",), nearest=AGE, seed=0).pairs
    assert dict(zip(came["exemplar"], came["control"], strict=True)) == {"i0": "i3", "i1": "i2"}
    scale = np.std([50, 52, 51, 40], ddof=1)
    np.testing.assert_allclose(sorted(came["distance"]), [1 / scale, 10 / scale])


@pytest.mark.parametrize("written", ["{:03d}Y", "{}", "{}.0"])
def test_ages_in_text_are_numbers(written: str) -> None:
    """Of 60 the 58 is nearest, although the text of 30 differs no more."""
    exemplars, pool = two(
        [("PA", "F", 60, "a")], [("PA", "F", 30, "c"), ("PA", "F", 58, "d"), ("PA", "F", 60, "e")]
    )
    ages = [frame["age"].map(written.format).astype(object) for frame in (exemplars, pool)]
    ages[1].iloc[2] = "unknown"
    exemplars, pool = exemplars.assign(age=ages[0]), pool.assign(age=ages[1])
    came = match_controls(exemplars, pool, exact=(), nearest=AGE, seed=0).pairs
    assert list(came["control"]) == ["i2"]


def test_images_without_ages_are_matched_on_what_they_have() -> None:
    exemplars, pool = (part.drop(columns="age") for part in two([("PA", "F", 0, "a")], [("PA", "F", 0, "c")]))
    came = match_controls(exemplars, pool, exact=("view",), nearest=(), seed=0).pairs
    assert list(came["control"]) == ["i1"]


def test_a_category_costs_its_weight() -> None:
    exemplars, pool = two([("PA", "F", 50, "a")], [("PA", "M", 50, "c"), ("PA", "F", 58, "d")])
    light = match_controls(exemplars, pool, exact=(), nearest=(Nearest("age"), Nearest("sex", 0.1)), seed=0)
    heavy = match_controls(exemplars, pool, exact=(), nearest=(Nearest("age"), Nearest("sex", 10)), seed=0)
    assert (list(light.pairs["control"]), list(light.pairs["distance"])) == (["i1"], [0.1])
    assert list(heavy.pairs["control"]) == ["i2"]


def test_a_weight_of_zero_is_no_distance_and_a_small_spread_is_one() -> None:
    """Ages 50 and 50.5 have a standard deviation of 0.5 / sqrt(2)."""
    exemplars, pool = two([("PA", "F", 50, "a")], [("PA", "F", 50.5, "c")])
    for weight, distance in ((0.0, 0.0), (1.0, 2**0.5)):
        came = match_controls(exemplars, pool, exact=(), nearest=(Nearest("age", weight),), seed=0)
        assert list(came.pairs["distance"]) == pytest.approx([distance])


def test_what_lies_on_a_caliper_is_within_it() -> None:
    exemplars, pool = two([("PA", "F", 50, "a")], [("PA", "M", 55, "c")])
    for caliper, count in ((5, 1), (4.9, 0)):
        came = match_controls(exemplars, pool, exact=(), nearest=(Nearest("age", 0.0, caliper),), seed=0)
        assert len(came.pairs) == count
    for caliper, count in ((1.0, 1), (0.9, 0)):
        came = match_controls(exemplars, pool, exact=(), nearest=(Nearest("sex"),), caliper=caliper, seed=0)
        assert len(came.pairs) == count


def test_every_exemplar_gets_one_control_before_any_gets_two() -> None:
    """Two for i0 (0 + 10) would be nearer than one for each (0 + 12)."""
    exemplars, pool = two(
        [("PA", "F", 50, "a"), ("PA", "F", 52, "b")], [("PA", "F", 50, "c"), ("PA", "F", 40, "d")]
    )
    came = match_controls(exemplars, pool, exact=(), nearest=AGE, ratio=2, seed=0)
    assert dict(zip(came.pairs["exemplar"], came.pairs["control"], strict=True)) == {"i0": "i2", "i1": "i3"}
    reason = "1 of 2 controls: every control within the caliper is used for another exemplar"
    assert list(came.unmatched["reason"]) == [reason] * 2


def test_every_reason_is_given() -> None:
    exemplars, pool = two(
        [
            ("PA", "F", 50, "a"), ("PA", "F", 50, "b"), ("LATERAL", "F", 50, "c"), ("", "F", 50, "d"),
            ("AP", "F", 20, "e"), ("RL", "F", 50, "f"),
        ],
        [("PA", "F", 50, "g"), ("AP", "F", 80, "h"), ("RL", "F", 50, "a"), ("LATERAL", "F", np.nan, "i")],
    )  # fmt: skip
    came = match_controls(exemplars, pool, exact=("view",), nearest=(Nearest("age", caliper=5),), seed=0)
    assert len(came.pairs) == 1
    reasons = dict(zip(came.unmatched["image"], came.unmatched["reason"], strict=True))
    loser = ({"i0", "i1"} - set(came.pairs["exemplar"])).pop()
    assert reasons == {
        loser: "every control within the caliper is used for another exemplar",
        "i2": "no image of another patient with view LATERAL",
        "i3": "no view in the metadata",
        "i4": "no control within the caliper",
        "i5": "no image of another patient with view RL",
    }


cells = st.tuples(
    st.sampled_from(["PA", "AP"]),
    st.sampled_from("FM"),
    st.integers(20, 30).map(float),
    st.sampled_from("wxyz"),
)


@given(st.lists(cells, min_size=1, max_size=3), st.lists(cells, max_size=5), st.integers(0, 3))
def test_no_other_way_matches_more_or_nearer(exemplars: list, pool: list, seed: int) -> None:
    targets, images = two([(v, s, a, f"own{n}") for n, (v, s, a, _) in enumerate(exemplars)], pool)
    nearest = (Nearest("age", 2.0), Nearest("sex", 0.5))
    came = match_controls(targets, images, exact=("view",), nearest=nearest, caliper=4.0, seed=seed)
    ages = [*targets["age"], *images["age"]]
    scale = (np.std(ages, ddof=1) if len(ages) > 1 else 0) or 1.0
    count, total = best(targets, images, lambda t, i: 2 * abs(t.age - i.age) / scale + 0.5 * (t.sex != i.sex))
    assert len(came.pairs) == count
    assert came.pairs["distance"].sum() == pytest.approx(total, abs=1e-9)
    assert len(came.pairs) + len(came.unmatched) == len(targets)
    check_rules(came.pairs, pd.concat([targets, images]))


def best(targets: pd.DataFrame, images: pd.DataFrame, distance) -> tuple[int, float]:
    """Try every way: the most pairs, then the smallest sum."""
    options = [*images.itertuples(), *[None] * len(targets)]
    found = (0, 0.0)
    for chosen in permutations(options, len(targets)):
        pairs = [(t, i) for t, i in zip(targets.itertuples(), chosen, strict=True) if i is not None]
        patients = [i.patient for _, i in pairs]
        far = [distance(t, i) for t, i in pairs]
        if (
            len(set(patients)) < len(patients)
            or any(t.view != i.view for t, i in pairs)
            or any(np.array(far) > 4)
        ):
            continue
        if (-len(pairs), sum(far)) < (-found[0], found[1]):
            found = (len(pairs), sum(far))
    return found


def check_rules(pairs: pd.DataFrame, everyone: pd.DataFrame) -> None:
    rows = everyone.set_index("image")
    for exemplar, control in zip(pairs["exemplar"], pairs["control"], strict=True):
        assert rows.loc[exemplar, "view"] == rows.loc[control, "view"]
    chosen = [*dict.fromkeys(pairs["exemplar"]), *pairs["control"]]
    assert len({rows.loc[image, "patient"] for image in chosen}) == len(chosen)


@given(st.integers(0, 30), st.integers(1, 3), st.integers(3, 30))
def test_rules_hold_with_several_controls_and_repeated_patients(seed: int, ratio: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    views, ages = rng.choice(["PA", "AP"], size + 3), rng.integers(20, 90, size + 3)
    owners = [f"e{n}" for n in range(3)] + [f"p{n}" for n in rng.integers(0, size, size)]
    exemplars, pool = two(
        [(views[n], "F", ages[n], owners[n]) for n in range(3)],
        [(views[n], "F", ages[n], owners[n]) for n in range(3, size + 3)],
    )
    came = match_controls(exemplars, pool, exact=("view",), nearest=AGE, ratio=ratio, seed=seed)
    check_rules(came.pairs, pd.concat([exemplars, pool]))
    counts = came.pairs["exemplar"].value_counts()
    assert (counts <= ratio).all()
    assert set(came.unmatched["image"]) == {
        image for image in exemplars["image"] if counts.get(image, 0) < ratio
    }
    if ratio > 1:
        single = match_controls(exemplars, pool, exact=("view",), nearest=AGE, seed=seed)
        assert len(counts) == len(single.pairs), "a second control never costs another exemplar its first"


def test_equal_controls_are_chosen_by_the_seed_not_by_their_place() -> None:
    exemplars, pool = two([("PA", "F", 50, "a")], [("PA", "F", 50, f"p{n}") for n in range(20)])
    chosen = [
        match_controls(exemplars, pool, exact=(), nearest=AGE, seed=s).pairs["control"][0] for s in range(30)
    ]
    assert len(set(chosen)) > 10
    assert chosen[:4] == ["i16", "i17", "i4", "i20"], "a stored seed chooses the same in every later release"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"exact": ("site",)}, "matching exactly on site needs 'site' of each image, got none"),
        ({"nearest": (Nearest("weight"),)}, "matching on the nearest weight needs 'weight'"),
        ({"ratio": 0}, "expected a ratio of 1 or more"),
        ({"nearest": (Nearest("age", -1.0),)}, "weights of 0 or more"),
    ],
)
def test_what_cannot_be_matched_on_is_refused(change: dict[str, object], message: str) -> None:
    exemplars, pool = two([("PA", "F", 50, "a")], [("PA", "F", 50, "b")])
    with pytest.raises(SelectionError, match=message):
        match_controls(exemplars, pool, **{"exact": ("view",), "nearest": AGE, "seed": 0, **change})


def test_without_patients_or_views_it_says_what_to_do() -> None:
    exemplars, pool = two([("PA", "F", 50, "")], [("PA", "F", 50, "")])
    with pytest.raises(
        SelectionError, match=r"keeping images of one patient apart needs 'patient'.*metadata file"
    ):
        match_controls(exemplars, pool, exact=(), nearest=AGE, seed=0)
    came = match_controls(exemplars, pool, exact=(), nearest=AGE, distinct_patients=False, seed=0)
    assert list(came.pairs["control"]) == ["i1"]


def test_an_image_that_is_blank_in_a_key_is_no_control() -> None:
    exemplars, pool = two([("PA", "F", 50, "a")], [("PA", "", 50, "c")])
    came = match_controls(exemplars, pool, exact=("view",), nearest=(Nearest("sex"),), seed=0)
    assert came.pairs.empty
    assert list(came.unmatched["reason"]) == ["no image of another patient with view PA"]


def test_without_keys_every_image_of_another_patient_will_do() -> None:
    exemplars, pool = two(
        [("PA", "F", 50, "a"), ("AP", "F", 50, "b")], [("RL", "M", 9, "c"), ("", "", 5, "b")]
    )
    came = match_controls(exemplars, pool, exact=(), nearest=(), seed=0)
    assert list(came.pairs["control"]) == ["i2"]
    assert list(came.pairs["distance"]) == [0]
