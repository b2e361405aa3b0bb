"""Blocks of the reading order: whole separation groups, at least 8 cases each, balanced by arm."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from analysis.caseset.errors import CaseSetError
from analysis.caseset.keys import place

MINIMUM_BLOCK = 8
"""Fewest cases of a block; a set with fewer is one block."""


def assign_blocks(groups: Sequence[str], arms: Sequence[int], *, block_size: int, nonce: bytes) -> list[int]:
    """Assign each case to a block, from 1.

    Groups are sorted by what they hold (numbers of the two arms), put into an order fixed by the nonce, and
    dealt like cards, so that blocks differ by at most one group of each kind. Which of the two arms is which
    is never used: kinds are told apart, not named, and come in an order fixed by size and nonce. Exchanging
    the arms, of the whole set or within any 1:1 pair, therefore changes nothing.

    Parameters
    ----------
    groups: separation group of each case (cases).
    arms: 0 or 1 of each case (cases).
    block_size: wanted number of cases in a block, at least `MINIMUM_BLOCK`.
    nonce: 256 bits; fixes the order.

    Returns
    -------
    The block of each case (cases), 1 to B, in the order given.

    Raises
    ------
    CaseSetError: a block size below the minimum, or lists of different length.
    """
    if block_size < MINIMUM_BLOCK:
        raise CaseSetError(f"expected blocks of at least {MINIMUM_BLOCK} cases, {block_size} came")
    if len(groups) != len(arms):
        raise CaseSetError(f"expected one arm per case, got {len(arms)} arms for {len(groups)} cases")
    sizes = Counter(groups)
    order = _order(groups, arms, nonce)
    for blocks in range(max(1, len(groups) // block_size), 0, -1):
        dealt = {group: place_of % blocks + 1 for place_of, group in enumerate(order)}
        held: Counter[int] = Counter()
        for group, size in sizes.items():
            held[dealt[group]] += size
        if blocks == 1 or min(held[block] for block in range(1, blocks + 1)) >= MINIMUM_BLOCK:
            break
    return [dealt[group] for group in groups]


def _order(groups: Sequence[str], arms: Sequence[int], nonce: bytes) -> list[str]:
    """Order the groups kind by kind; both orders are free of the names of the arms."""
    held: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for group, arm in zip(groups, arms, strict=True):
        held[group][int(arm)] += 1
    kinds: dict[tuple[int, int], list[str]] = defaultdict(list)
    for group, (controls, others) in held.items():
        kinds[controls, others].append(group)
    lots = [sorted(members, key=lambda group: place(nonce, group)) for members in kinds.values()]
    # Two kinds that the exchange of the arms turns into one another have the same size: the nonce decides.
    lots.sort(key=lambda members: (-sum(held[members[0]]), place(nonce, members[0])))
    return [group for members in lots for group in members]
