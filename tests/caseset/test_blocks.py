from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.caseset import MINIMUM_BLOCK, CaseSetError, assign_blocks

NONCE = bytes(range(32))

sets_of_groups = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 3)).filter(lambda kind: sum(kind) > 0),
    min_size=1,
    max_size=40,
)


def lay_out(kinds: list[tuple[int, int]]) -> tuple[list[str], list[int]]:
    groups, arms = [], []
    for number, (controls, others) in enumerate(kinds):
        groups += [f"g{number:03d}"] * (controls + others)
        arms += [0] * controls + [1] * others
    return groups, arms


@given(sets_of_groups, st.integers(MINIMUM_BLOCK, 30))
def test_blocks_are_whole_large_enough_and_blind_to_the_names_of_the_arms(kinds, size: int) -> None:
    groups, arms = lay_out(kinds)
    blocks = assign_blocks(groups, arms, block_size=size, nonce=NONCE)
    assert all(len({b for b, g in zip(blocks, groups, strict=True) if g == name}) == 1 for name in groups)
    assert set(blocks) == set(range(1, max(blocks) + 1))
    assert max(blocks) == 1 or min(Counter(blocks).values()) >= MINIMUM_BLOCK
    assert blocks == assign_blocks(groups, [1 - arm for arm in arms], block_size=size, nonce=NONCE)
    back = assign_blocks(groups[::-1], arms[::-1], block_size=size, nonce=NONCE)
    assert blocks == back[::-1]


@given(st.integers(4, 60), st.integers(MINIMUM_BLOCK, 30), st.data())
def test_pairs_keep_their_blocks_whichever_member_is_the_exemplar(pairs: int, size: int, data) -> None:
    groups, arms = lay_out([(1, 1)] * pairs)
    flips = data.draw(st.lists(st.booleans(), min_size=pairs, max_size=pairs))
    turned = [arm ^ flips[place // 2] for place, arm in enumerate(arms)]
    blocks = assign_blocks(groups, arms, block_size=size, nonce=NONCE)
    assert blocks == assign_blocks(groups, turned, block_size=size, nonce=NONCE)
    held = Counter(zip(blocks, arms, strict=True))
    assert all(held[block, 0] == held[block, 1] for block in blocks)
    assert max(Counter(blocks).values()) - min(Counter(blocks).values()) <= 2


@given(st.integers(8, 60), st.integers(8, 60), st.integers(MINIMUM_BLOCK, 30))
def test_single_cases_are_dealt_evenly_arm_by_arm(ones: int, zeros: int, size: int) -> None:
    groups, arms = lay_out([(0, 1)] * ones + [(1, 0)] * zeros)
    blocks = assign_blocks(groups, arms, block_size=size, nonce=NONCE)
    for arm in (0, 1):
        counts = Counter({block: 0 for block in blocks})
        counts.update(b for b, a in zip(blocks, arms, strict=True) if a == arm)
        assert max(counts.values()) - min(counts.values()) <= 1


def test_another_nonce_deals_otherwise() -> None:
    groups, arms = lay_out([(1, 1)] * 40)
    first = assign_blocks(groups, arms, block_size=20, nonce=NONCE)
    assert first != assign_blocks(groups, arms, block_size=20, nonce=bytes(32))
    assert max(first) == 4


def test_small_blocks_and_uneven_lists_are_refused() -> None:
    with pytest.raises(CaseSetError, match="at least 8 cases, 7 came"):
        assign_blocks(["a"], [1], block_size=7, nonce=NONCE)
    with pytest.raises(CaseSetError, match="got 1 arms for 2 cases"):
        assign_blocks(["a", "b"], [1], block_size=8, nonce=NONCE)
