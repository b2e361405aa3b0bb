"""Two methods side by side, and weights by magnitude, by hand."""

import numpy as np
import pytest
from scipy.stats import ttest_rel

from analysis.findings.overall import side_by_side
from analysis.findings.precision import FindingsError, read_precision
from tests.findings.toys import metrics

LEVELS = [0.0, 0.5, 0.9]
ONE = {"A": [[0.8, 0.7, 0.6], [0.6, 0.5, 0.5]], "B": [[0.4, 0.4, 0.2], [0.4, 0.3, 0.3]]}
OTHER = {"A": [[0.8, 0.4, 0.1], [0.6, 0.3, 0.1]], "B": [[0.4, 0.2, 0.1], [0.4, 0.2, 0.0]]}


def rows():
    one, other = (read_precision(metrics(ap, LEVELS), ["A", "B"]) for ap in (ONE, OTHER))
    return side_by_side(one, other, ("global_l1", "random"))


def test_by_hand() -> None:
    """At 0.5: mAP .55 and .4 against .3 and .25; differences .25 and .15, mean .2."""
    found = rows()
    assert [row["sparsity"] for row in found] == LEVELS
    middle = found[1]
    assert (middle["method_a"], middle["method_b"], middle["seeds"]) == ("global_l1", "random", 2)
    assert middle["map_a"] == pytest.approx(0.475)
    assert middle["map_b"] == pytest.approx(0.275)
    assert middle["difference"] == pytest.approx(0.2)
    assert middle["p_paired"] == pytest.approx(ttest_rel([0.55, 0.4], [0.3, 0.25]).pvalue)
    assert found[0]["difference"] == 0
    assert found[0]["p_paired_holm"] is None


def test_holm_counts_the_sparsities_above_0() -> None:
    ps = sorted(row["p_paired"] for row in rows()[1:])
    adjusted = sorted(row["p_paired_holm"] for row in rows()[1:])
    assert adjusted[0] == pytest.approx(min(1, 2 * ps[0]))
    assert adjusted[1] == pytest.approx(min(1, max(2 * ps[0], ps[1])))


def test_exchanging_the_methods_turns_the_sign() -> None:
    one, other = (read_precision(metrics(ap, LEVELS), ["A", "B"]) for ap in (ONE, OTHER))
    turned = side_by_side(other, one, ("random", "global_l1"))
    for row, back in zip(rows(), turned, strict=True):
        assert row["difference"] == pytest.approx(-back["difference"])
        assert row["p_paired"] == back["p_paired"]


def test_nothing_in_common_is_named() -> None:
    one = read_precision(metrics(ONE, LEVELS), ["A", "B"])
    with pytest.raises(FindingsError, match="same classes"):
        side_by_side(one, read_precision(metrics({"A": OTHER["A"]}, LEVELS), ["A"]), ("a", "b"))


def test_histogram_of_a_checkpoint(tmp_path) -> None:
    from analysis.sweep.run.prepare import prepare_run
    from analysis.sweep.run.weights import magnitude_histogram
    from tests.sweep.tiny import make_tiny

    run = prepare_run(make_tiny(tmp_path, seeds=(0,)).spec(), tmp_path / "run")
    seed = next(iter(run.checkpoints))
    rows = magnitude_histogram(run.paths.root, seed)
    import torch

    from analysis.sweep.networks.architectures import build_classifier, prunable_names
    from analysis.sweep.networks.checkpoints import read_checkpoint

    state = read_checkpoint(*run.checkpoints[seed]).state
    net = build_classifier(run.spec.models.architecture, len(run.spec.data.classes), device="meta")
    weights = torch.cat([state[name].flatten() for name in prunable_names(net)]).abs().numpy()
    assert sum(row["count"] for row in rows) == len(weights)
    for row in rows[::20]:
        assert row["cumulative"] == pytest.approx(np.mean(weights < row["high"]), abs=2 / len(weights))
    assert rows[-1]["cumulative"] == 1
