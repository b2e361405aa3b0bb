"""Run one ensemble member at any level: compress, fold the batch norms, hand the weights to an engine."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from analysis.sweep.device import keep_freed_memory
from analysis.sweep.engines.backend import Backend, Network, Step
from analysis.sweep.engines.static import MAKERS
from analysis.sweep.methods import Compressed, find_method
from analysis.sweep.methods.registry import AS_TRAINED, Rewritten, StateMethod, drawing_seed
from analysis.sweep.networks.architectures import build_classifier, prunable_names
from analysis.sweep.networks.checkpoints import State
from analysis.sweep.networks.folding import fold_norms
from analysis.sweep.run.recalibrate import Recalibration
from analysis.sweep.spec import ENGINES_OF, InferSpec, ModelsSpec, PreprocessSpec, PruneSpec, SweepSpec


class Engine:
    """A network of one architecture that predicts for any checkpoint and level.

    Parameters
    ----------
    architecture, n_classes: the network.
    infer: device, precision, engine, batch size, threads; the thread count is set for the process. The engine
        `auto` stands for plain torch here; `analysis.sweep.run.choose` measures.
    preprocess: size of an image, mean and deviation of its channels. output: what turns logits into scores.

    `parameters`: of the network, weights, biases and norms together.
    """

    def __init__(
        self, architecture: str, n_classes: int, infer: InferSpec, preprocess: PreprocessSpec | None = None,
        output: str = "sigmoid",
    ) -> None:  # fmt: skip
        if infer.threads:
            torch.set_num_threads(infer.threads)
        if infer.device == "cpu":
            keep_freed_memory()
        self.infer = infer
        model = build_classifier(architecture, n_classes)
        self.prunable = prunable_names(model)
        self.parameters = sum(parameter.numel() for parameter in model.parameters())
        self._folded = fold_norms(model)
        seen = preprocess or PreprocessSpec()
        self._network = Network(
            self._folded.network, n_classes, seen.shape, seen.mean, seen.deviation, output
        )
        plain = ENGINES_OF[infer.device, infer.precision][0]
        self.backend: Backend = MAKERS[plain if infer.engine == "auto" else infer.engine](
            self._network, infer
        )
        self._state: State = {}
        self._compressed: Compressed | None = None
        self._recalibration: Recalibration | None = None

    @classmethod
    def of(
        cls, spec: SweepSpec, infer: InferSpec | None = None, models: ModelsSpec | None = None
    ) -> "Engine":
        """Make the engine of a specification, run in another way or with other networks where these are given."""
        models = models or spec.models
        return cls(
            models.architecture, len(spec.data.classes), infer or spec.infer, spec.preprocess, models.output
        )

    def another(self, infer: InferSpec) -> Backend:
        """Make an engine of another kind, precision or batch size with a copy of the same folded network."""
        return MAKERS[infer.engine](replace(self._network, module=deepcopy(self._folded.network)), infer)

    def compressed(self, state: State, prune: PruneSpec, seed: int) -> Compressed:
        """Make all levels of a pristine state dict ready in one pass; the processor does it, in any thread.

        `prune`: without a method the weights stay as they are.
        """
        method = find_method(prune.method) if prune.method else AS_TRAINED
        drawing = drawing_seed(prune.seed, seed)
        if isinstance(method, StateMethod):
            return Rewritten(method, state, self.prunable, drawing)
        return method.compress([state[name].numpy() for name in self.prunable], prune.sparsities, drawing)

    def load(
        self, state: State, prune: PruneSpec, seed: int, recalibration: Recalibration | None = None,
        compressed: Compressed | None = None,
    ) -> Compressed:  # fmt: skip
        """Take a pristine state dict (kept untouched), with what `compressed` made of it where it is made already.

        `recalibration`: what gives every level, 0 too, batch-norm statistics of its own.
        """
        self._recalibration = recalibration
        self._compressed = compressed or self.compressed(state, prune, seed)
        self._state = {name: value.to(self.infer.device) for name, value in state.items()}
        return self._compressed

    @torch.no_grad()
    def weights(self, level: float) -> dict[str, Tensor]:
        """Return the compressed and folded weights of a level, on the device of the run."""
        if self._compressed is None:
            raise RuntimeError("load a checkpoint before predicting")
        if isinstance(self._compressed, Rewritten):
            changed = {n: v.to(self.infer.device) for n, v in self._compressed.state(level).items()}
        else:
            layers = [self._state[name] for name in self.prunable]
            compressed = self._compressed.weights(level, layers)
            changed = self._state | dict(zip(self.prunable, compressed, strict=True))
        return self._folded.folded(self._recalibration.state(changed) if self._recalibration else changed)

    def predict(
        self, level: float, pixels: NDArray[np.uint8] | Tensor, step: Step = lambda *_: None
    ) -> NDArray[np.float32]:
        """Predict all images at one level.

        Parameters
        ----------
        pixels: uint8, images x size x size (in colour x 3); a tensor already on the device is used where it lies.
        step: called with (done, total) images after each batch.

        Returns
        -------
        Scores, float32, images x classes, from 0 to 1.
        """
        self.backend.write(self.weights(level))
        return self.backend.scores(pixels, step)
