"""Which cases each planned reader gets: whole matched sets, even shares of each kind, anchors for all."""

import pytest

from readerstudy.study.orders.order import OrderError, Slot, allot

SEED = bytes(range(32))
KINDS = ((0, 1), (2, 3))


def sets(count: int = 12) -> list[Slot]:
    """Return matched sets of two cases; the first half of them are in blocks 0 and 1, the others in 2 and 3."""
    return [
        Slot(f"s{number:02d}m{block % 2}", block, f"s{number:02d}")
        for number in range(count)
        for block in KINDS[2 * number // count]
    ]


def deal(slots: list[Slot], seed: bytes = SEED, **changes: object) -> list[set[str]]:
    asked = {"design": "own cases", "readers": 3, "reading_blocks": 2, "anchor_cases": 0, **changes}
    hands = allot(slots, seed=seed, **asked)  # type: ignore[arg-type]
    assert all(hand == sorted(set(hand)) for hand in hands)
    return [set(hand) for hand in hands]


def kinds(hand: set[str]) -> tuple[int, int]:
    """Return how many whole sets of each kind a hand holds."""
    found = {case[:3] for case in hand}
    assert len(hand) == 2 * len(found), "a set was torn apart"
    first = sum(int(name[1:]) < 6 for name in found)
    return first, len(found) - first


def test_fully_crossed_everybody_reads_everything() -> None:
    everything = {slot.case for slot in sets()}
    assert deal(sets(), design="fully crossed") == [everything] * 3


def test_own_cases_are_dealt_whole_once_and_evenly() -> None:
    hands = deal(sets())
    assert set.union(*hands) == {slot.case for slot in sets()}
    assert sum(map(len, hands)) == len(sets())
    assert [kinds(hand) for hand in hands] == [(2, 2)] * 3


def test_what_does_not_divide_goes_out_within_one_set() -> None:
    assert sorted(len(hand) for hand in deal(sets(), readers=5)) == [4, 4, 4, 6, 6]


def test_readers_of_a_block_share_its_cases_and_all_share_the_anchors() -> None:
    hands = deal(sets(), design="overlapping blocks", readers=4, anchor_cases=8)
    assert hands[0] == hands[2]
    assert hands[1] == hands[3]
    anchors = hands[0] & hands[1]
    assert kinds(anchors) == (2, 2)
    assert [kinds(hand - anchors) for hand in hands] == [(2, 2)] * 4
    assert hands[0] | hands[1] == {slot.case for slot in sets()}


def test_without_anchors_blocks_share_nothing() -> None:
    one, other = deal(sets(), design="overlapping blocks", readers=2)
    assert not one & other
    assert len(one) == len(other) == 12


def test_own_cases_have_no_anchors() -> None:
    one, other, _ = deal(sets(), anchor_cases=8)
    assert not one & other


def test_fewer_readers_than_blocks_read_every_case() -> None:
    hands = deal(sets(), design="overlapping blocks", readers=2, reading_blocks=5)
    assert set.union(*hands) == {slot.case for slot in sets()}


def test_each_reader_needs_a_set() -> None:
    assert [len(hand) for hand in deal(sets(4), readers=4)] == [2] * 4
    with pytest.raises(OrderError, match="4 matched sets cannot be allotted to 5 readers"):
        deal(sets(4), readers=5)
    for anchors in (24, 99):
        with pytest.raises(OrderError, match="0 matched sets cannot be allotted to 2 blocks"):
            deal(sets(), design="overlapping blocks", anchor_cases=anchors)


def test_the_seed_alone_deals() -> None:
    assert deal(sets()) == deal(sets()[::-1])
    assert deal(sets()) != deal(sets(), seed=bytes(32))


def test_the_algorithm_is_pinned() -> None:
    """A stored seed must deal the same cases in every later release (algorithm 1)."""
    one, other = deal(sets(), design="overlapping blocks", readers=2, anchor_cases=6)
    told = [
        " ".join(sorted({case[1:3] for case in part})) for part in (one & other, one - other, other - one)
    ]
    assert told == ["04 06 09", "01 02 05 07 08", "00 03 10 11"]
    one, other = deal(sets(13), design="overlapping blocks", readers=2, anchor_cases=8)
    assert sorted({case[1:3] for case in one & other}) == ["01", "05", "09", "10"]
