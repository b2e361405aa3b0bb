"""Where everything of a run lies. The only place that knows these names; imports no torch."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RunPaths:
    """The files of one RUN folder."""

    root: Path

    @property
    def plan(self) -> Path:
        """What was frozen when the run was prepared; written last, so its presence says "prepared"."""
        return self.root / "plan.json"

    @property
    def images(self) -> Path:
        """The test split in file order with one 0/1 column per class."""
        return self.root / "images.csv"

    @property
    def classes(self) -> Path:
        """The classes with their positives and frequency group."""
        return self.root / "classes.csv"

    @property
    def custody(self) -> Path:
        """The digest of the stored values of each test image, by which its reading copy is known again."""
        return self.root / "custody.csv"

    @property
    def metrics(self) -> Path:
        """AP, ROC area and F1 per seed, sparsity and class."""
        return self.root / "metrics.csv"

    @property
    def provenance(self) -> Path:
        """Settings and digests of a finished run."""
        return self.root / "provenance.json"

    @property
    def check(self) -> Path:
        """What the run's precision changes on a sample, where that was asked for."""
        return self.root / "check.json"

    @property
    def predictions(self) -> Path:
        """The folder of the score files."""
        return self.root / "predictions"

    def prediction(self, seed: int, sparsity: float) -> Path:
        """The scores of one checkpoint at one sparsity: float32, images x classes, in file order.

        float16 would change which images are exemplars.
        """
        return self.predictions / f"{prediction_name(seed, sparsity)}.npy"

    def sidecar(self, seed: int, sparsity: float) -> Path:
        """The digest, inputs and timing of one score file."""
        return self.predictions / f"{prediction_name(seed, sparsity)}.json"

    @property
    def default_cache(self) -> Path:
        """The image cache that the runs of one folder share."""
        return self.root.parent / ".image-cache"


def prediction_name(seed: int, sparsity: float) -> str:
    """Name one checkpoint at one sparsity, as the score files are named."""
    return f"seed-{seed}_sparsity-{sparsity:.2f}"
