"""Masks: exact counts, the tie rule, and equality with torch."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.utils import prune

from analysis.sweep.errors import SpecError
from analysis.sweep.methods import METHODS, Masks, find_method
from analysis.sweep.spec import SPARSITIES

SHAPES = ((4, 3, 2, 2), (7, 5), (1, 1), (6, 1, 3, 3))


def layers(seed, levels=0):
    """Draw weights; with `levels` they are drawn from few values, so that ties abound."""
    rng = np.random.default_rng(seed)
    drawn = [rng.normal(0, 1, shape) for shape in SHAPES]
    if levels:
        drawn = [np.round(layer * levels) / levels for layer in drawn]
    return [layer.astype(np.float32) for layer in drawn]


def total(kept):
    return sum(layer.size - layer.sum() for layer in kept)


@given(
    seed=st.integers(0, 2**32 - 1),
    levels=st.integers(0, 4),
    name=st.sampled_from(sorted(METHODS)),
    sparsities=st.lists(st.integers(0, 99), min_size=1, max_size=6, unique=True),
)
@settings(max_examples=120, deadline=None)
def test_counts_are_exact_and_masks_nested(seed, levels, name, sparsities):
    weights = layers(seed, levels)
    ratios = [step / 100 for step in sorted(sparsities)]
    masks = Masks(METHODS[name], weights, ratios, seed)
    before = None
    for ratio in ratios:
        kept = masks.keep(ratio)
        if METHODS[name].scope == "global":
            assert total(kept) == round(ratio * masks.total)
        else:
            assert [k.size - k.sum() for k in kept] == [round(ratio * w.size) for w in weights]
        assert total(kept) == masks.removed(ratio)
        if before is not None:
            assert all((later <= earlier).all() for later, earlier in zip(kept, before, strict=True))
        before = kept


@given(seed=st.integers(0, 2**32 - 1), levels=st.integers(0, 3), step=st.integers(0, 99))
@settings(max_examples=80, deadline=None)
def test_lowest_flat_index_goes_first_among_equals(seed, levels, step):
    weights = layers(seed, levels)
    kept = Masks(METHODS["global_l1"], weights, [step / 100]).keep(step / 100)
    flat = np.concatenate([np.abs(layer).ravel() for layer in weights])
    wanted = np.ones(flat.size, bool)
    wanted[np.argsort(flat, kind="stable")[: round(step / 100 * flat.size)]] = False
    assert (np.concatenate([layer.ravel() for layer in kept]) == wanted).all()


@pytest.mark.parametrize("seed", range(3))
def test_global_l1_is_bit_equal_to_torch(seed):
    weights = layers(seed)
    masks = Masks(find_method("global_l1"), weights, SPARSITIES)
    for ratio in SPARSITIES[1:]:
        modules = [torch.nn.Linear(1, 1) for _ in weights]
        for module, layer in zip(modules, weights, strict=True):
            module.weight = torch.nn.Parameter(torch.from_numpy(layer.copy()))
        prune.global_unstructured([(m, "weight") for m in modules], prune.L1Unstructured, amount=ratio)
        for module, kept in zip(modules, masks.keep(ratio), strict=True):
            assert (module.weight_mask.numpy().astype(bool) == kept).all()


def test_layer_l1_is_bit_equal_to_torch():
    weights = layers(5)
    kept = Masks(find_method("layer_l1"), weights, [0.7]).keep(0.7)
    for layer, stays in zip(weights, kept, strict=True):
        module = torch.nn.Linear(1, 1)
        module.weight = torch.nn.Parameter(torch.from_numpy(layer))
        prune.l1_unstructured(module, "weight", amount=0.7)
        assert (module.weight_mask.numpy().astype(bool) == stays).all()


def test_random_follows_its_seed_and_not_the_weights():
    one, two = (Masks(find_method("random"), layers(w), [0.5], 7).keep(0.5) for w in (1, 2))
    other = Masks(find_method("random"), layers(1), [0.5], 8).keep(0.5)
    assert all((a == b).all() for a, b in zip(one, two, strict=True))
    assert any((a != b).any() for a, b in zip(one, other, strict=True))


def test_random_removes_large_and_small_alike():
    weights = [np.linspace(0, 1, 20_000, dtype=np.float32)]
    kept = Masks(find_method("random"), weights, [0.5], 0).keep(0.5)[0]
    assert abs(kept[:10_000].mean() - 0.5) < 0.03


def test_minus_zero_is_zero():
    weights = [np.array([-0.0, 0.0, -1.0, 1.0], np.float32)]
    assert Masks(find_method("global_l1"), weights, [0.25]).keep(0.25)[0].tolist() == [
        False,
        True,
        True,
        True,
    ]


def test_unknown_method_names_the_known():
    with pytest.raises(SpecError, match="global_l1, layer_l1, random"):
        find_method("taylor")
