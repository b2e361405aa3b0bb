"""A thousand drawn orders of a whole case set: balance, spacing, and nothing of the arm in them.

The arms are known to this test only; the order sees case, block and group. Seeds are fixed, so the test is not
a lottery; the limits are 4 standard errors of what independence would give.
"""

from collections import Counter

import numpy as np
import pytest

from analysis.caseset.plan import assign_blocks
from readerstudy.study.orders.order import OrderError, Slot, draw_readings

PAIRS, ORDERS, REPEATS, GAP = 40, 1_000, 8, 30
NONCE = bytes(range(32))


def case_set() -> tuple[list[Slot], dict[str, int]]:
    cases = [f"c{number:03d}" for number in range(2 * PAIRS)]
    groups = [f"g{number // 2:03d}" for number in range(2 * PAIRS)]
    arms = [number % 2 for number in range(2 * PAIRS)]
    blocks = assign_blocks(cases, groups, arms, block_size=10, nonce=NONCE)
    slots = [Slot(*row) for row in zip(cases, blocks, groups, strict=True)]
    return slots, dict(zip(cases, arms, strict=True))


@pytest.fixture(scope="module")
def drawn():
    slots, arms = case_set()
    orders = [
        draw_readings(slots, number.to_bytes(32, "big"), repeats=REPEATS, gap=GAP)
        for number in range(1, ORDERS + 1)
    ]
    return slots, arms, orders


def test_each_order_holds_every_case_once_and_its_repeats(drawn) -> None:
    slots, _, orders = drawn
    for order in orders:
        firsts = [reading.case for reading in order if reading.presentation == 1]
        assert sorted(firsts) == sorted(slot.case for slot in slots)
        assert sum(reading.presentation == 2 for reading in order) == REPEATS
    assert len({tuple(order) for order in orders}) == ORDERS


def test_members_of_a_pair_are_at_least_two_blocks_apart(drawn) -> None:
    slots, _, orders = drawn
    block, group = {slot.case: slot.block for slot in slots}, {slot.case: slot.group for slot in slots}
    for order in orders:
        firsts = [reading.case for reading in order if reading.presentation == 1]
        sequence = list(dict.fromkeys(block[case] for case in firsts))
        assert [block[case] for case in firsts] == sorted(
            (block[case] for case in firsts), key=sequence.index
        )
        places: dict[str, list[int]] = {}
        for case in firsts:
            places.setdefault(group[case], []).append(sequence.index(block[case]))
        assert all(abs(one - other) >= 2 for one, other in places.values())


def test_repeats_come_at_least_the_gap_later(drawn) -> None:
    *_, orders = drawn
    for order in orders:
        first = {reading.case: place for place, reading in enumerate(order) if reading.presentation == 1}
        for place, reading in enumerate(order):
            if reading.presentation == 2:
                assert place - first[reading.case] - 1 >= GAP


def test_every_stretch_of_blocks_is_balanced_by_arm(drawn) -> None:
    slots, arms, orders = drawn
    size = Counter(slot.block for slot in slots)
    block = {slot.case: slot.block for slot in slots}
    for order in orders:
        firsts = [reading.case for reading in order if reading.presentation == 1]
        place = 0
        while place < len(firsts):
            stretch = firsts[place : place + size[block[firsts[place]]]]
            assert sum(arms[case] for case in stretch) * 2 == len(stretch)
            place += len(stretch)


def test_place_first_member_and_repeats_are_independent_of_the_arm(drawn) -> None:
    _, arms, orders = drawn
    mean_place, first_member, repeated = [], [], []
    for order in orders:
        place = {r.case: number for number, r in enumerate(order) if r.presentation == 1}
        mean_place.append(
            np.mean([place[case] for case, arm in arms.items() if arm])
            - np.mean([place[case] for case, arm in arms.items() if not arm])
        )
        first_member += [place[f"c{2 * k + 1:03d}"] < place[f"c{2 * k:03d}"] for k in range(PAIRS)]
        repeated.append(sum(arms[r.case] for r in order if r.presentation == 2) - REPEATS / 2)
    for values in (np.array(mean_place), np.array(first_member) - 0.5, np.array(repeated)):
        error = values.std(ddof=1) / np.sqrt(ORDERS)
        assert abs(values.mean()) < 4 * error


def test_each_place_sees_both_arms_equally_often(drawn) -> None:
    _, arms, orders = drawn
    share = np.mean([[arms[r.case] for r in order if r.presentation == 1] for order in orders], axis=0)
    # Standard error of a share of 1,000: 0.016; the largest of 80 places stays below 4.5 of them.
    assert np.abs(share - 0.5).max() < 4.5 * 0.5 / np.sqrt(ORDERS)


def test_more_repeats_than_fit_are_refused() -> None:
    slots, _ = case_set()
    with pytest.raises(OrderError, match="10 do; ask for fewer repeats or a smaller gap"):
        draw_readings(slots, bytes(32), repeats=11, gap=70)
    assert len(draw_readings(slots, bytes(32), repeats=10, gap=70)) == 2 * PAIRS + 10
