"""The reading order: drawn once per reader from a secret seed, stored, never recomputed.

Algorithm 1. Blocks come in a random order. Within a block the cases are shuffled until members of one
separation group stand at least MIN_GAP places apart, or as far as the block allows. Randomness is
HMAC-SHA256 of the reader's 256-bit seed, so that the same seed draws the same order on any machine.
"""

import hashlib
import hmac
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

ALGORITHM = 1
MIN_GAP = 3
ATTEMPTS = 2_000


@dataclass(frozen=True)
class Slot:
    """What the order may look at: the case, its block, its separation group. Nothing else about it."""

    case: str
    block: int
    group: str


def draw_order(slots: Sequence[Slot], seed: bytes) -> list[str]:
    """Return the case keys in reading order.

    Parameters
    ----------
    slots: the cases, in any sequence (the result does not depend on it).
    seed: 256 secret bits, one seed per reader.

    Raises
    ------
    ValueError: a seed of another length, or a case twice.
    """
    if len(seed) != 32:
        raise ValueError(f"expected a seed of 32 bytes, {len(seed)} came")
    if len({slot.case for slot in slots}) != len(slots):
        raise ValueError("expected each case once")
    blocks: dict[int, list[Slot]] = defaultdict(list)
    for slot in slots:
        blocks[slot.block].append(slot)
    sequence = sorted(blocks, key=lambda block: _rank(seed, "block", str(block)))
    return [slot.case for block in sequence for slot in _draw_block(blocks[block], seed)]


def smallest_gap(slots: Sequence[Slot]) -> int:
    """Return the least distance, in places, between two members of one group (the length if none)."""
    last: dict[str, int] = {}
    gap = len(slots)
    for place, slot in enumerate(slots):
        if slot.group in last:
            gap = min(gap, place - last[slot.group])
        last[slot.group] = place
    return gap


def _draw_block(slots: Sequence[Slot], seed: bytes) -> list[Slot]:
    """Draw uniformly among the orders with the widest gap found, up to MIN_GAP."""
    best: list[Slot] = []
    best_gap = -1
    for attempt in range(ATTEMPTS):
        drawn = sorted(slots, key=lambda slot: _rank(seed, f"case {attempt}", slot.case))
        gap = smallest_gap(drawn)
        if gap > best_gap:
            best, best_gap = drawn, gap
        if best_gap >= MIN_GAP:
            break
    return best


def _rank(seed: bytes, purpose: str, name: str) -> bytes:
    return hmac.new(seed, f"{purpose}\0{name}".encode(), hashlib.sha256).digest()
