"""What a device can do at most, on random data: matrix products and copies. And what a network asks of it."""

import time
from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode

from analysis.sweep.engines.static import DTYPES
from analysis.sweep.networks.architectures import build_classifier

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
