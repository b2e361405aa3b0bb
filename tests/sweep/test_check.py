"""The check of a precision: what is reported is what a comparison by hand finds."""

import json

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import average_precision_score

from analysis.sweep.errors import SweepError
from analysis.sweep.run.check import check_precision, check_sweep, compare, sentences
from analysis.sweep.run.finish import run_sweep
from analysis.sweep.run.prepare import prepare_run
from analysis.sweep.spec import InferSpec


def made_scores(seed, noise=0.0, images=60, classes=6):
    rng = np.random.default_rng(seed)
    scores = rng.random((3, 2, images, classes))
    return (scores + noise * np.random.default_rng(9).normal(0, 1, scores.shape)).astype(np.float32)


def test_the_same_scores_differ_in_nothing():
    labels = np.random.default_rng(0).integers(0, 2, (60, 6))
    found = compare(labels, made_scores(1), made_scores(1))
    assert found == {
        "score_difference": 0.0, "rank_agreement": pytest.approx(1.0), "exemplars": 3, "kept": 3,
        "ap_change": 0.0, "ap_mean_change": 0.0,
    }  # fmt: skip


def test_every_figure_by_hand():
    labels = np.random.default_rng(0).integers(0, 2, (60, 6))
    labels[:, 2] = 0
    mine, plain = made_scores(1, 0.1), made_scores(1)
    found = compare(labels, mine, plain)
    assert found["score_difference"] == np.abs(mine - plain).max()
    orders = [
        [
            spearmanr(dense, small).statistic
            for dense, small in zip(s[:, 0].mean(0), s[:, 1].mean(0), strict=True)
        ]
        for s in (mine, plain)
    ]
    assert found["rank_agreement"] == pytest.approx(spearmanr(*orders).statistic)
    lowest = [set(np.argsort(order)[:3]) for order in orders]
    assert found["kept"] == len(lowest[0] & lowest[1])
    change = [
        average_precision_score(labels[:, c], mine[m, k, :, c])
        - average_precision_score(labels[:, c], plain[m, k, :, c])
        for m in range(3) for k in range(2) for c in (0, 1, 3, 4, 5)
    ]  # fmt: skip
    assert found["ap_change"] == pytest.approx(np.abs(change).max())
    assert found["ap_mean_change"] == pytest.approx(np.mean(change))


def test_a_constant_image_leaves_no_nan_in_the_order():
    scores = made_scores(1)
    flat = scores.copy()
    flat[:, :, 0] = 0.5
    found = compare(np.random.default_rng(0).integers(0, 2, (60, 6)), flat, scores)
    assert -1 <= found["rank_agreement"] <= 1


def test_bf16_is_checked_before_a_run(tiny):
    run = prepare_run(
        tiny.spec(infer=InferSpec(batch_size=3, threads=1, engine="torch", precision="bf16")), tiny.out
    )
    seen = []
    check = check_precision(run, 3, progress=lambda *said: seen.append(said))
    named = ("engine", "precision", "images", "members", "level")
    assert [check[name] for name in named] == ["torch", "bf16", 3, 2, 0.9]
    assert 0 < check["score_difference"] < 0.05
    assert seen[-1] == ("check", 24, 24)
    assert json.loads(run.paths.check.read_text()) == check
    assert not list(run.paths.predictions.iterdir())


def test_the_check_sees_the_runs_own_scores(tiny):
    """Plain fp32 against itself: the sample's scores are those of the score files."""
    run = run_sweep(tiny.spec(), tiny.out)
    check = check_precision(run, 99)
    assert (check["images"], check["score_difference"], check["ap_change"]) == (4, 0.0, 0.0)


def test_a_sample_without_images_is_refused(tiny):
    with pytest.raises(SweepError, match="expected 1 image or more, got 0"):
        check_sweep(tiny.spec(), tiny.out, images=0)


def test_an_order_that_is_constant_is_said_so():
    scores = np.full((2, 2, 5, 3), 0.5, np.float32)
    found = compare(np.eye(5, 3, dtype=int), scores, scores)
    assert found["rank_agreement"] is None
    told = sentences(
        found | {"engine": "torch", "precision": "bf16", "images": 5, "members": 2, "level": 0.9}
    )
    assert "order of the images by agreement: constant, not comparable; 0 of 0" in told[2]


def test_the_command_checks_and_runs_nothing(tiny, capsys):
    from analysis.sweep.__main__ import main

    spec_file = tiny.root / "spec.toml"
    spec_file.write_text(
        f'[data]\nname="tiny"\nimages="images"\nlabels_test="labels/{tiny.labels_test.name}"\n'
        '[preprocess]\nsize=32\n[models]\narchitecture="shufflenet_v2_x0_5"\ncheckpoints="trained_models"\n'
        '[prune]\nsparsities=[0, 0.9]\n[infer]\nthreads=1\nengine="fused"\n'
    )
    assert main([str(spec_file), "--out", str(tiny.out), "--check", "4"]) == 0
    said = capsys.readouterr().out
    assert "fused fp32 against torch fp32, 4 images, 2 members" in said
    assert not (tiny.out / "metrics.csv").exists()
