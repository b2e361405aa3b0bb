"""Recompute batch-norm statistics for the weights that pruning has left.

Activations of a pruned network differ from those behind its running means and variances; for that reason alone it can
give nearly the same answer for every image. The statistics are a cumulative average over batches of the network's own
training images with the test-time transform, as torch computes it with `momentum=None` (Izmailov et al. 2018, arXiv
1803.05407, section 3, for averaged weights); no weight changes.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from analysis.durable import sha256_bytes
from analysis.sweep.data.amended import amended
from analysis.sweep.data.image_cache import ImageCache, ensure_cache
from analysis.sweep.data.splits import Split, locate
from analysis.sweep.engines.backend import normalisation_table, normalised
from analysis.sweep.errors import DataError, SpecError
from analysis.sweep.networks.architectures import build_classifier, channels_last
from analysis.sweep.spec import ModelsSpec, SweepSpec

IMAGES, BATCH = 2048, 256
"""How many training images are drawn, and how many of them are taken at once."""


def sample_of(spec: SweepSpec, train: Split | None) -> tuple[tuple[str, ...], dict[str, str]]:
    """Draw the training images of a run by `[prune] seed`, where a condition wants them.

    Returns
    -------
    Names in file order, and the SHA-256 of names and file sizes, by `recalibration`; both empty where no condition is
    recalibrated.

    Raises
    ------
    SpecError: a network without batch norm.
    DataError: no training labels, or fewer than `IMAGES` images.
    """
    wanted = [name for name in spec.axis if spec.condition(name).recalibrate]
    for name in wanted:
        model = build_classifier(spec.models_of(name).architecture, len(spec.data.classes), device="meta")
        if not any(isinstance(module, _BatchNorm) for module in model.modules()):
            raise SpecError(f"recalibrate: expected a network with batch norm for {name}, got one without")
    if not wanted:
        return (), {}
    _, weights = amended(train, spec.data.classes, spec.train) if train else (None, None)
    own = np.flatnonzero(np.ones(len(train.images)) if weights is None else weights) if train else ()
    if train is None or len(own) < IMAGES:
        raise DataError(
            f"recalibrate: expected {IMAGES} training images or more ([data] labels_train), got {len(own)}"
        )
    rows = np.sort(np.random.default_rng(spec.prune.seed).permutation(own)[:IMAGES])
    names = tuple(train.images[row] for row in rows)
    sizes = [[n, f.stat().st_size] for n, f in zip(names, locate(names, spec.data, train.where), strict=True)]
    return names, {"recalibration": sha256_bytes(json.dumps(sizes).encode())}


def sample_cache(names: tuple[str, ...], spec: SweepSpec, folder: Path) -> ImageCache:
    """Return the decoded training images; they are decoded where this host has them not yet."""
    return ensure_cache(folder, names, locate(names, spec.data, Path("labels_train")), spec.preprocess)


class Recalibration:
    """Statistics of one architecture for any weights, from the same images each time (uint8, n x size x size (x 3))."""

    def __init__(self, spec: SweepSpec, models: ModelsSpec, pixels: NDArray[np.uint8]) -> None:
        self._pixels, self._device, seen = pixels, spec.infer.device, spec.preprocess
        model = build_classifier(models.architecture, len(spec.data.classes))
        self._model = channels_last(model.to(self._device))
        self._table = normalisation_table(seen.mean, seen.deviation).to(self._device)

    @torch.no_grad()
    def state(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return a state dict of these weights with statistics of their own."""
        self._model.load_state_dict(dict(weights), strict=False)
        norms = [module for module in self._model.eval().modules() if isinstance(module, _BatchNorm)]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None
            norm.train()
        for rows in np.array_split(np.arange(len(self._pixels)), max(1, len(self._pixels) // BATCH)):
            seen = torch.from_numpy(np.array(self._pixels[rows])).to(self._device)
            self._model(normalised(seen, self._table))
        found: dict[str, Any] = self._model.state_dict()
        return {name: found[name].clone() for name in weights}
