"""2:4 sparsity, and magnitude pruning with and without fine-tuning, on phantoms: AP before and after.

`python -m tests.sweep.test_compression FOLDER` measures more, and draws what docs/evidence.md shows.
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.conditions import Condition
from analysis.phantoms import PhantomSpec, write_data_set
from analysis.services.findings import Choices, analyse_folder
from analysis.sweep.run.finish import run_sweep
from analysis.sweep.spec import ConditionSpec, InferSpec, PruneSpec, SweepSpec
from analysis.sweep.toml import load_spec
from analysis.sweep.training.train import train_ensemble

TOML = """
[data]
name = "phantoms"
images = "phantoms/images"
labels_train = "phantoms/labels/miccai2023_nih-cxr-lt_labels_train.csv"
labels_val = "phantoms/labels/miccai2023_nih-cxr-lt_labels_val.csv"
labels_test = "phantoms/labels/miccai2023_nih-cxr-lt_labels_test.csv"
synthetic = true
head = 0.10
tail = 0.01
[preprocess]
size = {size}
[models]
architecture = "{architecture}"
checkpoints = "dense"
[train]
seeds = {seeds}
epochs = {epochs}
batch_size = 32
learning_rate = 1e-3
rotation = 5.0
"""


def compressed(
    home: Path, architecture: str, *, train: int, test: int, size: int, epochs: int, seeds: tuple[int, ...]
) -> tuple[SweepSpec, Path]:
    """Train, fine-tune at 0.9, sweep; return the specification and the RUN folder."""
    phantoms = PhantomSpec(seed=11, train=train, val=max(20, train // 10), test=test)
    write_data_set(phantoms, home / "phantoms", home / "truth.csv")
    (home / "spec.toml").write_text(
        TOML.format(architecture=architecture, size=size, epochs=epochs, seeds=list(seeds))
    )
    spec = replace(load_spec(home / "spec.toml"), infer=InferSpec(engine="torch", threads=2))
    train_ensemble(spec, home / "dense")
    tune = replace(spec.train, method="global_l1", level=0.9, epochs=max(1, epochs // 2))
    train_ensemble(replace(spec, train=tune), home / "tuned")
    named = (
        ConditionSpec("half-2-4", method="2:4"),
        ConditionSpec("l1-0.90-tuned", checkpoints=(str(home / "tuned"),)),
    )
    spec = replace(spec, prune=PruneSpec(sparsities=(0.0, 0.5, 0.9)), conditions=named)
    return spec, run_sweep(spec, home / "run").paths.root


def test_fine_tuning_brings_back_what_pruning_at_once_takes(tmp_path: Path) -> None:
    _, run = compressed(tmp_path, "resnet18", train=120, test=50, size=32, epochs=2, seeds=(0,))
    metrics = pd.read_csv(run / "metrics.csv")
    means = metrics.groupby("condition")["ap"].mean()
    assert set(means.index) == {"dense", "0.50", "0.90", "half-2-4", "l1-0.90-tuned"}
    assert means.notna().all()
    one = np.load(run / "predictions/seed-0_sparsity-0.90.npy")
    tuned = np.load(run / "predictions/seed-0_l1-0.90-tuned.npy")
    # Pruned at once the networks give nearly the same scores for every image; fine-tuned ones tell them apart.
    assert tuned.std(axis=0).mean() > one.std(axis=0).mean()
    overall = analyse_folder(run, Choices(condition="l1-0.90-tuned", fraction=0.1)).findings.tables["overall"]
    removed = {row["condition"]: row["removed"] for row in overall}
    assert abs(removed["l1-0.90-tuned"] - removed["0.90"]) < 1e-3
    assert 0.4 < removed["half-2-4"] < 0.5


def main(home: Path) -> None:
    """Measure three seeds, write the findings, print a line for each condition."""
    _, run = compressed(home, "resnet8", train=2400, test=600, size=64, epochs=10, seeds=(0, 1, 2))
    analysed = analyse_folder(run, Choices(condition="l1-0.90-tuned"))
    analysed.write(home / "findings")
    for row in analysed.findings.tables["overall"]:
        words = Condition.of(row["condition"]).words
        print(f"{words}: mAP {row['map_mean']:.3f} [{row['map_low']:.3f}, {row['map_high']:.3f}], "
              f"{100 * row['removed']:.0f} % of all weights removed")  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]))
