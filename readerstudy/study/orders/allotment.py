"""Which cases each planned reader gets: all, own ones, or a block of readers' with anchors. Pure; drawn once per study.

Whole separation groups are dealt, kind by kind, where a kind is the blocks that a group's members stand in. So
readers get equally many groups of each kind, within one, and members of a group are read by the same readers.
"""

from collections import defaultdict
from collections.abc import Sequence

from readerstudy.study.orders.order import OrderError, Slot, shuffled

ALGORITHM = 1


def allot(
    slots: Sequence[Slot], *, design: str, readers: int, reading_blocks: int, anchor_cases: int, seed: bytes
) -> list[list[str]]:
    """Return the case keys of each planned reader, sorted.

    Parameters
    ----------
    slots: all cases of the study.
    design: one of `protocol.DESIGNS`.
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
    for group in shuffled(members, seed, "deal"):
        kinds[tuple(sorted(slot.block for slot in members[group]))].append(group)
    return [group for kind in sorted(kinds) for group in kinds[kind]]


def _anchors(order: Sequence[str], members: dict[str, list[Slot]], wanted: int) -> list[str]:
    """Take groups at even steps through the dealing order, so that each kind gives its share."""
    total = sum(map(len, members.values()))
    count = round(len(order) * min(1.0, wanted / total))
    return [order[(step * len(order) + len(order) // 2) // count] for step in range(count)] if count else []
