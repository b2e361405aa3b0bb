"""One network in training: an epoch at a time, with all that is needed to resume.

Order, labels and augmentation of an epoch are drawn before it and lie on the device; losses are added up there and read
once at its end. So no step waits for the device, and on a GPU a step over a whole batch is recorded once and replayed.
"""

import copy
import io
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from analysis.frames import IGNORED
from analysis.metrics.ranking import rank_quality
from analysis.sweep.data.amended import drawn_order
from analysis.sweep.device import Pace, fix_kernels, own_stream, recorded, waits
from analysis.sweep.errors import CheckpointError, SweepError, UnitError
from analysis.sweep.methods.own import masking
from analysis.sweep.methods.registry import drawing_seed
from analysis.sweep.networks.architectures import build_classifier, channels_last, prunable_names
from analysis.sweep.networks.checkpoints import State, read_checkpoint, read_member
from analysis.sweep.networks.naming import AmbiguousError, match_names
from analysis.sweep.spec import SweepSpec
from analysis.sweep.training.losses import LOSSES, Balance, balance_of


@dataclass(frozen=True)
class Examples:
    """Images (uint8, n x size x size, in colour x 3; a tensor where they lie on the device) and labels (float32,
    n x classes: 0, 1 or `IGNORED`) of a split. `weights` of the images in the loss (float32, n), where not all weigh
    alike.
    """

    pixels: NDArray[np.uint8] | Tensor
    labels: NDArray[np.float32]
    weights: NDArray[np.float32] | None = None


class Trainer:
    """The state of one seed: weights, optimiser, the best weights so far, and the history."""

    def __init__(self, spec: SweepSpec, seed: int, recipe: str, start: Path | None = None) -> None:
        """Begin a seed; `start` is the checkpoint that is fine-tuned, where the recipe names a method."""
        self.choice = spec.train
        self.seed = seed
        self.recipe = recipe
        if self.choice.threads:
            torch.set_num_threads(self.choice.threads)
        self.device = torch.device(self.choice.device)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = build_classifier(spec.models.architecture, len(spec.data.classes))
        if self.choice.pretrained:
            load_pretrained(model, self.choice.pretrained)
        kept = _load_pruned(model, spec, seed, start) if start else {}
        self.model = channels_last(model.to(self.device))
        self._kept = [(self.model.get_parameter(name), stays.to(self.device)) for name, stays in kept.items()]
        self._remove()
        on_gpu = self.device.type == "cuda"
        # Fused, it takes the loss scale and skips a step that overflowed on the device, where others ask for it.
        self.optimiser = torch.optim.Adam(
            self.model.parameters(), lr=self.choice.learning_rate, weight_decay=self.choice.weight_decay,
            fused=on_gpu or self.device.type == "cpu", capturable=on_gpu,
        )  # fmt: skip
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.choice.precision == "fp16")
        self._reduced = {"fp16": torch.float16, "bf16": torch.bfloat16}.get(self.choice.precision)
        self._sums = torch.zeros(2, dtype=torch.float64, device=self.device)
        self._whole = 0
        self._place: tuple[Tensor, ...] = ()
        self._replay: Callable[[], None] | None = None
        self._balance: Balance | None = None
        self._ignores = False
        if on_gpu:
            fix_kernels(tf32=self.choice.precision == "tf32")
            torch.cuda.reset_peak_memory_stats()  # by this training's peak a step is recorded or not
        self.mean = torch.tensor(spec.preprocess.mean, device=self.device)
        self.deviation = torch.tensor(spec.preprocess.deviation, device=self.device)
        self.epoch = 0
        self.best: State = {}
        self.best_loss = float("inf")
        self.best_epoch = 0
        self.history: list[dict[str, Any]] = []

    @property
    def stopped(self) -> bool:
        """Say whether the last epoch was run or the validation loss has not fallen for `patience` epochs."""
        return self.epoch >= self.choice.epochs or self.epoch - self.best_epoch >= self.choice.patience

    def run_epoch(self, train: Examples, val: Examples, step: Callable[[int], None]) -> None:
        """Train on all images once, validate, and keep the weights if the validation loss fell."""
        began = time.perf_counter()
        learned = train.labels if train.weights is None else train.labels[train.weights > 0]
        self._balance = self._balance or balance_of(self.choice, learned, self.device)
        self._ignores = bool((train.labels == IGNORED).any() or (val.labels == IGNORED).any())
        with own_stream(self.device):
            train_loss = self._train(train, step)
            val_loss, val_map = self.validate(val)
        self.epoch += 1
        if val_loss < self.best_loss:
            self.best_loss, self.best_epoch = val_loss, self.epoch
            self.best = {n: v.detach().cpu().contiguous().clone() for n, v in self.model.state_dict().items()}
        seconds = round(time.perf_counter() - began, 2)
        losses = {"train_loss": train_loss, "val_loss": val_loss, "val_map": val_map}
        self.history.append({"epoch": self.epoch, **losses, "best": int(self.best_epoch == self.epoch),
                             "seconds": seconds})  # fmt: skip

    @torch.inference_mode()
    def validate(self, examples: Examples) -> tuple[float, float | None]:
        """Return the mean loss over a split, without augmentation, and the mean AP of the classes that have one.

        Raises
        ------
        UnitError: the loss is no finite number.
        """
        self.model.eval()
        scores, count = [], len(examples.labels)
        for pixels, labels, _ in self._batches(
            examples, np.arange(count), range(size := self.choice.batch_size, count, size)
        ):
            logits = self._forward(pixels)
            self._add(self._loss(logits, labels), labels)
            scores.append(torch.sigmoid(logits))
        total = self._mean()
        if not np.isfinite(total):
            raise UnitError(
                f"seed {self.seed}, epoch {self.epoch + 1}: expected a finite validation loss, got {total}; the "
                f"training has diverged: use a lower learning_rate or precision fp32, and another folder"
            )
        ap = rank_quality(examples.labels.astype(np.int8), torch.cat(scores).cpu().numpy()).ap
        known = ap[~np.isnan(ap)]
        return total, float(known.mean()) if len(known) else None

    def memory(self) -> dict[str, Any]:
        """Return all that `resume` needs."""
        state = {"weights": self.model.state_dict(), "optimiser": self.optimiser.state_dict()}
        state["scaler"] = self.scaler.state_dict()
        return state | {name: getattr(self, name) for name in ("recipe", *_KEPT)}

    def resume(self, file: Path) -> None:
        """Go on from a stored epoch.

        Raises
        ------
        SweepError: the file belongs to another recipe or other data, or to a version whose steps round otherwise.
        """
        memory = torch.load(file, map_location="cpu", weights_only=True)
        if memory["recipe"] != self.recipe:
            raise SweepError(
                f"{file}: expected this recipe and these data, got different ones; choose another folder"
            )
        if memory["optimiser"]["param_groups"][0]["fused"] != self.optimiser.param_groups[0]["fused"]:
            raise SweepError(
                f"{file}: expected a training begun by this version, got one of an earlier version, whose steps round "
                f"otherwise; delete this file to begin the seed again, or finish it with that version"
            )
        self.model.load_state_dict(memory["weights"])
        self.optimiser.load_state_dict(memory["optimiser"])
        if self.scaler.is_enabled():
            self.scaler.load_state_dict(memory["scaler"])
        for name in _KEPT:
            setattr(self, name, memory[name])

    def _train(self, train: Examples, step: Callable[[int], None]) -> float:
        self.model.train()
        draw = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        torch.manual_seed(draw.initial_seed())  # what networks draw themselves: dropout
        order = drawn_order(torch.randperm(len(train.labels), generator=draw).numpy(), train.weights)
        count, size = len(order), self.choice.batch_size
        cuts = range(size, count - 1, size)  # not before the last image alone: batch norm needs two
        drawn = [
            drawn_turns(len(rows), self.choice.rotation, self.choice.flip, draw)
            for rows in np.split(order, cuts)
        ]
        done, pace = 0, Pace(self.device)
        for batch in self._batches(train, order, cuts, torch.cat(drawn)):
            self._take(batch)
            pace.keep()
            done += len(batch[0])
            step(done)
        return self._mean()

    def _batches(
        self, examples: Examples, order: NDArray[np.int64], cuts: Iterable[int], *more: Tensor
    ) -> Iterator[tuple[Tensor, ...]]:
        """Cut a split in this order into images, labels, weights and `more`; all but images that do not lie on the
        device goes there before the first batch.
        """
        weights = (
            torch.ones(len(order)) if examples.weights is None else torch.from_numpy(examples.weights[order])
        )
        parts = [torch.from_numpy(examples.labels[order]), weights, torch.from_numpy(order), *more]
        labels, weights, places, *rest = (part.to(self.device) for part in parts)
        on_gpu = self.device.type == "cuda"
        for start, end in pairwise((0, *cuts, len(order))):
            if isinstance(examples.pixels, Tensor):
                pixels = examples.pixels[places[start:end]]
            else:
                pixels = torch.from_numpy(np.asarray(examples.pixels[order[start:end]]))
                pixels = (pixels.pin_memory() if on_gpu else pixels).to(self.device, non_blocking=True)
            yield pixels, *(part[start:end] for part in (labels, weights, *rest))

    def _take(self, batch: tuple[Tensor, ...]) -> None:
        """Train on a batch; the step over one of the full size is recorded after the first have warmed it up."""
        if len(batch[0]) != self.choice.batch_size:
            self._step(*batch)
            return
        self._place = self._place or tuple(part.clone() for part in batch)
        for place, part in zip(self._place, batch, strict=True):
            place.copy_(part)
        work = self._replay or partial(self._step, *self._place)
        self._whole += 1
        if self._whole != WARM_UPS:
            work()
        elif not waits(work, self.device):  # else it goes on step by step
            spare = copy.deepcopy(self.scaler)
            try:
                self._replay = recorded(work, self.device, beside_others=True)
            except RuntimeError:
                self.scaler = spare

    def _step(self, pixels: Tensor, labels: Tensor, weights: Tensor, turns: Tensor) -> None:
        """Train on one batch; nothing in it asks the device for a value."""
        self.optimiser.zero_grad(set_to_none=True)
        loss = self._loss(self._forward(pixels, turns), labels, weights)
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self._remove()
        self._add(loss.detach(), labels)

    @torch.no_grad()
    def _remove(self) -> None:
        """Put zeros where weights were removed: the optimiser moves them too."""
        for weight, stays in self._kept:
            weight.mul_(stays)

    def _loss(self, logits: Tensor, labels: Tensor, weights: Tensor | None = None) -> Tensor:
        if self._balance is None:
            raise RuntimeError("count the training labels before requesting a loss")
        cells = LOSSES[self.choice.loss](logits, labels.clamp(min=0), self._balance)
        if weights is not None:
            cells = cells * weights[:, None]
        if not self._ignores:
            return cells.mean()
        known = labels != IGNORED
        return (cells * known).sum() / known.sum().clamp(min=1)

    def _add(self, loss: Tensor, labels: Tensor) -> None:
        """Count a batch's loss as often as it has images, or known labels per class."""
        weight = (labels != IGNORED).sum().double() / labels.shape[1]
        self._sums += torch.stack([loss.double() * weight, weight])

    def _mean(self) -> float:
        """Return the mean loss of what was counted, and begin again."""
        total, weight = self._sums.tolist()
        self._sums.zero_()
        return float(total / max(weight, 1.0))

    def _forward(self, pixels: Tensor, turns: Tensor | None = None) -> Tensor:
        """Return logits of bytes (n x rows x columns, in colour x 3)."""
        seen = pixels.float().div_(255)
        seen = seen.unsqueeze(1) if seen.ndim == 3 else seen.permute(0, 3, 1, 2)
        if turns is not None:
            seen = augmented(seen, turns)
        batch = ((seen.permute(0, 2, 3, 1) - self.mean) / self.deviation).permute(0, 3, 1, 2)  # channels last
        with torch.autocast(self.device.type, self._reduced, enabled=self._reduced is not None):
            logits: Tensor = self.model(batch)
        return logits.float()


_KEPT = ("epoch", "best", "best_loss", "best_epoch", "history")

WARM_UPS = 3
"""Whole batches of a process that are trained on step by step before the step is recorded."""


def load_pretrained(model: nn.Module, file: Path) -> None:
    """Start from stored weights; only the head may have another size and then keeps its fresh values.

    Raises
    ------
    CheckpointError: weights of another network.
    """
    stored, wanted = read_checkpoint(file).state, model.state_dict()
    head = prunable_names(model)[-1].removesuffix(".weight") + "."
    body = [n for n in wanted if not n.startswith(head) and not n.endswith("num_batches_tracked")]
    try:
        names = match_names(list(stored), body, {}, "raw")
    except AmbiguousError as error:
        raise CheckpointError(f"{file}: expected one network, got {error}") from error
    given = {name: stored.get(names.found.get(name, names.prefix + name)) for name in wanted}
    fits = {
        name: value
        for name, value in given.items()
        if value is not None and wanted[name].shape == value.shape
    }
    absent = [n for n in body if n not in fits]
    if absent:
        raise CheckpointError(
            f"{file}: expected weights of this architecture to start from; '{absent[0]}' is missing or has "
            f"another shape ({len(absent)} of {len(wanted)})"
        )
    _fill(wanted, fits)


@torch.no_grad()
def _fill(wanted: State, given: State) -> None:
    """Copy by name: load_state_dict asks MNASNet's weights for a version that only torchvision's files carry."""
    for name, value in given.items():
        wanted[name].copy_(value)


def _load_pruned(model: nn.Module, spec: SweepSpec, seed: int, start: Path) -> dict[str, Tensor]:
    """Fill a network from a checkpoint; return by name which weights the recipe's method leaves."""
    begun = read_member(start, spec.models, len(spec.data.classes))
    begun.refuse_other_colour(spec.preprocess.colour, start)
    state = begun.state
    _fill(model.state_dict(), state)
    names, level = prunable_names(model), spec.train.level
    method = masking(spec.train.method, level)
    weights = [state[name].numpy() for name in names]
    masks = method.compress(weights, (level,), drawing_seed(spec.prune.seed, seed))
    return dict(zip(names, masks.keep(level), strict=True))


def torch_bytes(content: dict[str, Any]) -> bytes:
    """Serialise without a file name inside, so that equal content is equal bytes."""
    stream = io.BytesIO()
    torch.save(content, stream)
    return stream.getvalue()


def drawn_turns(n: int, rotation: float, flip: bool, draw: torch.Generator) -> Tensor:
    """Draw how each of n images is flipped and rotated.

    Parameters
    ----------
    rotation: angles are uniform within this many degrees to either side.
    flip: mirror left and right with probability one half.

    Returns
    -------
    Matrices of `torch.nn.functional.affine_grid`, float32, n x 2 x 3.
    """
    mirror = torch.ones(n)
    if flip:
        mirror = 1.0 - 2.0 * torch.randint(0, 2, (n,), generator=draw)
    angle = torch.deg2rad((2 * torch.rand(n, generator=draw) - 1) * rotation)
    cos, sin, zero = torch.cos(angle), torch.sin(angle), torch.zeros(n)
    rows = (torch.stack([cos * mirror, -sin, zero], 1), torch.stack([sin * mirror, cos, zero], 1))
    return torch.stack(rows, 1)


def augmented(seen: Tensor, turns: Tensor) -> Tensor:
    """Flip and rotate each image (float32, n x planes x rows x columns) by its `drawn_turns`, bilinear; 0, black, comes
    in from outside.
    """
    grid = functional.affine_grid(turns, list(seen.shape), align_corners=False)
    return functional.grid_sample(seen, grid, "bilinear", "zeros", align_corners=False)
