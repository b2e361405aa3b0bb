from collections import Counter, defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.caseset import CaseSetError
from analysis.caseset.plan import MINIMUM_BLOCK, assign_blocks

NONCE = bytes(range(32))

sets_of_groups = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 3)).filter(lambda kind: sum(kind) > 0),
    min_size=1,
    max_size=40,
)


def lay_out(kinds: list[tuple[int, int]]) -> tuple[list[str], list[str], list[int]]:
    groups, arms = [], []
    for number, (ones, others) in enumerate(kinds):
        groups += [f"g{number:03d}"] * (ones + others)
        arms += [0] * ones + [1] * others
    return [f"c{number:04d}" for number in range(len(arms))], groups, arms


def deal(cases, groups, arms, size: int, nonce: bytes = NONCE) -> list[int]:
    return assign_blocks(cases, groups, arms, block_size=size, nonce=nonce)


@given(sets_of_groups, st.integers(MINIMUM_BLOCK, 30))
def test_blocks_are_large_enough_and_blind_to_the_names_of_the_arms(kinds, size: int) -> None:
    cases, groups, arms = lay_out(kinds)
    blocks = deal(cases, groups, arms, size)
    of_group = defaultdict(list)
    for block, group in zip(blocks, groups, strict=True):
        of_group[group].append(block)
    whole = all(len(set(each)) == 1 for each in of_group.values())
    apart = all(len(set(each)) == len(each) for each in of_group.values())
    assert whole or apart
    assert set(blocks) == set(range(1, max(blocks) + 1))
    assert max(blocks) == 1 or min(Counter(blocks).values()) >= MINIMUM_BLOCK
    assert blocks == deal(cases, groups, [1 - arm for arm in arms], size)
    assert blocks == deal(cases[::-1], groups[::-1], arms[::-1], size)[::-1]


@given(st.integers(16, 80), st.integers(MINIMUM_BLOCK, 30), st.lists(st.booleans(), min_size=80, max_size=80))
def test_members_of_pairs_stand_in_two_blocks_of_a_family_balanced_by_arm(
    pairs: int, size: int, turned
) -> None:
    cases, groups, arms = lay_out([(1, 1)] * pairs)
    arms = [arm ^ turned[place // 2] for place, arm in enumerate(arms)]
    blocks = deal(cases, groups, arms, size)
    assert max(blocks) >= 4
    assert max(blocks) % 2 == 0
    for one, other in zip(blocks[::2], blocks[1::2], strict=True):
        assert one != other
        assert (one - 1) // 2 == (other - 1) // 2
    held = Counter(zip(blocks, arms, strict=True))
    for block in range(1, max(blocks) + 1):
        assert abs(held[block, 0] - held[block, 1]) <= 1
    assert max(Counter(blocks).values()) - min(Counter(blocks).values()) <= 2


@given(st.integers(16, 40), st.booleans())
def test_two_matched_to_one_are_spread_over_three_blocks(sets: int, swapped: bool) -> None:
    cases, groups, arms = lay_out([(2, 1) if not swapped else (1, 2)] * sets)
    blocks = deal(cases, groups, arms, 20)
    held = Counter(zip(blocks, arms, strict=True))
    for arm in (0, 1):
        counts = [held[block, arm] for block in range(1, max(blocks) + 1)]
        assert max(counts) - min(counts) <= 3
    assert all(len(set(blocks[start : start + 3])) == 3 for start in range(0, len(blocks), 3))


def test_a_small_set_keeps_its_pairs_whole() -> None:
    cases, groups, arms = lay_out([(1, 1)] * 15)
    blocks = deal(cases, groups, arms, 10)
    assert blocks[::2] == blocks[1::2]


@given(st.integers(8, 60), st.integers(8, 60), st.integers(MINIMUM_BLOCK, 30))
def test_single_cases_are_dealt_evenly_arm_by_arm(ones: int, zeros: int, size: int) -> None:
    cases, groups, arms = lay_out([(0, 1)] * ones + [(1, 0)] * zeros)
    blocks = deal(cases, groups, arms, size)
    for arm in (0, 1):
        counts = Counter({block: 0 for block in blocks})
        counts.update(b for b, a in zip(blocks, arms, strict=True) if a == arm)
        assert max(counts.values()) - min(counts.values()) <= 1


def test_another_nonce_deals_otherwise() -> None:
    cases, groups, arms = lay_out([(1, 1)] * 40)
    first = deal(cases, groups, arms, 20)
    assert first != deal(cases, groups, arms, 20, bytes(32))
    assert max(first) == 4


def test_small_blocks_and_uneven_lists_are_refused() -> None:
    with pytest.raises(CaseSetError, match="at least 8 cases, got 7"):
        deal(["a"], ["a"], [1], 7)
    with pytest.raises(CaseSetError, match="2 groups and 1 arms for 2 cases"):
        deal(["a", "b"], ["a", "b"], [1], 8)
