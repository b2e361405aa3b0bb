"""The order is a permutation, drawn from the seed alone, in whole blocks, with group members apart."""

import hashlib
import itertools
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readerstudy.study.orders.order import (
    MIN_GAP,
    Slot,
    draw_order,
    draw_readings,
    places_for_repeats,
    smallest_gap,
)


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


SETS = (
    (pairs(1, 4), 1, 2),
    (pairs(3, 4), 4, 3),
    ([Slot(f"c{n}", n % 4, f"g{n // 2}") for n in range(40)], 8, 12),
    ([Slot(f"c{n}", n % 2, f"g{n // 3}") for n in range(18)], 4, 1),
    ([Slot(f"c{n}", n, "g") for n in range(5)], 2, 1),
)
"""Cases with the number of repeats and the gap; in the last two what is wished for cannot be had."""


def test_whole_orders_are_pinned() -> None:
    """As above with repeats: the digest of sixty orders, as algorithm 2 drew them when it came in."""
    drawn = [
        [
            (each.case, each.presentation)
            for each in draw_readings(slots, bytes([n]) * 32, repeats=again, gap=gap)
        ]
        for slots, again, gap in SETS
        for n in range(12)
    ]
    digest = hashlib.sha256(repr(drawn).encode()).hexdigest()
    assert digest == "caa07613faefb492a2d039a81f0cb5ae188005418fa02df46c70b8987487d706"


def test_neighbouring_blocks_share_no_group() -> None:
    """Of four blocks 0 shares a group with 1 and 3, and 1 with 2: only 0 2 3 1 and 1 3 2 0 are left."""
    slots = [
        Slot(f"{group}{block}", block, group)
        for group in "abc"
        for block in {"a": (0, 1), "b": (0, 3), "c": (1, 2)}[group]
    ]
    block_of = {slot.case: slot.block for slot in slots}
    walked = {
        tuple(dict.fromkeys(block_of[case] for case in draw_order(slots, bytes([n]) * 32))) for n in range(20)
    }
    assert walked == {(0, 2, 3, 1), (1, 3, 2, 0)}


def test_repeats_are_spread_over_the_blocks_and_stay_away_from_their_own_group() -> None:
    slots = pairs(3, 4)
    block, group = {slot.case: slot.block for slot in slots}, {slot.case: slot.group for slot in slots}
    for n in range(20):
        readings = draw_readings(slots, bytes([n]) * 32, repeats=6, gap=3)
        again = [place for place, each in enumerate(readings) if each.presentation == 2]
        assert set(Counter(block[readings[place].case] for place in again).values()) == {2}
        early = {each.case for each in readings[:12]}  # for these there is a later place far from their group
        for place in (place for place in again if readings[place].case in early):
            near = readings[max(0, place - MIN_GAP + 1) : place + MIN_GAP]
            own = group[readings[place].case]
            assert not [each for each in near if each.presentation == 1 and group[each.case] == own]


def test_the_cases_that_can_come_again_are_those_read_early_enough() -> None:
    assert [places_for_repeats(10, gap) for gap in (1, 9, 10, 11)] == [9, 1, 0, 0]


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
