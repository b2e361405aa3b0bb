"""Where the files of a run are. The only place that knows these names; imports no torch."""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analysis.conditions import Condition


class RunPaths:
    """The files of one RUN folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.plan = root / "plan.json"
        """What was frozen when the run was prepared; written last, so its presence says "prepared"."""
        self.images = root / "images.csv"
        """The test split in file order with one 0/1 column per class."""
        self.classes = root / "classes.csv"
        """The classes with their positives and frequency group."""
        self.custody = root / "custody.csv"
        """The digest of the stored values of each test image, by which its reading copy is known again."""
        self.experts = root / "experts.csv"
        """What experts said of some test images, where a second label file was given."""
        self.metrics = root / "metrics.csv"
        """AP, ROC area and F1 per seed, condition and class."""
        self.provenance = root / "provenance.json"
        """Settings and digests of a finished run."""
        self.predictions = root / "predictions"
        """The folder of the score files."""
        self.default_cache = root.parent / ".image-cache"
        """The image cache that the runs of one folder share."""

    def prediction(self, seed: int, condition: str | float) -> Path:
        """The scores of one checkpoint in one condition: float32, images x classes, in file order.

        float16 would change which images are exemplars.
        """
        return self.predictions / f"{prediction_name(seed, condition)}.npy"

    def sidecar(self, seed: int, condition: str | float) -> Path:
        """The digest, inputs and timing of one score file."""
        return self.predictions / f"{prediction_name(seed, condition)}.json"


def prediction_name(seed: int, condition: str | float) -> str:
    """Name one checkpoint in one condition, as the score files are named."""
    return f"seed-{seed}_{Condition.of(condition).in_file}"


def npy_bytes(scores: NDArray[np.float32]) -> bytes:
    """Return the bytes of a score file."""
    stream = io.BytesIO()
    np.save(stream, np.ascontiguousarray(scores, np.float32), allow_pickle=False)
    return stream.getvalue()
