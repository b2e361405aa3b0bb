"""The phantom study's report recovers what was put into constructed predictions, and prints what it is given."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.metrics.ranking import rank_quality
from analysis.selection import CRITERIA
from analysis.services import phantom_study
from tests.findings.toys import RUN_CLASSES
from tests.selection.runs import seal

IMAGES, SEEDS = 800, 5
TRAINED = [4000, 2000, 600, 300, 60, 20]


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    """A run in which pruning forgets rare classes first, and images with wrong labels most of all."""
    folder = tmp_path_factory.mktemp("planted") / "run"
    (folder / "predictions").mkdir(parents=True)
    rng = np.random.default_rng(3)
    labels = (rng.random((IMAGES, 6)) < [0.5, 0.4, 0.3, 0.25, 0.2, 0.15]).astype(int)
    names = [f"{n:08d}_000.png" for n in range(IMAGES)]
    shares = {"label_noise": 0.05, "low_quality": 0.06, "difficult": 0.1}
    drawn = {fault: (rng.random(IMAGES) < share).astype(int) for fault, share in shares.items()}
    truth = pd.DataFrame({"image": names} | drawn)
    noisy = truth["label_noise"].to_numpy(dtype=bool)
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
            good = 0.5 * labels + 0.3 * ladder + 0.3 * rng.random(labels.shape)
            mix = np.clip(k * np.linspace(0.5, 1.4, 6), 0, 1)
            scores = (1 - mix) * good + mix * (0.3 * ladder + 0.5 * rng.random(labels.shape))
            if k >= 0.9:
                scores[noisy] = 1 - good[noisy]
            scores = scores.clip(0, 1).astype(np.float32)
            np.save(folder / f"predictions/seed-{seed}_sparsity-{k:.2f}.npy", scores)
            found = rank_quality(labels, scores)
            columns = {"class": RUN_CLASSES, "positives": found.positives, "ap": found.ap, "auc": found.auc}
            rows.append(pd.DataFrame({"seed": seed, "sparsity": k} | columns | {"f1": None}))
    pd.concat(rows).to_csv(folder / "metrics.csv", index=False)
    seal(folder)
    return folder, truth


def test_planted_enrichment_and_frequency_are_recovered(planted: tuple[Path, pd.DataFrame]) -> None:
    rows = phantom_study.report_rows(*planted)
    own = {
        row["item"]: row for row in rows if row["question"] == "enrichment" and row["measure"] == "spearman"
    }
    assert own["label_noise"]["ci_low"] > 3
    assert "fixed beforehand" in own["label_noise"]["note"]
    for fault in ("low_quality", "difficult"):
        # Drawn without regard to the scores; chance may still give one of them a ratio above 1.
        assert own[fault]["ci_high"] < own["label_noise"]["ci_low"]
    impact = next(row for row in rows if (row["item"], row["measure"]) == ("impact", "spearman"))
    assert impact["estimate"] > 0.5
    assert {row["measure"] for row in rows if row["question"] == "enrichment"} == set(CRITERIA)


def test_the_settings_are_those_of_the_file() -> None:
    """Changing one makes another study: the numbers in the documentation would no longer be its."""
    drawn, chosen = phantom_study.PHANTOMS, phantom_study.CHOICES
    assert (drawn.seed, drawn.train, drawn.test) == (20230818, 2000, 1200)
    assert (chosen.criterion, chosen.condition, chosen.fraction) == ("spearman", 0.9, 0.05)
    assert "seeds = [0, 1, 2, 3, 4]" in phantom_study.SWEEP_TOML
    assert "epochs = 4" in phantom_study.SWEEP_TOML
