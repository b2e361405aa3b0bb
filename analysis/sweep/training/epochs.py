"""One network in training: an epoch at a time, with all that is needed to go on after a stop."""

import io
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
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
from analysis.sweep.device import free_bytes
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
    """Images (uint8, n x size x size; a tensor where they lie on the device) and labels (float32, n x classes: 0, 1 or
    `IGNORED`) of a split. `weights` of the images in the loss (float32, n), where not all weigh alike.
    """

    pixels: NDArray[np.uint8] | Tensor
    labels: NDArray[np.float32]
    weights: NDArray[np.float32] | None = None

    @property
    def learned(self) -> NDArray[np.float32]:
        """The labels of the images that are not left out."""
        return self.labels if self.weights is None else self.labels[self.weights > 0]


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
        weights = dict(self.model.named_parameters())
        self._kept = [(weights[name], stays.to(self.device)) for name, stays in kept.items()]
        self._remove()
        self.optimiser = torch.optim.Adam(
            self.model.parameters(), lr=self.choice.learning_rate, weight_decay=self.choice.weight_decay
        )
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.choice.precision == "fp16")
        self._reduced = _REDUCED.get(self.choice.precision)
        self._balance: Balance | None = None
        self._ignores = False
        if self.device.type == "cuda":
            _fix_kernels(tf32=self.choice.precision == "tf32")
        self.mean = torch.tensor(spec.preprocess.mean, device=self.device).reshape(1, 3, 1, 1)
        self.deviation = torch.tensor(spec.preprocess.deviation, device=self.device).reshape(1, 3, 1, 1)
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
        self._balance = self._balance or balance_of(self.choice, train.learned, self.device)
        self._ignores = bool((train.labels == IGNORED).any() or (val.labels == IGNORED).any())
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
        total, weight, scores = 0.0, 0.0, []
        for start in range(0, len(examples.labels), self.choice.batch_size):
            rows = np.arange(start, min(start + self.choice.batch_size, len(examples.labels)))
            labels = torch.from_numpy(examples.labels[rows]).to(self.device)
            logits = self._forward(self._grey(examples.pixels, rows))
            total += float(self._loss(logits, labels)) * self._weight(examples.labels[rows])
            weight += self._weight(examples.labels[rows])
            scores.append(torch.sigmoid(logits).cpu().numpy())
        if not np.isfinite(total):
            raise UnitError(
                f"seed {self.seed}, epoch {self.epoch + 1}: expected a finite validation loss, got {total}; the "
                f"training has diverged: use a lower learning_rate or precision fp32, and another folder"
            )
        ap = rank_quality(examples.labels.astype(np.int8), np.concatenate(scores)).ap
        known = ap[~np.isnan(ap)]
        return total / max(weight, 1.0), float(known.mean()) if len(known) else None

    def memory(self) -> dict[str, Any]:
        """Return all that `resume` needs."""
        kept = ("recipe", "epoch", "best", "best_loss", "best_epoch", "history")
        state = {"weights": self.model.state_dict(), "optimiser": self.optimiser.state_dict()}
        state["scaler"] = self.scaler.state_dict()
        return state | {name: getattr(self, name) for name in kept}

    def resume(self, file: Path) -> None:
        """Go on from a stored epoch.

        Raises
        ------
        SweepError: the file belongs to another recipe or other data.
        """
        memory = torch.load(file, map_location="cpu", weights_only=True)
        if memory["recipe"] != self.recipe:
            raise SweepError(
                f"{file}: expected this recipe and these data, got different ones; choose another folder"
            )
        self.model.load_state_dict(memory["weights"])
        self.optimiser.load_state_dict(memory["optimiser"])
        if self.scaler.is_enabled():
            self.scaler.load_state_dict(memory["scaler"])
        for name in ("epoch", "best", "best_loss", "best_epoch", "history"):
            setattr(self, name, memory[name])

    def _train(self, train: Examples, step: Callable[[int], None]) -> float:
        self.model.train()
        draw = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        order = torch.randperm(len(train.labels), generator=draw).numpy()
        total, weight = 0.0, 0.0
        batches = _batches(drawn_order(order, train.weights), self.choice.batch_size)
        done = 0
        for rows in batches:
            grey = augmented(self._grey(train.pixels, rows), self.choice.rotation, self.choice.flip, draw)
            labels = torch.from_numpy(train.labels[rows]).to(self.device)
            self.optimiser.zero_grad(set_to_none=True)
            weighing = (
                None if train.weights is None else torch.from_numpy(train.weights[rows]).to(self.device)
            )
            loss = self._loss(self._forward(grey), labels, weighing)
            self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
            self.scaler.step(self.optimiser)
            self.scaler.update()
            self._remove()
            total += float(loss.detach()) * self._weight(train.labels[rows])
            weight += self._weight(train.labels[rows])
            done += len(rows)
            step(done)
        return total / max(weight, 1.0)

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

    def _weight(self, labels: NDArray[np.float32]) -> float:
        """Return what a batch counts in a mean over a split: its images, or its known labels per class."""
        return float((labels != IGNORED).sum() / labels.shape[1]) if self._ignores else len(labels)

    def _grey(self, pixels: NDArray[np.uint8] | Tensor, rows: NDArray[np.int64]) -> Tensor:
        if isinstance(pixels, Tensor):
            taken = pixels[torch.from_numpy(rows).to(pixels.device)]
        else:
            taken = torch.from_numpy(np.array(pixels[rows]))
        return taken.to(self.device).float().div_(255).unsqueeze(1)

    def _forward(self, grey: Tensor) -> Tensor:
        batch = ((grey - self.mean) / self.deviation).contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, self._reduced, enabled=self._reduced is not None):
            logits: Tensor = self.model(batch)
        return logits.float()


_REDUCED = {"fp16": torch.float16, "bf16": torch.bfloat16}


def _fix_kernels(*, tf32: bool) -> None:
    """Let cuDNN take the same kernels each time, so that a resumed training repeats an undisturbed one."""
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = tf32
    torch.backends.cuda.matmul.allow_tf32 = tf32


def on_device(examples: Examples, device: str) -> Examples:
    """Put the images of a split onto a GPU once, if they take less than half of its free memory."""
    if device == "cpu" or isinstance(examples.pixels, Tensor):
        return examples
    if examples.pixels.nbytes > free_bytes() / 2:
        return examples
    return replace(examples, pixels=torch.from_numpy(np.array(examples.pixels)).to(device))


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
    given = {n: stored[names.found.get(n, names.prefix + n)] for n in wanted
             if names.found.get(n, names.prefix + n) in stored}  # fmt: skip
    fits = {n: v for n, v in given.items() if n in wanted and wanted[n].shape == v.shape}
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
    state = read_member(start, spec.models, len(spec.data.classes)).state
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


def _batches(order: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
    """Cut an order into batches; a last batch of one image joins the one before (batch norm needs two)."""
    starts = list(range(0, len(order), size))
    if len(starts) > 1 and len(order) - starts[-1] == 1:
        starts.pop()
    return [order[a:b] for a, b in zip(starts, [*starts[1:], len(order)], strict=True)]


def augmented(grey: Tensor, rotation: float, flip: bool, draw: torch.Generator) -> Tensor:
    """Flip and rotate each image by its own draw.

    Parameters
    ----------
    grey: float32, n x 1 x rows x columns, 0 = black (what rotation brings in from outside).
    rotation: angles are uniform within this many degrees to either side; bilinear.
    flip: mirror left and right with probability one half.

    Returns
    -------
    float32, the same shape.
    """
    n = len(grey)
    mirror = torch.ones(n)
    if flip:
        mirror = 1.0 - 2.0 * torch.randint(0, 2, (n,), generator=draw)
    angle = torch.deg2rad((2 * torch.rand(n, generator=draw) - 1) * rotation)
    cos, sin, zero = torch.cos(angle), torch.sin(angle), torch.zeros(n)
    rows = (torch.stack([cos * mirror, -sin, zero], 1), torch.stack([sin * mirror, cos, zero], 1))
    theta = torch.stack(rows, 1).to(grey.device)
    grid = functional.affine_grid(theta, list(grey.shape), align_corners=False)
    return functional.grid_sample(grey, grid, "bilinear", "zeros", align_corners=False)
