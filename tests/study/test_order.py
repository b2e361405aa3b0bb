"""The order is a permutation, drawn from the seed alone, in whole blocks, with group members apart."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readerstudy.study.orders.order import MIN_GAP, Slot, draw_order, smallest_gap


def pairs(blocks: int, per_block: int) -> list[Slot]:
    return [
        Slot(f"b{block}p{pair}m{member}", block, f"g{block}-{pair}")
        for block in range(blocks)
        for pair in range(per_block)
        for member in range(2)
    ]


@given(st.binary(min_size=32, max_size=32), st.integers(1, 4), st.integers(4, 8))
def test_order_is_a_permutation_in_whole_blocks(seed: bytes, blocks: int, per_block: int) -> None:
    slots = pairs(blocks, per_block)
    drawn = draw_order(slots, seed)
    assert sorted(drawn) == sorted(slot.case for slot in slots)
    block_of = {slot.case: slot.block for slot in slots}
    walked = [block_of[case] for case in drawn]
    changes = sum(a != b for a, b in itertools.pairwise(walked))
    assert changes == blocks - 1


@given(st.binary(min_size=32, max_size=32))
def test_members_of_a_group_stand_apart(seed: bytes) -> None:
    slots = pairs(3, 4)
    by_case = {slot.case: slot for slot in slots}
    drawn = [by_case[case] for case in draw_order(slots, seed)]
    for start in range(0, len(drawn), 8):
        assert smallest_gap(drawn[start : start + 8]) >= MIN_GAP


@given(st.binary(min_size=32, max_size=32), st.randoms())
def test_sequence_of_the_input_does_not_matter(seed: bytes, random: object) -> None:
    slots = pairs(2, 4)
    shuffled = list(slots)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert draw_order(slots, seed) == draw_order(shuffled, seed)


def test_other_seed_other_order() -> None:
    slots = pairs(3, 4)
    orders = {tuple(draw_order(slots, bytes([n]) * 32)) for n in range(20)}
    assert len(orders) == 20


def test_algorithm_is_pinned() -> None:
    """A stored seed must draw the same order in every later release (algorithm 2)."""
    drawn = draw_order(pairs(1, 4), bytes(range(32)))
    assert drawn == ["b0p1m0", "b0p2m1", "b0p3m0", "b0p0m1", "b0p1m1", "b0p2m0", "b0p0m0", "b0p3m1"]


def test_which_member_comes_first_is_even() -> None:
    """No member is favoured: the first place is even over 400 seeds, within four standard errors."""
    slots = pairs(1, 4)
    firsts = 0
    for number in range(400):
        drawn = draw_order(slots, number.to_bytes(32, "big"))
        firsts += drawn.index("b0p0m0") < drawn.index("b0p0m1")
    assert abs(firsts - 200) < 40


def test_small_block_gets_the_widest_gap_there_is() -> None:
    slots = [Slot("a", 1, "g"), Slot("b", 1, "g"), Slot("c", 1, "h")]
    drawn = draw_order(slots, b"s" * 32)
    assert abs(drawn.index("a") - drawn.index("b")) == 2


def test_bad_seed_and_doubled_case_are_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes, got 3"):
        draw_order(pairs(1, 4), b"abc")
    with pytest.raises(ValueError, match="each case once"):
        draw_order([Slot("a", 1, "g"), Slot("a", 1, "h")], b"s" * 32)
