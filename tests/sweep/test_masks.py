"""Masks: exact counts, the tie rule, and equality with torch."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.utils import prune

from analysis.sweep.errors import SpecError
from analysis.sweep.methods import METHODS, find_method
from analysis.sweep.methods.masks import MaskMethod
from analysis.sweep.methods.registry import refuse_levels
from analysis.sweep.spec import SPARSITIES

SHAPES = ((4, 3, 2, 2), (7, 5), (1, 1), (6, 1, 3, 3), (5, 8, 1, 3), (6, 4))
MASKING = sorted(name for name, method in METHODS.items() if isinstance(method, MaskMethod))
"""Whatever a file of the folder registers is asked what every method promises, also one that somebody adds."""


def layers(seed, levels=0):
    """Draw weights; with `levels` they are drawn from few values, so that ties abound."""
    rng = np.random.default_rng(seed)
    drawn = [rng.normal(0, 1, shape) for shape in SHAPES]
    if levels:
        drawn = [np.round(layer * levels) / levels for layer in drawn]
    return [layer.astype(np.float32) for layer in drawn]


def masks_of(name, weights, ratios, seed=0):
    return find_method(name).compress(weights, ratios, seed)


def keep(masks, ratio):
    return [layer.numpy() for layer in masks.keep(ratio)]


def total(kept):
    return sum(layer.size - layer.sum() for layer in kept)


@given(
    seed=st.integers(0, 2**32 - 1),
    levels=st.integers(0, 4),
    name=st.sampled_from(MASKING),
    sparsities=st.lists(st.integers(0, 99), min_size=1, max_size=6, unique=True),
)
@settings(max_examples=120, deadline=None)
def test_counts_are_exact_and_masks_nested(seed, levels, name, sparsities):
    weights = layers(seed, levels)
    ratios = [step / 100 for step in sorted(sparsities)]
    masks, method = masks_of(name, weights, ratios, seed), METHODS[name]
    before = None
    for ratio in ratios:
        kept = keep(masks, ratio)
        if method.scope == "global":
            assert total(kept) == round(ratio * masks.total)
        else:
            for layer, piece in zip(kept, method.pieces(weights), strict=True):
                # Pieces go whole; a layer without any stays.
                assert layer.size - layer.sum() == (round(ratio * layer.size / piece) * piece if piece else 0)
                pieces = layer.reshape(-1, piece or layer.size)
                assert (pieces.all(1) == pieces.any(1)).all()
        assert total(kept) == masks.removed(ratio)
        if before is not None:
            assert all((later <= earlier).all() for later, earlier in zip(kept, before, strict=True))
        before = kept


@pytest.mark.parametrize("name", sorted(METHODS))
def test_a_method_says_what_a_level_means_and_gives_the_same_twice(name):
    method = METHODS[name]
    assert method.name == name
    assert len(method.meaning.split()) > 3
    weights = [torch.from_numpy(layer) for layer in layers(8)]
    level = next(level for level in (0.5, 0.75) if not refused(method, [0.0, level]))
    one, two = (
        [
            layer.clone()
            for layer in method.compress([w.numpy() for w in weights], [0.0, level], 3).weights(
                level, weights
            )
        ]
        for _ in range(2)
    )
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(one, weights, strict=True))


def refused(method, levels):
    try:
        refuse_levels(method, levels, "[prune] sparsities")
    except SpecError:
        return True
    return False


@given(seed=st.integers(0, 2**32 - 1), levels=st.integers(0, 3), step=st.integers(0, 99))
@settings(max_examples=80, deadline=None)
def test_lowest_flat_index_goes_first_among_equals(seed, levels, step):
    weights = layers(seed, levels)
    kept = keep(masks_of("global_l1", weights, [step / 100]), step / 100)
    flat = np.concatenate([np.abs(layer).ravel() for layer in weights])
    wanted = np.ones(flat.size, bool)
    wanted[np.argsort(flat, kind="stable")[: round(step / 100 * flat.size)]] = False
    assert (np.concatenate([layer.ravel() for layer in kept]) == wanted).all()


@pytest.mark.parametrize("seed", range(3))
def test_global_l1_is_bit_equal_to_torch(seed):
    weights = layers(seed)
    masks = masks_of("global_l1", weights, SPARSITIES)
    for ratio in SPARSITIES[1:]:
        modules = [torch.nn.Linear(1, 1) for _ in weights]
        for module, layer in zip(modules, weights, strict=True):
            module.weight = torch.nn.Parameter(torch.from_numpy(layer.copy()))
        prune.global_unstructured([(m, "weight") for m in modules], prune.L1Unstructured, amount=ratio)
        for module, kept in zip(modules, keep(masks, ratio), strict=True):
            assert (module.weight_mask.numpy().astype(bool) == kept).all()


def test_layer_l1_is_bit_equal_to_torch():
    weights = layers(5)
    kept = keep(masks_of("layer_l1", weights, [0.7]), 0.7)
    for layer, stays in zip(weights, kept, strict=True):
        module = torch.nn.Linear(1, 1)
        module.weight = torch.nn.Parameter(torch.from_numpy(layer))
        prune.l1_unstructured(module, "weight", amount=0.7)
        assert (module.weight_mask.numpy().astype(bool) == stays).all()


def test_random_follows_its_seed_and_not_the_weights():
    one, two = (keep(masks_of("random", layers(w), [0.5], 7), 0.5) for w in (1, 2))
    other = keep(masks_of("random", layers(1), [0.5], 8), 0.5)
    assert all((a == b).all() for a, b in zip(one, two, strict=True))
    assert any((a != b).any() for a, b in zip(one, other, strict=True))


def test_random_removes_large_and_small_alike():
    weights = [np.linspace(0, 1, 20_000, dtype=np.float32)]
    kept = keep(masks_of("random", weights, [0.5]), 0.5)[0]
    assert abs(kept[:10_000].mean() - 0.5) < 0.03


def test_minus_zero_is_zero():
    weights = [np.array([-0.0, 0.0, -1.0, 1.0], np.float32)]
    kept = keep(masks_of("global_l1", weights, [0.25]), 0.25)[0]
    assert kept.tolist() == [False, True, True, True]


@pytest.mark.parametrize("ratio", [0.1, 0.5, 0.9])
def test_channels_are_those_of_torch_and_the_head_stays(ratio):
    weights = [*layers(3), layers(4)[1]]
    kept = keep(masks_of("channel_l2", weights, [ratio]), ratio)
    for layer, stays in zip(weights[:-1], kept, strict=False):
        module = torch.nn.Linear(1, 1)
        module.weight = torch.nn.Parameter(torch.from_numpy(layer.copy()))
        if round(ratio * len(layer)):
            prune.ln_structured(module, "weight", ratio, n=2, dim=0)
            assert (module.weight_mask.numpy().astype(bool) == stays).all()
    assert kept[-1].all()


def test_equal_channels_go_whole_and_the_first_goes_first():
    weights = [np.ones((4, 3), np.float32), np.ones((2, 4), np.float32)]
    kept = keep(masks_of("channel_l2", weights, [0.5]), 0.5)[0]
    assert kept.all(1).tolist() == [False, False, True, True]
    assert kept.any(1).tolist() == [False, False, True, True]


def test_masks_set_zeros_and_leave_the_pristine_weights_alone():
    weights = [torch.from_numpy(layer) for layer in layers(6)]
    before = [layer.clone() for layer in weights]
    masks = masks_of("global_l1", [layer.numpy() for layer in weights], [0.0, 0.8])
    pruned = masks.weights(0.8, weights)
    for layer, same, result, stays in zip(weights, before, pruned, masks.keep(0.8), strict=True):
        assert torch.equal(layer, same)
        assert torch.equal(result, layer * stays)
    assert all(one is two for one, two in zip(masks.weights(0.0, weights), weights, strict=True))


@given(
    seed=st.integers(0, 2**32 - 1), levels=st.integers(0, 3),
    name=st.sampled_from(MASKING), step=st.integers(1, 99),
)  # fmt: skip
@settings(max_examples=80, deadline=None)
def test_one_pass_on_a_cpu_writes_what_the_masks_say(seed, levels, name, step):
    """Ties, layers whole or empty, memory filled before by another level; signs of zero are those of torch."""
    weights = [torch.from_numpy(layer) for layer in layers(seed, levels)]
    masks = masks_of(name, [layer.numpy() for layer in weights], sorted({0.5, step / 100}), seed)
    masks.weights(0.5, weights)
    written = masks.weights(step / 100, weights)
    strided = masks.weights(
        step / 100, [layer.t().contiguous().t() if layer.ndim == 2 else layer for layer in weights]
    )
    for layer, stays, one, two in zip(weights, masks.keep(step / 100), written, strided, strict=True):
        wanted = torch.where(stays, layer, 0.0)
        assert torch.equal(one.view(torch.int32), wanted.view(torch.int32))
        assert torch.equal(two, wanted)


def test_int8_is_torchs_symmetric_quantisation_per_channel():
    layer = layers(9)[0]
    layer[2] = 0
    rounded = find_method("int8").compress([layer], [0.0, 0.75]).weights(0.75, [torch.from_numpy(layer)])[0]
    scale = np.abs(layer).reshape(len(layer), -1).max(1) / 127
    wanted = torch.fake_quantize_per_channel_affine(
        torch.from_numpy(layer), torch.from_numpy(np.where(scale > 0, scale, 1)).float(),
        torch.zeros(len(layer), dtype=torch.int32), 0, -127, 127,
    )  # fmt: skip
    assert torch.allclose(rounded, wanted, rtol=0, atol=1e-7)
    assert all(len(channel.unique()) <= 255 for channel in rounded)
    assert (np.abs(rounded.numpy() - layer).reshape(len(layer), -1).max(1) <= scale / 2 * 1.0001).all()


def test_int8_has_two_levels_and_counts_what_becomes_zero():
    weights = [np.array([[100, 0.2, 0, 50]], np.float32)]
    quantised = find_method("int8").compress(weights, [0.0, 0.75])
    assert (quantised.total, quantised.removed(0.0), quantised.removed(0.75)) == (4, 0, 2)
    refuse_levels(find_method("int8"), [0.0, 0.75], "[prune] sparsities")
    with pytest.raises(SpecError, match=r"sparsities: expected a level of int8 \(0 and 0\.75\), got 0\.9"):
        refuse_levels(find_method("int8"), [0.0, 0.9], "[prune] sparsities")


def test_two_of_each_four_neighbours_along_the_input_channels_go():
    weights = layers(3)
    masks = masks_of("2:4", weights, [0.5])
    kept = keep(masks, 0.5)
    for layer, weight in zip(kept, weights, strict=True):
        if weight.shape[1] % 4:
            assert layer.all()
            continue
        own, sizes = (np.moveaxis(one, 1, -1).reshape(-1, 4) for one in (layer, np.abs(weight)))
        assert (own.sum(1) == 2).all()
        assert (np.where(own, sizes, np.inf).min(1) >= np.where(own, 0, sizes).max(1)).all()
    assert masks.removed(0.5) == (weights[4].size + weights[5].size) / 2
    with pytest.raises(SpecError, match=r"a level of 2:4 \(0 and 0\.5\), got 0\.9"):
        refuse_levels(find_method("2:4"), [0.9], "[prune] sparsities")


def test_unknown_method_names_the_known():
    with pytest.raises(SpecError, match=", ".join(sorted(METHODS))):
        find_method("taylor")
