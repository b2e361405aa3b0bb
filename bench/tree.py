"""A data set in CheXpert's layout through a whole sweep, and its tables at full size: python -m bench.tree

Writes small images as `train/patient00001/study1/view1_frontal.jpg`, one table with paths that begin with the data
set's folder and with labels, sex, age and view, and an untrained network; then `python -m analysis.sweep` runs over
them in a process of its own, and every row of images.csv is compared with what was drawn. Then the tables of 223,414
images (6 distinct last parts, as in CheXpert) are read and joined without images. Prints seconds and MiB. Asserts what
is right, and nothing about speed.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image

from analysis.sweep.architectures import build_classifier
from analysis.sweep.spec import DataSpec
from analysis.sweep.splits import read_people, read_split
from bench.launch import launch

FULL = 223_414
VIEWS = ("view1_frontal", "view2_lateral", "view2_frontal", "view3_frontal", "view3_lateral", "view4_lateral")
CLASSES = ("No Finding", "Cardiomegaly", "Edema", "Pneumothorax")
ARCHITECTURE = "shufflenet_v2_x0_5"
SPEC = f"""
[data]
name = "tree"
images = "images"
labels_test = "train.csv"
metadata = "train.csv"
classes = {json.dumps(CLASSES)}
id_column = "Path"
[preprocess]
size = 64
[models]
architecture = "{ARCHITECTURE}"
checkpoints = "chkpt.pt"
[prune]
sparsities = [0.0, 0.9]
[infer]
engine = "torch"
batch_size = 256
"""


def draw_table(images: int) -> pd.DataFrame:
    """Draw the table: columns Path, Sex, Age, Frontal/Lateral, AP/PA and the classes."""
    draw = np.random.default_rng(1)
    paths: list[str] = []
    patient = 0
    while len(paths) < images:
        patient += 1
        for study in range(1, draw.integers(2, 6)):
            views = sorted(draw.choice(6, draw.integers(1, 4), replace=False))
            paths += [f"train/patient{patient:05d}/study{study}/{VIEWS[view]}.jpg" for view in views]
    table = pd.DataFrame({"Path": paths[:images]})
    owner = table["Path"].str[13:18].astype(int)
    lateral = table["Path"].str.contains("lateral")
    table["Sex"] = np.where(owner % 3 == 0, "Female", "Male")
    table["Age"] = 18 + owner % 70
    table["Frontal/Lateral"] = np.where(lateral, "Lateral", "Frontal")
    table["AP/PA"] = np.where(lateral, "", np.where(owner % 2 == 0, "AP", "PA"))
    for name in CLASSES:
        table[name] = (draw.random(images) < 0.3).astype(float)
    return table.assign(Path="CheXpert-v1.0-small/" + table["Path"])


def check(frame: pd.DataFrame, table: pd.DataFrame) -> None:
    """Compare what a run knows of its images with what was drawn."""
    paths = table["Path"].tolist()
    assert frame["patient"].tolist() == [path.split("/")[2] for path in paths]
    assert frame["age"].tolist() == table["Age"].tolist()
    assert frame["sex"].tolist() == [sex[0] for sex in table["Sex"]]
    assert frame["view"].tolist() == table["AP/PA"].replace("", "LATERAL").tolist()


def sweep(home: Path, images: int) -> None:
    """Write the data set, run a sweep over it, compare, print."""
    table = draw_table(images)
    draw = np.random.default_rng(2)
    for path in table["Path"]:
        file = home / "images" / path.partition("/")[2]
        file.parent.mkdir(parents=True, exist_ok=True)
        grey = np.add.outer(draw.integers(0, 128, 72), draw.integers(0, 128, 72)).astype(np.uint8)
        Image.fromarray(grey).save(file)
    table.to_csv(home / "train.csv", index=False)
    torch.manual_seed(0)
    torch.save({"weights": build_classifier(ARCHITECTURE, len(CLASSES)).state_dict()}, home / "chkpt.pt")
    (home / "spec.toml").write_text(SPEC)
    command = [sys.executable, "-m", "analysis.sweep", str(home / "spec.toml"), "--out", str(home / "run")]
    took = launch(command)
    check(pd.read_csv(home / "run" / "images.csv"), table)
    print(
        f"sweep of {images} images at 2 sparsities: {took.seconds:.1f} s, {took.mib:.0f} MiB; all rows right"
    )


def join(home: Path, images: int) -> None:
    """Read and join tables of the full size; the metadata begins one folder lower and is in another order."""
    table = draw_table(images)
    table.to_csv(home / "labels.csv", index=False)
    people = table.drop(columns=list(CLASSES)).sample(frac=1, random_state=3)
    people.assign(Path=people["Path"].str.partition("/")[2]).to_csv(home / "people.csv", index=False)
    for name in ("labels.csv", "people.csv"):
        data = DataSpec(
            "tree",
            home,
            labels_test=home / "labels.csv",
            metadata=home / name,
            classes=CLASSES,
            id_column="Path",
        )
        before = time.process_time()  # of this process alone: other work beside it does not count
        split = read_split(data.labels_test, data, "test")
        read = time.process_time()
        found = read_people(split.images, data)
        print(
            f"{images} rows, {table['Path'].str.rpartition('/')[2].nunique()} distinct last parts, metadata "
            f"{'by whole paths' if name == 'labels.csv' else 'by their ends'}: labels {read - before:.1f} s, "
            f"metadata {time.process_time() - read:.1f} s of a core"
        )
        check(found.frame, table)


def main() -> int:
    """Run both parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--rows", type=int, default=FULL)
    parser.add_argument("--join", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.join:
        join(given.join, given.rows)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        sweep(home, given.images)
        took = launch([sys.executable, "-m", "bench.tree", "--rows", str(given.rows), "--join", str(home)])
        print(f"{took.output}\ntables alone, both joins: {took.seconds:.1f} s, {took.mib:.0f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
