"""The phantom study's report recovers what was put into constructed predictions, and its seed is its recipe's."""

import math
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from analysis.metrics.ranking import rank_quality
from analysis.phantoms import PhantomError, faults
from analysis.selection import CRITERIA, find_in_run, read_run
from analysis.services import phantom_study
from tests.findings.toys import RUN_CLASSES
from tests.selection.runs import seal

IMAGES, SEEDS = 800, 5
TRAINED = [4000, 2000, 600, 300, 60, 20]


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A run in which pruning forgets rare classes first, and images of low quality most of all.

    The labels of images with a fault `missed` are wrong, and the dense networks are right about them.
    """
    folder = tmp_path_factory.mktemp("planted") / "run"
    (folder / "predictions").mkdir(parents=True)
    rng = np.random.default_rng(3)
    labels = (rng.random((IMAGES, 6)) < [0.5, 0.4, 0.3, 0.25, 0.2, 0.15]).astype(int)
    names = [f"{n:08d}_000.png" for n in range(IMAGES)]
    shares = {"random": 0.05, "missed": 0.06, "exchanged": 0.03, "low_quality": 0.06, "difficult": 0.1}
    drawn = {fault: (rng.random(IMAGES) < share).astype(int) for fault, share in shares.items()}
    truth = pd.DataFrame({"image": names} | drawn)
    faulty, missed = (truth[fault].to_numpy(dtype=bool) for fault in ("low_quality", "missed"))
    labels[:, 0] = labels[:, 1:].sum(axis=1) == 0
    seen = labels.copy()
    labels[missed] = np.eye(6, dtype=int)[0]
    dropped = (seen[:, 1:] > labels[:, 1:]) @ np.array(
        [f"-{name}; " for name in RUN_CLASSES[1:]], dtype=object
    )
    truth["flipped_labels"] = [text.strip("; ") for text in dropped]
    table = pd.DataFrame({"image": names})
    table[list(RUN_CLASSES)] = labels
    table.to_csv(folder / "images.csv", index=False)
    pd.DataFrame({"class": RUN_CLASSES, "train_positives": TRAINED, "test_positives": labels.sum(axis=0),
                  "class_group": ["head", "head", "medium", "medium", "tail", "tail"]}
                 ).to_csv(folder / "classes.csv", index=False)  # fmt: skip
    rows = []
    ladder = np.linspace(0.05, 0.3, 6)
    for seed in range(SEEDS):
        for k in (0.0, 0.3, 0.5, 0.7, 0.9, 0.95):
            good = 0.5 * seen + 0.3 * ladder + 0.3 * rng.random(labels.shape)
            mix = np.clip(k * np.linspace(0.5, 1.4, 6), 0, 1)
            scores = (1 - mix) * good + mix * (0.3 * ladder + 0.5 * rng.random(labels.shape))
            if k >= 0.9:
                scores[faulty] = 1 - good[faulty]
            scores = scores.clip(0, 1).astype(np.float32)
            np.save(folder / f"predictions/seed-{seed}_sparsity-{k:.2f}.npy", scores)
            found = rank_quality(labels, scores)
            columns = {"class": RUN_CLASSES, "positives": found.positives, "ap": found.ap, "auc": found.auc}
            rows.append(pd.DataFrame({"seed": seed, "sparsity": k} | columns | {"f1": None}))
    pd.concat(rows).to_csv(folder / "metrics.csv", index=False)
    seal(folder)
    truth.to_csv(folder.with_name("truth.csv"), index=False)
    return folder, folder.with_name("truth.csv")


def found(rows: list[dict[str, object]], question: str, measure: str) -> dict[object, dict[str, object]]:
    return {row["item"]: row for row in rows if (row["question"], row["measure"]) == (question, measure)}


def test_planted_faults_and_frequency_are_recovered(planted: tuple[Path, Path]) -> None:
    run, truth = planted
    rows = phantom_study.report_rows({"test": run, "training": run}, truth)
    assert {row["split"] for row in rows} == {"test", "training"}
    own = found(rows, "enrichment", "spearman")
    assert own["low_quality"]["ci_low"] > 3
    for fault in ("random", "missed", "exchanged", "difficult"):
        # Drawn without regard to the pictures; chance may still give one of them a ratio above 1.
        assert own[fault]["ci_high"] < own["low_quality"]["ci_low"]
    impact = next(row for row in rows if (row["item"], row["measure"]) == ("impact", "spearman"))
    assert impact["estimate"] > 0.5
    assert {row["measure"] for row in rows if row["question"] == "enrichment"} == {
        *CRITERIA,
        "loss of the labels",
    }


def test_rankings_of_labels_find_what_no_comparison_of_scores_can(planted: tuple[Path, Path]) -> None:
    rows = phantom_study.report_rows({"test": planted[0]}, planted[1])
    assert found(rows, "enrichment", "loss of the labels")["missed"]["ci_low"] > 2
    for unit in ("label", "image"):
        assert found(rows, "ranking", "loss")[f"missed positives, by {unit}"]["ci_low"] > 0.8
    by_agreement = found(rows, "ranking", "exemplars (agreement)")["missed positives, by image"]
    assert by_agreement["ci_low"] < 0.6


def test_controls_are_differences_over_seeds_with_a_90_percent_interval(
    planted: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Changes of .01 .02 .03 have mean .02 and half width 2.91999 x .01 / sqrt(3); the other's reach .004 at most."""
    quality = {"test": [0.5, 0.5, 0.5], phantom_study.POSITIVE: [0.51, 0.52, 0.53],
               phantom_study.NEGATIVE: [0.5, 0.501, 0.502]}  # fmt: skip
    run = SimpleNamespace(seeds=[0, 1, 2], scores=lambda *_: np.zeros(1))
    monkeypatch.setattr(phantom_study, "read_run", lambda name: run)
    monkeypatch.setattr(phantom_study, "better_labels", lambda *_: np.zeros(1))
    told = iter(quality[name] for name in ("test", phantom_study.POSITIVE, phantom_study.NEGATIVE))
    monkeypatch.setattr(
        phantom_study, "rank_quality", lambda *_: SimpleNamespace(ap=np.array(next(told))[:, None])
    )
    positive, negative = phantom_study.control_rows(dict.fromkeys(quality, planted[0]), planted[1])
    assert positive["estimate"] == pytest.approx(0.02)
    assert positive["ci_high"] == pytest.approx(0.02 + 2.919986 * 0.01 / math.sqrt(3), rel=1e-5)
    assert "90 % interval; within half of the positive control's effect" in negative["note"]
    assert phantom_study.control_rows({"test": planted[0]}, planted[1]) == []


def test_controls_leave_out_the_wrong_labels_or_as_many(tmp_path: Path) -> None:
    names = [f"{number}.png" for number in range(40)]
    pd.DataFrame({"id": names, "Mass": 1}).to_csv(tmp_path / "labels.csv", index=False)
    wrong = [int(number % 8 == 0) for number in range(40)]
    truth = pd.DataFrame({"image": names, "random": wrong, "missed": 0, "exchanged": 0})
    spec = SimpleNamespace(data=SimpleNamespace(labels_train=tmp_path / "labels.csv"))
    left = phantom_study._control_labels(spec, truth)
    assert set(names) - set(left[phantom_study.POSITIVE]["id"]) == set(names[::8])
    assert len(left[phantom_study.NEGATIVE]) == 35
    assert set(names) - set(left[phantom_study.NEGATIVE]["id"]) != set(names[::8])


def test_faults_are_counted_within_strata_of_contrast(planted: tuple[Path, Path]) -> None:
    run, truth = planted
    rows = phantom_study.report_rows({"test": run}, truth)
    strata = [
        found(rows, "within contrast", name)["low_quality"] for name in ("difficult", "clear or no finding")
    ]
    listed = found(rows, "enrichment", "spearman")["low_quality"]["n"]
    assert sum(int(row["n"]) for row in strata) == listed


def test_planted_rows_by_hand() -> None:
    """4 of 10 against 2 of 20 is a ratio of 4."""
    names = [f"{number}.png" for number in range(30)]
    truth = pd.DataFrame({"image": names, "random": [int(n in {0, 1, 2, 3, 20, 21}) for n in range(30)]})
    (row,) = phantom_study.planted_rows(names[:10], names, truth, ("random",))
    assert (row["exemplars"], row["of_exemplars"], row["others"], row["of_others"]) == (4, 10, 2, 20)
    assert math.isclose(row["ratio"], 4.0)
    with pytest.raises(PhantomError, match=r"'x\.png' is not"):
        phantom_study.planted_rows(["x.png"], names, truth)
    with pytest.raises(PhantomError, match=r"'y\.png' is not"):
        phantom_study.planted_rows([], [*names, "y.png"], truth)


def test_the_seed_follows_from_every_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can tune a setting on the images that are reported: another setting draws others."""
    seeds = {phantom_study.phantoms().seed}
    assert phantom_study.phantoms().seed == int(phantom_study.recipe_digest()[:12], 16)
    for where, name, value in (
        (phantom_study, "LEVEL", 0.85), (phantom_study, "SEEDS", (0, 1)), (faults, "SUBTLE", 0.5),
        (faults, "BLUR_MM", 3.0), (phantom_study, "SIZES", {**phantom_study.SIZES, "train": 1000}),
    ):  # fmt: skip
        with monkeypatch.context() as patched:
            patched.setattr(where, name, value)
            seeds.add(phantom_study.phantoms().seed)
    assert len(seeds) == 6
    assert phantom_study.phantoms().seed in seeds


def test_three_sentences_tell_what_was_found(planted: tuple[Path, Path]) -> None:
    run = read_run(planted[0])
    chosen = find_in_run(run, criterion="spearman", condition=0.9, fraction=0.05).images
    first, second, third = phantom_study.demo_words(run, chosen, pd.read_csv(planted[1]))
    assert first.startswith("These exemplars are")
    assert re.search(r"; a list made by other seeds alone shares \d+ % of it\.$", first)
    assert "low quality in" in second
    assert "random in" not in second
    assert "the negative control" in third
