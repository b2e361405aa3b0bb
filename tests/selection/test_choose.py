from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis import frames
from analysis.selection import Nearest, Run, SelectionError, SelectionSpec, read_run, select
from analysis.selection.covariates import UNLABELLED, covariate_table
from tests.selection.runs import write_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return read_run(write_run(tmp_path_factory.mktemp("runs") / "run", images=400))


def test_covariates_by_hand(run: Run) -> None:
    table = covariate_table(run.images, run.classes)
    for row, labels in zip(table.itertuples(), run.labels, strict=True):
        names = [name for name, one in zip(run.class_names, labels, strict=True) if one]
        counts = run.classes.set_index("class")["train_positives"][names]
        assert row.labels == ("; ".join(names) or UNLABELLED)
        assert row.n_findings == len([name for name in names if name != "No Finding"])
        assert row.log_frequency == pytest.approx(np.log10(counts.min()))
        assert row.class_group == run.classes.set_index("class")["class_group"][counts.idxmin()]


def test_an_image_without_labels_and_counts_from_the_test_split(run: Run) -> None:
    images, classes = run.images.copy(), run.classes.copy()
    images.loc[0, run.class_names] = 0
    classes["train_positives"] = None
    table = covariate_table(images, classes)
    assert (table["labels"][0], table["class_group"][0], table["n_findings"][0]) == (UNLABELLED, "none", 0)
    assert np.isnan(table["log_frequency"][0])
    assert table["log_frequency"].max() <= np.log10(classes["test_positives"].max())


@settings(max_examples=25)
@given(
    size=st.integers(1, 10), seed=st.integers(0, 99), controls=st.sampled_from(["matched", "random"]),
    ratio=st.integers(1, 2),
)  # fmt: skip
def test_every_selection_keeps_the_rules(run: Run, size: int, seed: int, controls, ratio: int) -> None:
    chosen = select(run, SelectionSpec(size=size, seed=seed, controls=controls, ratio=ratio))
    rows = frames.check_table(chosen.rows, frames.SELECTION)
    info = run.images.set_index("image").loc[rows["image"]]
    assert info["patient"].is_unique
    pies = set(chosen.exemplars.images)
    assert all((image in pies) == (arm == 1) for image, arm in zip(rows["image"], rows["arm"], strict=True))
    assert (rows["arm"] == 1).sum() <= size
    if controls == "random":
        assert rows["pair"].is_unique
        assert (rows["arm"] == 0).sum() == ratio * size
    else:
        assert (rows.groupby("pair")["arm"].sum() == 1).all()
        assert (rows.groupby("pair")["view"].nunique() == 1).all()
        assert (rows.groupby("pair")["n_findings"].nunique() == 1).all()
    again = select(run, SelectionSpec(size=size, seed=seed, controls=controls, ratio=ratio))
    assert again.rows.equals(rows)


def test_the_cut_is_five_percent_and_all_are_taken_by_default(run: Run) -> None:
    chosen = select(run, SelectionSpec(controls="random"))
    assert len(chosen.exemplars.images) == 20
    passed = set(chosen.left_out["image"])
    assert (chosen.rows["arm"] == 1).sum() + len(passed) == 20
    assert chosen.pool == 380


def test_balance_names_each_covariate_and_notes_say_what_is_off(run: Run) -> None:
    chosen = select(run, SelectionSpec(exact=(), nearest=(Nearest("age"),)))
    table = chosen.balance.set_index(["covariate", "level"])
    assert {"age", "view", "sex", "n_findings", "class_group", "log_frequency"} == set(
        chosen.balance["covariate"]
    )
    assert abs(table.loc[("age", ""), "smd_after"]) < abs(table.loc[("age", ""), "smd_before"]) + 0.1
    off = chosen.balance[chosen.balance["unbalanced"]]
    assert any("Not balanced" in note for note in chosen.notes) == bool(len(off))


def test_exactly_matched_covariates_are_balanced(run: Run) -> None:
    balance = select(run, SelectionSpec()).balance
    exact = balance[balance["covariate"].isin(["view", "n_findings"])]
    np.testing.assert_allclose(exact["smd_after"], 0, atol=1e-12)


def test_the_estimand_and_the_settings_are_in_words_and_hide_the_seed(run: Run) -> None:
    spec = SelectionSpec(seed=8675309)
    assert "alike in view, n_findings, age, sex, log_frequency" in spec.estimand
    assert "as they are found" in replace(spec, controls="random").estimand
    assert "8675309" not in str(spec.settings())
    assert "exact" not in replace(spec, controls="random").settings()


def test_without_metadata_matching_and_patients_are_refused(tmp_path: Path) -> None:
    bare = read_run(write_run(tmp_path / "bare", images=100, metadata=False))
    with pytest.raises(SelectionError, match="keeping images of one patient apart needs 'patient'"):
        select(bare, SelectionSpec())
    with pytest.raises(
        SelectionError, match=r"matching exactly on view needs 'view' of each image.*metadata"
    ):
        select(bare, SelectionSpec(distinct_patients=False))
    free = SelectionSpec(distinct_patients=False, exact=("n_findings",), nearest=())
    assert len(select(bare, free).rows) > 2


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (SelectionSpec(condition=0.5), "expected one of the conditions dense, 0.90, got '0.50'"),
        (SelectionSpec(size=21), "at least 21 images to draw from"),
        (SelectionSpec(fraction=0.001), "expected at least one exemplar"),
        (SelectionSpec(controls="best"), "expected controls of random, matched; got 'best'"),  # type: ignore[arg-type]
        (SelectionSpec(caliper=-1.0), "got none: fewer keys or a wider caliper.*within the caliper"),
        (SelectionSpec(criterion="none"), "expected a criterion"),
    ],
)
def test_a_choice_that_the_run_cannot_serve_is_named(run: Run, spec: SelectionSpec, message: str) -> None:
    with pytest.raises(SelectionError, match=message):
        select(run, spec)


def test_the_top_is_the_lowest_and_says_what_it_does_not_extend_to(run: Run) -> None:
    chosen = select(run, SelectionSpec(size=4, draw="top", controls="random"))
    scores = chosen.exemplars.ranked.set_index("image")["score"]
    drawn = chosen.rows.loc[chosen.rows["arm"] == 1, "image"]
    assert sorted(scores[drawn]) == sorted(scores[scores.index.isin(chosen.exemplars.images)])[:4]
    assert any("does not extend to all PIEs" in note for note in chosen.notes)


def test_a_stratified_sample_reports_its_weights(run: Run) -> None:
    chosen = select(run, SelectionSpec(size=6, draw="stratified", controls="random"))
    table = chosen.weights.set_index("stratum")
    assert table["exemplars"].sum() == len(chosen.exemplars.images)
    assert table["drawn"].sum() == 6
    np.testing.assert_allclose((table["weight"] * table["drawn"])[table["drawn"] > 0],
                               table["exemplars"][table["drawn"] > 0])  # fmt: skip
    assert any("represents this many in its group" in note for note in chosen.notes)


def test_excluded_images_are_in_neither_arm_and_listed(run: Run) -> None:
    first = select(run, SelectionSpec(size=6))
    barred = {image: "because" for image in first.rows["image"][:3]}
    again = select(run, SelectionSpec(size=6), barred)
    assert not set(again.rows["image"]) & set(barred)
    listed = again.left_out.set_index("image")["reason"]
    assert all(listed[image] == "because" for image in barred)
    assert again.exemplars.images == first.exemplars.images


def test_many_ties_at_the_cut_propose_a_criterion_by_the_scores(tmp_path: Path) -> None:
    """Modal labels have few values: some of the images at the cut come in, and another criterion is proposed."""
    run = read_run(write_run(tmp_path / "run", images=300))
    notes = {
        name: select(run, SelectionSpec(criterion=name, controls="random")).notes
        for name in ("modal-labels", "pearson")
    }
    assert any(
        "pearson or jensen-shannon, by the scores themselves" in note for note in notes["modal-labels"]
    )
    assert not any("The cut goes through" in note for note in notes["pearson"])
