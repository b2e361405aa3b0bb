"""The reading order: drawn once per reader from a secret seed, stored, never recomputed.

Algorithm 2. Blocks come in a random order in which no two neighbours hold members of one separation group, or as
few as possible. Within a block the cases are shuffled; members of one group that are in one block are at least
MIN_GAP places apart, or as far as the block allows. Then cases that come a second time are chosen evenly over the
blocks, among those read early enough, and each is put at a random later place, at least the asked number of cases
after its first. Randomness is HMAC-SHA256 of the reader's 256-bit seed, so that the same seed draws the same order
on any machine.

Before, once per study, cases are dealt to the planned readers (allotment, algorithm 1): all, own ones, or a block of
readers' with anchors. Whole separation groups are dealt, kind by kind, where a kind is the blocks that a group's
members are in. So readers get equally many groups of each kind, within one, and members of a group are read by the same
readers. Nothing here touches the database.
"""

import hashlib
import hmac
import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

ALGORITHM = 2
MIN_GAP = 3
ATTEMPTS = 2_000
PLACE_ATTEMPTS = 50
ALLOTMENT = 1
"""The algorithm by which cases are dealt; `ALGORITHM` is that of a reader's order."""


T = TypeVar("T")


class OrderError(ValueError):
    """No such order can be drawn: what was asked and what fits."""


@dataclass(frozen=True)
class Slot:
    """What the order may look at: the case, its block, its separation group. Nothing else about it."""

    case: str
    block: int
    group: str


@dataclass(frozen=True)
class Reading:
    """One place of the order: the case, and whether it comes for the first (1) or the second (2) time."""

    case: str
    presentation: int


def draw_readings(slots: Sequence[Slot], seed: bytes, *, repeats: int = 0, gap: int = 1) -> list[Reading]:
    """Return a reader's whole order, repeats included.

    Parameters
    ----------
    slots: the reader's cases, in any sequence (the result does not depend on it).
    seed: 256 secret bits, one seed per reader.
    repeats: how many cases come a second time.
    gap: fewest places from the first to the second time.

    Raises
    ------
    ValueError: a seed of another length, or a case twice.
    OrderError: so many repeats do not fit with this gap.
    """
    order = draw_order(slots, seed)
    by_case = {slot.case: slot for slot in slots}
    chosen = _repeated([by_case[case] for case in order], seed, repeats, gap)
    after: dict[int, list[str]] = defaultdict(list)
    place_of = {case: place for place, case in enumerate(order)}
    for case in chosen:
        after[_later_place(order, by_case, place_of[case], gap, seed)].append(case)
    readings = []
    for place, case in enumerate(order):
        readings.append(Reading(case, 1))
        readings += [Reading(again, 2) for again in after[place]]
    return readings


def places_for_repeats(cases: int, gap: int) -> int:
    """Return how many of a reader's cases can come again `gap` places later: those read that early."""
    return max(0, cases - gap)


def draw_order(slots: Sequence[Slot], seed: bytes) -> list[str]:
    """Return the case keys in reading order, each once; see `draw_readings`."""
    if len(seed) != 32:
        raise ValueError(f"expected a seed of 32 bytes, got {len(seed)}")
    if len({slot.case for slot in slots}) != len(slots):
        raise ValueError("expected each case once")
    blocks: dict[int, list[Slot]] = defaultdict(list)
    for slot in slots:
        blocks[slot.block].append(slot)
    return [slot.case for block in _draw_blocks(blocks, seed) for slot in _draw_block(blocks[block], seed)]


def smallest_gap(slots: Sequence[Slot]) -> int:
    """Return the least distance, in places, between two members of one group (the length if none)."""
    last: dict[str, int] = {}
    gap = len(slots)
    for place, slot in enumerate(slots):
        if slot.group in last:
            gap = min(gap, place - last[slot.group])
        last[slot.group] = place
    return gap


def _draw_blocks(blocks: dict[int, list[Slot]], seed: bytes) -> list[int]:
    """Draw uniformly among the orders of blocks with the fewest neighbours that share a group: none, if possible."""
    groups = {block: {slot.group for slot in members} for block, members in blocks.items()}
    draws = (
        sorted(blocks, key=lambda block: _rank(seed, f"block {attempt}", str(block)))
        for attempt in range(ATTEMPTS)
    )
    return _first_best(
        draws, lambda drawn: sum(bool(groups[one] & groups[two]) for one, two in itertools.pairwise(drawn))
    )


def _draw_block(slots: Sequence[Slot], seed: bytes) -> list[Slot]:
    """Draw uniformly among the orders with the widest gap found, up to MIN_GAP."""
    wanted = min(MIN_GAP, len(slots))
    draws = (
        sorted(slots, key=lambda slot: _rank(seed, f"case {attempt}", slot.case))
        for attempt in range(ATTEMPTS)
    )
    return _first_best(draws, lambda drawn: max(0, wanted - smallest_gap(drawn)))


def _first_best(draws: Iterable[list[T]], faults: Callable[[list[T]], int]) -> list[T]:
    """Return the first draw without faults, or of all draws the first with the fewest."""
    best: list[T] = []
    fewest = math.inf
    for drawn in draws:
        found = faults(drawn)
        if not found:
            return drawn
        if found < fewest:
            best, fewest = drawn, found
    return best


def _repeated(order: Sequence[Slot], seed: bytes, repeats: int, gap: int) -> list[str]:
    """Choose the cases that come again: evenly over the blocks, among those read `gap` places before the end.

    Blocks are balanced by what is compared, so this is independent of it though nothing here knows it.
    """
    fit = places_for_repeats(len(order), gap)
    if repeats > fit:
        raise OrderError(
            f"{repeats} repeats at least {gap} cases apart do not fit into {len(order)} cases, {fit} do; "
            "ask for fewer repeats or a smaller gap"
        )
    early: dict[int, list[str]] = defaultdict(list)
    for slot in order[:fit]:
        early[slot.block].append(slot.case)
    drawn = [sorted(cases, key=lambda case: _rank(seed, "repeat", case)) for cases in early.values()]
    drawn.sort(key=lambda cases: _rank(seed, "repeats of", cases[0]))
    turns = itertools.chain.from_iterable(itertools.zip_longest(*drawn))
    return list(itertools.islice((case for case in turns if case is not None), repeats))


def _later_place(order: Sequence[str], by_case: dict[str, Slot], first: int, gap: int, seed: bytes) -> int:
    """Draw the place after which a case comes again; not beside a member of its own group, if that is possible."""
    # The second time comes after place `later`, so that later - first cases at least lie from one to the other.
    possible = range(first + gap, len(order))
    slot = by_case[order[first]]
    own = {place for place, case in enumerate(order) if by_case[case].group == slot.group}
    for attempt in range(PLACE_ATTEMPTS):
        later = possible[_below(seed, f"place {attempt}", slot.case, len(possible))]
        if own.isdisjoint(range(later - MIN_GAP + 1, later + MIN_GAP)):
            break
    return later


def _below(seed: bytes, purpose: str, name: str, limit: int) -> int:
    """Return a number from 0 to limit - 1; of 256 bits, the remainder's unevenness is far below any measure."""
    return int.from_bytes(_rank(seed, purpose, name), "big") % limit


def _rank(seed: bytes, purpose: str, name: str) -> bytes:
    return hmac.new(seed, f"{purpose}\0{name}".encode(), hashlib.sha256).digest()


def allot(
    slots: Sequence[Slot], *, design: str, readers: int, reading_blocks: int, anchor_cases: int, seed: bytes
) -> list[list[str]]:
    """Return the case keys of each planned reader, sorted.

    Parameters
    ----------
    slots: all cases of the study.
    design: one of `protocol.CHOICES["design"]`.
    readers: planned readers.
    reading_blocks: with overlapping blocks, the number of blocks; reader r reads block r modulo this.
    anchor_cases: with overlapping blocks, about how many cases are read by all: whole groups, as many as fit.
    seed: 256 secret bits of the study.

    Raises
    ------
    OrderError: a reader would get no case.
    """
    everything = sorted(slot.case for slot in slots)
    if design == "fully crossed":
        return [everything for _ in range(readers)]
    members: dict[str, list[Slot]] = defaultdict(list)
    for slot in slots:
        members[slot.group].append(slot)
    order = _dealing_order(members, seed)
    anchors: list[str] = []
    if design == "overlapping blocks":
        anchors = _anchors(order, members, anchor_cases)
    hands = readers if design == "own cases" else min(reading_blocks, readers)
    rest = [group for group in order if group not in set(anchors)]
    if len(rest) < hands:
        raise OrderError(
            f"{len(rest)} matched sets cannot be allotted to {hands} {'readers' if hands == readers else 'blocks'}; "
            "plan fewer readers, or load more cases"
        )
    dealt = [[*rest[hand::hands], *anchors] for hand in range(hands)]
    cases = [sorted(slot.case for group in groups for slot in members[group]) for groups in dealt]
    return [cases[reader % hands] for reader in range(readers)]


def _dealing_order(members: dict[str, list[Slot]], seed: bytes) -> list[str]:
    kinds: dict[tuple[int, ...], list[str]] = defaultdict(list)
    for group in sorted(members, key=lambda name: _rank(seed, "deal", name)):
        kinds[tuple(sorted(slot.block for slot in members[group]))].append(group)
    return [group for kind in sorted(kinds) for group in kinds[kind]]


def _anchors(order: Sequence[str], members: dict[str, list[Slot]], wanted: int) -> list[str]:
    """Take groups at even steps through the dealing order, so that each kind gives its share."""
    total = sum(map(len, members.values()))
    count = round(len(order) * (wanted / total))
    return [order[(step * len(order) + len(order) // 2) // count] for step in range(count)]
