"""A list of exemplars is judged by what one answer for all images would give, and by the noise of training."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.conditions import Condition
from analysis.selection import CRITERIA, Run, find_in_run, read_run
from analysis.selection.choose import FINE
from analysis.selection.validity import (
    highest_valid,
    noise_floor,
    proposal_words,
    validity_row,
    validity_rows,
    validity_words,
    verdict_of,
)
from tests.selection.runs import seal


def run_of(
    folder: Path,
    labels: np.ndarray,
    scores: dict[tuple[int, float], np.ndarray],
    names: list[str] | None = None,
) -> Run:
    """Write and read a RUN folder of given scores (images x classes) by seed and sparsity."""
    (folder / "predictions").mkdir(parents=True)
    classes = [f"class {number}" for number in range(labels.shape[1])]
    table = pd.DataFrame({"image": names or [f"{n:08d}_000.png" for n in range(len(labels))]})
    table[classes] = labels
    table.to_csv(folder / "images.csv", index=False)
    pd.DataFrame(
        {
            "class": classes,
            "train_positives": 100,
            "test_positives": labels.sum(axis=0),
            "class_group": "head",
        }
    ).to_csv(folder / "classes.csv", index=False)
    for (seed, sparsity), values in scores.items():
        np.save(folder / f"predictions/seed-{seed}_sparsity-{sparsity:.2f}.npy", values.astype(np.float32))
    seal(folder)
    return read_run(folder)


PAIR = ("dense", "0.90")
DENSE = np.array([[0.2, 0.4, 0.6], [0.9, 0.4, 0.2], [0.2, 0.6, 0.4], [0.4, 0.2, 0.6]])
PRUNED = np.array([[0.3, 0.4, 0.5], [0.3, 0.4, 0.5], [0.3, 0.5, 0.4], [0.3, 0.4, 0.5]])
LABELS = np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0], [1, 0, 1]])


def test_four_images_by_hand(tmp_path: Path) -> None:
    """Spearman's of three classes is 1 - sum d^2 / 4.

    Agreement of the rows: 1, -1, 1, 1/2. The mean prediction, .300 .425 .475, ranks 1 2 3: agreement with it is
    1, -1, 1/2, 1/2. Sums of the products of deviations are 2.375, 2.6875 and 2.25. Half of the images are two
    exemplars: b and d; the constant gives b, and c before d by name. The dense mean, .425 .400 .450, ranks otherwise.
    """
    run = run_of(tmp_path, LABELS, {(0, 0.0): DENSE, (0, 0.9): PRUNED}, ["a.png", "b.png", "c.png", "d.png"])
    row = validity_row(run, criterion="spearman", pair=PAIR, fraction=0.5)
    assert row["correlation"] == pytest.approx(2.375 / np.sqrt(2.6875 * 2.25))
    assert (row["exemplars"], row["by_constant"], row["shared"]) == (2, 1, 0.5)
    assert row["verdict"] == "collapsed"


def test_a_cross_fitted_run_is_judged_within_its_folds(tmp_path: Path) -> None:
    """Spearman's by hand, see above. Fold 0: -1, 1/2, 1, 1, and with its own constant (ranks 1 2 3) 1, -1, 1/2, 1/2.

    Fold 1 has collapsed to ranks 3 2 1: -1, 1, -1/2, -1/2, and the same with its constant. The mean of all would have
    the ranks 3 2 1 in both folds.
    """
    healthy = [[0.41, 0.40, 0.39], [0.4, 0.5, 0.3], [0.2, 0.6, 0.5], [0.4, 0.2, 0.9]]
    pruned = np.vstack([healthy, np.tile([0.5, 0.4, 0.3], (4, 1))])
    scores = {(0, 0.0): np.vstack([DENSE, DENSE]), (0, 0.9): pruned}
    run = run_of(tmp_path / "fit", np.vstack([LABELS, LABELS]), scores)
    run = replace(run, images=run.images.assign(fold=[0] * 4 + [1] * 4))
    found = find_in_run(run, criterion="spearman", condition=0.9, fraction=0.5)
    assert [int(name[:8]) // 4 for name in sorted(found.images)] == [0, 0, 1, 1]
    row = validity_row(run, criterion="spearman", pair=PAIR, fraction=0.25)
    assert (row["exemplars"], row["by_constant"]) == (2, 1)


def test_spread_and_ap_by_hand(tmp_path: Path) -> None:
    """One class, log odds +-log 9 and +-log 3: standard deviations log 9 and log 3, so the spread is one half.

    The other class does not move. AP of the first is 1 at a prevalence of 1/2; of the second, whose scores are all
    equal, it is its prevalence.
    """
    labels = np.array([[1, 0], [0, 1], [1, 1], [0, 0]])
    dense = np.array([[0.9, 0.5], [0.1, 0.5], [0.9, 0.5], [0.1, 0.5]])
    pruned = np.array([[0.75, 0.5], [0.25, 0.5], [0.75, 0.5], [0.25, 0.5]])
    run = run_of(tmp_path, labels, {(0, 0.0): dense, (0, 0.9): pruned})
    row = validity_row(run, criterion="jensen-shannon", pair=PAIR, fraction=0.5)
    assert row["spread"] == pytest.approx(0.5, abs=1e-6)
    assert row["ap_above"] == row["ap_above_dense"] == pytest.approx(0.25)


def test_noise_floor_by_hand(tmp_path: Path) -> None:
    """Two seeds have two splits. Dense networks agree fully on a, and reverse b; pruned ones reverse both."""
    up, down = [0.2, 0.4, 0.6], [0.6, 0.4, 0.2]
    scores = {
        (0, 0.0): np.array([up, up]), (1, 0.0): np.array([up, down]),
        (0, 0.9): np.array([down, down]), (1, 0.9): np.array([down, down]),
    }  # fmt: skip
    run = run_of(tmp_path, np.array([[1, 0, 1], [0, 1, 0]]), scores)
    row = noise_floor(run, criterion="spearman", pair=PAIR, fraction=0.5, seed=0)
    # Seed 0 against pruned: -1, -1; seed 1 against pruned: -1, +1. Which of them is half A is drawn.
    times = round((row["beyond"] + 1) * 20)
    assert row["splits"] == 20
    assert row["floor"] == 0.0
    assert row["floor_cut"] == row["beyond_cut"] == -1.0
    assert 0 < times < 20
    assert row["lower"] == 0


def ensemble(tmp_path: Path, mix: float, noise: float, seeds: int = 4) -> Run:
    """Pruned scores are a share `mix` of the dense ones, the rest one constant, and noise."""
    rng = np.random.default_rng(5)
    labels = (rng.random((400, 8)) < np.linspace(0.6, 0.05, 8)).astype(int)
    truth = 0.5 * labels + 0.4 * rng.random(labels.shape) + np.linspace(0.08, 0, 8)
    constant = truth.mean(axis=0)
    scores = {}
    for seed in range(seeds):
        own = truth + 0.02 * rng.standard_normal(truth.shape)
        scores[seed, 0.0] = own
        scores[seed, 0.5] = own + 0.02 * rng.standard_normal(truth.shape)
        scores[seed, 0.9] = mix * own + (1 - mix) * constant + noise * rng.standard_normal(truth.shape)
    return run_of(tmp_path, labels, {key: values.clip(0, 1) for key, values in scores.items()})


@pytest.mark.parametrize("criterion", CRITERIA)
def test_a_collapsed_ensemble_is_named_and_a_healthy_one_is_not(tmp_path: Path, criterion: str) -> None:
    gone = ensemble(tmp_path / "gone", mix=0.0, noise=0.001)
    found = validity_row(gone, criterion=criterion, pair=PAIR, fraction=0.05)
    assert found["verdict"] == "collapsed"
    assert "say little about single images" in validity_words(found)
    well = ensemble(tmp_path / "well", mix=1.0, noise=0.15)
    healthy = validity_row(well, criterion=criterion, pair=PAIR, fraction=0.05)
    # Criteria of few values leave much of the list to the order of ties.
    assert healthy["verdict"] in (("valid",) if criterion in ("spearman", *FINE) else ("valid", "doubtful"))
    assert "(collapsed)" not in validity_words(healthy)


def test_damage_beyond_the_noise_of_training_is_told_from_it(tmp_path: Path) -> None:
    run = ensemble(tmp_path, mix=1.0, noise=0.15)
    pruned = noise_floor(run, criterion="spearman", pair=PAIR, fraction=0.05, seed=1)
    assert pruned["lower"] == 20
    assert pruned["beyond"] < pruned["floor"]
    nothing = ensemble(tmp_path / "same", mix=1.0, noise=0.02)
    assert pruned["seeds"] < 6
    found = {"condition": "0.90", "verdict": "valid", "correlation": 0.2, "by_constant": 1, "exemplars": 20,
             "spread": None, "ap_above": None}  # fmt: skip
    assert "fewer than 6 seeds cannot tell" in validity_words(found, pruned)
    pruned = pruned | {"seeds": 6}
    same = noise_floor(nothing, criterion="spearman", pair=PAIR, fraction=0.05, seed=1)
    assert same["lower"] < 20
    assert same["beyond"] == pytest.approx(same["floor"], abs=0.02)
    share = f"the two lists share {100 * pruned['floor_shared']:.0f} %."
    for floor, said, unsaid in (
        (
            pruned,
            f"{share} Agreement at the cut is lower with the pruned networks in 20 of 20 splits: more",
            "exceeds",
        ),
        (pruned | {"lower": 18}, "in 18 of 20 splits: more than other seeds do.", "exceeds seed"),
        (
            pruned | {"lower": 17},
            "in 17 of 20 splits, where without any effect it would be in up to half",
            "more than",
        ),
        (same | {"seeds": 6}, "that does not tell the list from seed noise.", "more than"),
    ):
        words = validity_words(found, floor)
        assert said in words
        assert unsaid not in words
        assert "come from seed noise" not in words


def test_one_seed_has_no_noise_floor(tmp_path: Path) -> None:
    run = ensemble(tmp_path, mix=1.0, noise=0.1, seeds=1)
    row = noise_floor(run, criterion="spearman", pair=PAIR, fraction=0.05, seed=1)
    assert (row["splits"], row["floor"]) == (0, None)
    assert "Seed noise" not in validity_words(
        validity_row(run, criterion="spearman", pair=PAIR, fraction=0.05), row
    )


@pytest.mark.parametrize(
    ("correlation", "shared", "verdict"),
    [
        (0.90, 0.0, "collapsed"), (0.1, 0.50, "collapsed"), (0.899, 0.499, "doubtful"), (0.70, 0.0, "doubtful"),
        (-1.0, 0.25, "doubtful"), (0.699, 0.249, "valid"), (None, 0.6, "collapsed"), (0.2, None, "valid"),
        (None, None, None),
    ],
)  # fmt: skip
def test_limits_of_the_verdicts(correlation: float | None, shared: float | None, verdict: str | None) -> None:
    assert verdict_of(correlation, shared) == verdict


def test_spread_and_ap_never_decide(tmp_path: Path) -> None:
    """Scores that are pressed together around one half keep their order: nothing was forgotten."""
    run = ensemble(tmp_path / "run", mix=1.0, noise=0.15)
    pressed = {key: 0.5 + 0.02 * (np.load(path) - 0.5) if key[1] == "0.90" else np.load(path)
               for key, path in run.predictions.items()}  # fmt: skip
    again = run_of(
        tmp_path / "pressed",
        run.labels,
        {(s, Condition.of(name).level or 0.0): v for (s, name), v in pressed.items()},
    )
    row = validity_row(again, criterion="spearman", pair=PAIR, fraction=0.05)
    assert row["spread"] < 0.1
    assert row["verdict"] == "valid"


def test_the_highest_valid_level_is_a_proposal_and_says_so(tmp_path: Path) -> None:
    run = ensemble(tmp_path, mix=0.0, noise=0.001)
    rows = validity_rows(run, criterion="spearman", fraction=0.05)
    assert [row["condition"] for row in rows] == ["0.50", "0.90"]
    assert highest_valid(rows) == 0.5
    assert proposal_words(rows, "0.90") == (
        "On the validation split 50 % is the highest valid level; the level used here, 90 %, stays as it was chosen."
    )
    assert "no level is valid" in proposal_words(rows[1:], "0.90")
    assert highest_valid([rows[0], {"condition": "0.80", "verdict": "doubtful"}, rows[1]]) == 0.5
    assert "No level is proposed" in proposal_words(None, "0.90")


def test_a_condition_without_a_share_is_named(tmp_path: Path) -> None:
    """Nothing is pruned in a student network: no sentence may say so."""
    row = {"condition": "student", "verdict": "collapsed", "correlation": 0.95, "by_constant": 9, "exemplars": 10,
           "spread": 0.1, "ap_above": 0.1, "ap_above_dense": 0.4}  # fmt: skip
    words = validity_words(row)
    assert "one answer for all images would give much the same list (collapsed)" in words
    assert "prun" not in words
    assert "the condition used here, student, stays as it was chosen" in proposal_words([row], "student")
    assert highest_valid([row | {"verdict": "valid"}]) is None
