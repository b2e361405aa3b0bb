"""What a device can do at most, on random data: matrix products and copies. What a network asks of it, how much of the
time it computes, and how fast it trains.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from analysis.frames import NIH_CLASSES
from analysis.sweep.data import image_cache
from analysis.sweep.engines.static import DTYPES
from analysis.sweep.networks.architectures import build_classifier
from analysis.sweep.training.epochs import Examples, Trainer
from bench.gpu_inputs import training_spec

ROUNDS = 20


def settle(device: str) -> None:
    """Wait until the device has done all that was asked of it."""
    if device == "cuda":
        torch.cuda.synchronize()


def best_seconds(work: Callable[[], object], device: str, rounds: int = ROUNDS) -> float:
    """Return the best of some rounds, warm, each waited for."""
    for _ in range(3):
        work()
    best = float("inf")
    for _ in range(rounds):
        settle(device)
        began = time.perf_counter()
        work()
        settle(device)
        best = min(best, time.perf_counter() - began)
    return best


def product_rate(device: str, precision: str, side: int) -> float:
    """Measure square matrix products: floating-point operations per second (2 side^3 each)."""
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    try:
        one, two = (torch.randn(side, side, device=device).to(DTYPES[precision]) for _ in range(2))
        out = torch.empty_like(one)
        return 2 * side**3 / best_seconds(lambda: torch.mm(one, two, out=out), device)
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


def copy_rates(device: str, size: int) -> dict[str, float]:
    """Measure copies of `size` bytes: bytes per second, read and written counted once."""
    here = torch.empty(size, dtype=torch.uint8, device=device)
    there = torch.empty_like(here)
    rates = {"within the device": size / best_seconds(lambda: there.copy_(here), device)}
    if device == "cuda":
        pinned = torch.empty(size, dtype=torch.uint8, pin_memory=True)
        rates["from the host"] = size / best_seconds(lambda: here.copy_(pinned, non_blocking=True), device)
    return rates


def operations_per_image(architecture: str, classes: int, size: int) -> int:
    """Count the multiplications and additions of convolutions and products for one image."""
    model = build_classifier(architecture, classes, device="meta")
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        model(torch.zeros(1, 3, size, size, device="meta"))
    return int(counter.get_total_flops())


@dataclass
class Counted:
    """Calls of the decoder, counted."""

    decodes: int = 0

    def watch(self) -> None:
        """Count each image that the cache decodes from now on."""
        real = image_cache.read_pixels

        def counted(*arguments: Any) -> Any:
            self.decodes += 1
            return real(*arguments)

        image_cache.read_pixels = counted


@dataclass(frozen=True)
class UnitTime:
    """One unit of ours, all ratios of a checkpoint: seconds, those in which batches were computed, decodes, uploads."""

    seconds: float
    busy: float
    decodes: int
    uploads: int


@dataclass
class Busy:
    """The seconds in which an engine computes batches: between events before and after each, on a GPU by its own clock.

    What lies between batches (weights of the next ratio, copies of scores) counts as idle.
    """

    device: str
    _spans: list[Any] = field(default_factory=list)

    def watch(self, backend: Any) -> None:
        """Note each batch of an engine from now on; one that is recorded must have been."""
        if (replay := getattr(backend, "_replay", None)) is None:  # plain torch on a processor
            backend._module.register_forward_pre_hook(lambda *_: self._spans.append((self._now(), None)))
            backend._module.register_forward_hook(lambda *_: self._end())
            return

        def timed() -> None:
            self._spans.append((self._now(), None))
            replay()
            self._end()

        backend._replay = timed

    def _end(self) -> None:
        self._spans[-1] = (self._spans[-1][0], self._now())

    def seconds(self) -> float:
        """Return the sum, after what was asked for is done, and begin again."""
        settle(self.device)
        spans, self._spans = self._spans, []
        if self.device == "cuda":
            return sum(start.elapsed_time(end) for start, end in spans) / 1e3
        return sum(end - start for start, end in spans)

    def _now(self) -> Any:
        if self.device != "cuda":
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event


def training_rate(
    architecture: str, size: int, device: str, precision: str, batch_size: int, steps: int
) -> dict[str, Any]:
    """Train a network on random images that lie on the device; images per second of whole batches, once warm."""
    spec = training_spec(architecture, size, batch_size=batch_size, device=device, precision=precision)
    trainer, draw = Trainer(spec, 0, ""), np.random.default_rng(0)
    n = batch_size * steps
    pixels = torch.randint(0, 256, (n, size, size), dtype=torch.uint8, device=device)
    train = Examples(pixels, draw.integers(0, 2, (n, len(NIH_CLASSES))).astype(np.float32))
    val = Examples(pixels[:2], train.labels[:2])
    trainer.run_epoch(train, val, lambda done: None)
    settle(device)
    began = time.perf_counter()
    trainer.run_epoch(train, val, lambda done: None)
    settle(device)
    rate = n / (time.perf_counter() - began)
    return {"architecture": architecture, "size": size, "precision": precision, "batch_size": batch_size,
            "images_per_second": round(rate, 1), "recorded": trainer._replay is not None}  # fmt: skip
