"""Run one ensemble member at any sparsity: masks in place, folded batch norm, channels last, inference
mode.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from analysis.sweep.architectures import build_classifier, channels_last, prunable_names
from analysis.sweep.checkpoints import State
from analysis.sweep.folding import fold_norms
from analysis.sweep.methods import Masks, find_method
from analysis.sweep.spec import InferSpec, PruneSpec

MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)
"""ImageNet's channel statistics, with which the published networks were trained."""

_DTYPES = {"fp32": torch.float32, "tf32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}

Step = Callable[[int, int], None]


def normalisation_table() -> Tensor:
    """Return (x / 255 - mean) / deviation for each byte x: float32, 256 x 3, bit-equal to torchvision's
    transforms.
    """
    bytes_ = torch.arange(256, dtype=torch.float32) / 255
    return (bytes_[:, None] - torch.tensor(MEAN)) / torch.tensor(DEVIATION)


def normalised(grey: Tensor, table: Tensor) -> Tensor:
    """Turn grey bytes (n x rows x columns, uint8) into a channels-last batch n x 3 x rows x columns."""
    return torch.nn.functional.embedding(grey.int(), table).permute(0, 3, 1, 2)


class Engine:
    """A network of one architecture that predicts for any checkpoint and sparsity.

    Parameters
    ----------
    architecture, n_classes: the network.
    infer: device, precision, batch size, threads; the thread count is set for the process.
    """

    def __init__(self, architecture: str, n_classes: int, infer: InferSpec) -> None:
        if infer.threads:
            torch.set_num_threads(infer.threads)
        torch.backends.cuda.matmul.allow_tf32 = infer.precision == "tf32"
        torch.backends.cudnn.allow_tf32 = infer.precision == "tf32"
        self.infer = infer
        self.device = torch.device(infer.device)
        self.dtype = _DTYPES[infer.precision]
        model = build_classifier(architecture, n_classes)
        self.prunable = prunable_names(model)
        self._folded = fold_norms(model)
        self._network = channels_last(self._folded.network.to(self.device, self.dtype)).eval()
        self._table = normalisation_table().to(self.device, self.dtype)
        self._state: State = {}
        self._masks: Masks | None = None

    def load(self, state: State, prune: PruneSpec, seed: int) -> Masks:
        """Take a pristine state dict (kept untouched) and find the cuts of all ratios."""
        self._state = state
        weights = [state[name].numpy() for name in self.prunable]
        self._masks = Masks(
            find_method(prune.method), weights, prune.sparsities, _drawing_seed(prune.seed, seed)
        )
        return self._masks

    @torch.inference_mode()
    def predict(self, sparsity: float, pixels: NDArray[np.uint8] | Tensor, step: Step | None = None
                ) -> NDArray[np.float32]:  # fmt: skip
        """Predict all images at one ratio.

        Parameters
        ----------
        pixels: uint8, images x size x size; a tensor already on the device is used where it lies.
        step: called with (done, total) images after each batch.

        Returns
        -------
        Sigmoid scores, float32, images x classes, from 0 to 1.
        """
        if self._masks is None:
            raise RuntimeError("load a checkpoint before predicting")
        self._write(sparsity, self._masks)
        scores = []
        for start in range(0, len(pixels), self.infer.batch_size):
            batch = pixels[start : start + self.infer.batch_size]
            grey = batch if isinstance(batch, Tensor) else torch.from_numpy(np.array(batch))
            logits = self._network(normalised(grey.to(self.device), self._table))
            scores.append(torch.sigmoid(logits.float()).cpu())
            if step:
                step(min(start + self.infer.batch_size, len(pixels)), len(pixels))
        return torch.cat(scores).numpy()

    def _write(self, sparsity: float, masks: Masks) -> None:
        if masks.removed(sparsity) == 0:
            self._folded.write(self._state, {})
            return
        kept = zip(self.prunable, masks.keep(sparsity), strict=True)
        masked = {name: self._state[name] * torch.from_numpy(stays) for name, stays in kept}
        self._folded.write(self._state, masked)


def _drawing_seed(prune_seed: int, checkpoint_seed: int) -> int:
    """Return one seed for each pair, so that the members of an ensemble lose different weights."""
    return int(np.random.SeedSequence([prune_seed, checkpoint_seed]).generate_state(1, np.uint64)[0])


def resolved_threads(threads: int) -> int:
    """Return the thread count that 0 stands for on this host."""
    return threads or torch.get_num_threads()


def resolved_engine(engine: str) -> str:
    """Return the engine that `auto` stands for."""
    return "torch" if engine == "auto" else engine


def library_versions(names: Sequence[str] = ("torch", "torchvision", "numpy", "pillow")) -> dict[str, str]:
    """Return the versions that a run freezes."""
    from importlib.metadata import version

    return {name: version(name) for name in names}
