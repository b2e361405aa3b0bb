"""Modal label sets, inclusion under resampled seeds, overlap of criteria."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from analysis.selection import CRITERIA, Run, SelectionError, find_in_run, read_run
from analysis.selection.criteria import label_sets, modal_agreement
from analysis.selection.exemplars import agreements, find_exemplars, rank_exemplars
from analysis.selection.stability import inclusion, overlap_rows, stability_rows
from tests.selection.runs import seal, write_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return read_run(write_run(tmp_path_factory.mktemp("runs") / "run", images=200, seeds=3))


def sets(rows: list[list[str]]) -> np.ndarray:
    """Scores of networks (rows) for images (texts of 0 and 1 per class)."""
    return np.array([[[float(one) for one in image] for image in network] for network in rows])


def test_modal_label_sets_by_hand() -> None:
    """Image 1: {0} twice against {0, 1} twice: 1/2. Image 2: nothing against nothing: 1. Image 3: a tie of {0}
    and {1}; read as binary numbers {0} is 1 and {1} is 2, so {0} counts, against {1}: 0."""
    dense = sets([["100", "000", "100"], ["100", "000", "010"], ["001", "111", "001"]])
    pruned = sets([["110", "000", "010"], ["110", "000", "010"], ["001", "010", "111"]])
    came = modal_agreement(dense, pruned, np.ones((1, 3), dtype=np.int64))
    assert list(came[0]) == [0.5, 1.0, 0.0]
    # The third network alone: {2} and {2}; all against {1}; {2} against all.
    alone = modal_agreement(dense, pruned, np.array([[0, 0, 5]]))
    assert list(alone[0]) == [1.0, 1 / 3, 1 / 3]


@given(hnp.arrays(np.float64, (4, 5, 3), elements=st.sampled_from([0.2, 0.5, 0.9])))
def test_the_mode_is_the_most_frequent_set(scores: np.ndarray) -> None:
    """Against no class at all the Jaccard index is 1 where the mode is empty and 0 elsewhere."""
    came = modal_agreement(scores, np.zeros_like(scores), np.ones((1, 4), dtype=np.int64))[0]
    for image in range(5):
        votes = Counter(label_sets(scores)[:, image].tolist())
        most = max(votes.values())
        assert came[image] == (1.0 if min(s for s, v in votes.items() if v == most) == 0 else 0.0)


def test_too_many_classes_for_a_label_set() -> None:
    with pytest.raises(SelectionError, match="at most 62 classes"):
        label_sets(np.zeros((1, 1, 63)))


def tied_by(run: Run, ties: int | None) -> Run:
    """Return a run as a version made it that drew the order of ties, or as an older one did."""
    return replace(run, provenance={**run.provenance, "ties": ties})


@pytest.mark.parametrize("ties", [None, 7])
@pytest.mark.parametrize("criterion", sorted(set(CRITERIA) - {"modal-labels"}))
def test_all_seeds_once_is_the_run_itself(run: Run, criterion: str, ties: int | None) -> None:
    run = tied_by(run, ties)
    once = agreements(run, np.ones((1, 3), dtype=np.int64), criterion, ("dense", "0.90"))[0]
    np.testing.assert_allclose(
        once, CRITERIA[criterion].agreement(run.mean_scores(0.0), run.mean_scores(0.9)), atol=1e-12
    )
    found = find_in_run(run, criterion=criterion, condition=0.9, fraction=0.05)
    names = list(run.images["image"])
    other = find_exemplars(names, run.mean_scores(0.0), run.mean_scores(0.9), criterion=criterion, seed=ties)
    assert found.images == other.images


@pytest.mark.parametrize("criterion", ["spearman", "modal-labels"])
def test_chunks_change_nothing(run: Run, criterion: str) -> None:
    counts = np.array([[1, 1, 1], [3, 0, 0], [0, 2, 1]])
    whole = agreements(run, counts, criterion, ("dense", "0.90"))
    np.testing.assert_array_equal(whole, agreements(run, counts, criterion, ("dense", "0.90"), chunk=7))


def test_modal_exemplars_are_those_whose_modal_set_changes(run: Run) -> None:
    with pytest.raises(SelectionError, match="needs the scores of each seed"):
        find_exemplars(
            list(run.images["image"]), run.mean_scores(0.0), run.mean_scores(0.9), criterion="modal-labels"
        )
    found = find_in_run(run, criterion="modal-labels", condition=0.9, fraction=0.05)
    score = found.ranked.set_index("image")["score"]
    assert all(score[image] < 1 for image in found.images)
    assert len(found.images) <= found.wanted == 10


@pytest.mark.parametrize("folds", [1, 3])
@pytest.mark.parametrize("ties", [None, 7])
def test_inclusion_equals_counting_by_hand(run: Run, ties: int | None, folds: int) -> None:
    """The same resamples, each analysed by the public functions on mean scores; cross-fitted and not."""
    run = tied_by(run, ties)
    fold = np.arange(len(run.images)) % folds
    run = replace(run, images=run.images.assign(fold=fold)) if folds > 1 else run
    came = inclusion(run, criterion="spearman", condition=0.9, fraction=0.05, seed=4, draws=6)
    picks = np.random.default_rng([4, 3]).integers(3, size=(6, 3))
    names = list(run.images["image"])
    times: Counter[str] = Counter()
    for pick in picks:
        dense, pruned = (
            np.mean([run.scores(int(s), k) for s in pick], axis=0, dtype=float) for k in (0.0, 0.9)
        )
        scores = CRITERIA["spearman"].agreement(dense, pruned)
        own = rank_exemplars(names, scores, criterion="spearman", fraction=0.05, seed=ties, folds=fold)
        times.update(own.images if folds > 1 else find_exemplars(names, dense, pruned, seed=ties).images)
    assert {name: round(6 * share) for name, share in zip(names, came, strict=True) if share} == dict(times)


def test_seeds_that_agree_leave_no_doubt(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "same", images=100, seeds=1)
    for level in ("0.00", "0.90"):
        data = (folder / f"predictions/seed-0_sparsity-{level}.npy").read_bytes()
        (folder / f"predictions/seed-1_sparsity-{level}.npy").write_bytes(data)
    seal(folder)
    same = read_run(folder)
    found = find_in_run(same, criterion="spearman", condition=0.9, fraction=0.05)
    came = inclusion(same, criterion="spearman", condition=0.9, fraction=0.05, seed=0, draws=20)
    marked = same.images["image"].isin(found.images).to_numpy()
    assert set(came[marked]) == {1.0}
    assert set(came[~marked]) == {0.0}
    rows = stability_rows(came, marked)
    assert [row["exemplars"] for row in rows] == [1.0, 5, 5, 5]
    assert [row["others"] for row in rows] == [0.0, 0, 0, 0]


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 99))
def test_inclusion_sums_to_the_exemplars(run: Run, seed: int) -> None:
    came = inclusion(run, criterion="spearman", condition=0.9, fraction=0.05, seed=seed, draws=10)
    assert came.sum() == pytest.approx(10)


def test_one_seed_has_no_stability(tmp_path: Path) -> None:
    one = read_run(write_run(tmp_path / "one", images=60, seeds=1))
    with pytest.raises(SelectionError, match="two or more seeds"):
        inclusion(one, criterion="spearman", condition=0.9, fraction=0.05, seed=0)


def test_overlap_by_counting(run: Run) -> None:
    rows = overlap_rows(run, condition=0.9, fraction=0.1)
    assert len(rows) == len(CRITERIA) * (len(CRITERIA) - 1) // 2
    found = {n: set(find_in_run(run, criterion=n, condition=0.9, fraction=0.1).images) for n in CRITERIA}
    for row in rows:
        a, b = found[row["criterion_a"]], found[row["criterion_b"]]
        assert row["both"] == len(a & b)
        assert row["jaccard"] == (len(a & b) / len(a | b) if a | b else None)
    pair = next(row for row in rows if row["criterion_b"] == "pearson")
    # Two sets of 20 of 200: 2 shared by chance, 2 / 38.
    assert pair["jaccard_chance"] == pytest.approx(2 / 38)
