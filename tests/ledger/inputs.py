"""A site's data folder with a tiny data set in all three splits, and checkpoints of a small network."""

from dataclasses import dataclass
from pathlib import Path

from tests.sweep.tiny import SMALL, make_tiny, write_images, write_labels

TRAIN = tuple(f"t{number}.png" for number in range(9))
VAL = tuple(f"v{number}.png" for number in range(3))


@dataclass(frozen=True)
class Inputs:
    """The data folder; outside it lies a secret of the server."""

    root: Path
    secret: Path

    @property
    def roots(self) -> list[Path]:
        """The folders that a page may name."""
        return [self.root]

    @property
    def section(self) -> dict[str, object]:
        """A whole [data] section, in places relative to the data folder."""
        return {
            "images": "images",
            "labels_test": "labels/miccai2023_nih-cxr-lt_labels_test.csv",
            "labels_train": "labels/train.csv",
            "labels_val": "labels/val.csv",
            "classes": "nih-cxr-lt",
        }


def make_inputs(folder: Path, seeds: tuple[int, ...] = (0, 1)) -> Inputs:
    """Write everything; checkpoints are named for a data set called tiny."""
    tiny = make_tiny(folder / "data", seeds=seeds)
    write_images(tiny.images, [*TRAIN, *VAL], seed=5)
    write_labels(tiny.root / "labels" / "train.csv", TRAIN)
    write_labels(tiny.root / "labels" / "val.csv", VAL)
    secret = folder / "secret.csv"
    secret.write_text("id,Hernia\na,1\n", encoding="utf-8")
    (tiny.root / "link.csv").symlink_to(secret)
    (tiny.root / "way-out").symlink_to(folder, target_is_directory=True)
    return Inputs(tiny.root, secret)


ARCHITECTURE = SMALL
RECIPE: dict[str, object] = {
    "seeds": [0, 3], "epochs": 2, "batch_size": 4, "learning_rate": 0.001, "threads": 1,
}  # fmt: skip
PRUNE: dict[str, object] = {"sparsities": [0.0, 0.9]}
INFER: dict[str, object] = {"batch_size": 3, "threads": 1, "engine": "torch"}
