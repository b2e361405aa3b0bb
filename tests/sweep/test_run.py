"""Runs: prepared whole, resumed without repeating, verified by digest."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analysis.frames import CLASSES, IMAGES, METRICS, NIH_CLASSES, check_table
from analysis.metrics.ranking import rank_quality
from analysis.sweep.errors import CheckpointError, DataError, SweepError, UnitError
from analysis.sweep.run.finish import finish_run, run_sweep
from analysis.sweep.run.prepare import open_run, prepare_run
from analysis.sweep.run.units import Unit, Workspace, list_units, run_unit, unfinished
from analysis.sweep.spec import ModelsSpec, PruneSpec
from tests.sweep.tiny import label_frame, write_checkpoint, write_labels


def contents(run):
    """Digest every file of a run that must not depend on when it was made."""
    files = [run.paths.images, run.paths.classes, run.paths.metrics, run.paths.provenance]
    files += sorted(run.paths.predictions.glob("*.npy"))
    return {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def test_a_whole_run(tiny):
    run = run_sweep(tiny.spec(), tiny.out)
    names = sorted(p.name for p in run.paths.predictions.glob("*.npy"))
    assert names == [f"seed-{s}_sparsity-{k}.npy" for s in (0, 1) for k in ("0.00", "0.50", "0.90")]
    images = check_table(pd.read_csv(run.paths.images), IMAGES)
    assert images["image"].tolist() == list(tiny.names)
    assert list(images.columns[-20:]) == list(NIH_CLASSES)
    classes = check_table(pd.read_csv(run.paths.classes), CLASSES)
    assert classes["train_positives"].isna().all()
    metrics = check_table(pd.read_csv(run.paths.metrics), METRICS)
    assert len(metrics) == 2 * 3 * 20
    scores = np.load(run.paths.prediction(1, 0.5))
    assert scores.shape == (4, 20)
    assert scores.dtype == np.float32
    part = metrics[(metrics["seed"] == 1) & (metrics["sparsity"] == 0.5)]
    quality = rank_quality(images[list(NIH_CLASSES)].to_numpy(), scores)
    assert np.allclose(part["ap"], quality.ap, equal_nan=True)
    provenance = json.loads(run.paths.provenance.read_text())
    assert provenance["run_id"] == run.run_id
    assert provenance["synthetic"] is False
    assert str(tiny.root) not in run.paths.provenance.read_text()
    assert set(provenance["predictions"]) == set(names)


def test_default_folder_is_named_after_the_run(tiny):
    run = prepare_run(tiny.spec(), runs=tiny.root / "runs")
    assert run.paths.root == tiny.root / "runs" / run.run_id


def test_resume_repeats_nothing(tiny):
    run = prepare_run(tiny.spec(), tiny.out)
    units = list_units(run)
    assert [u.key for u in units[:2]] == ["seed-0_sparsity-0.00", "seed-0_sparsity-0.50"]
    for unit in units[:4]:
        assert [a.reused for a in run_unit(run, unit)] == [False]
    times = {p: p.stat().st_mtime_ns for p in run.paths.predictions.glob("*.npy")}
    assert [u.key for u in unfinished(run)] == [u.key for u in units[4:]]
    done, decoded = [], []

    def progress(stage, count, total):
        (done if stage == "units" else decoded if stage == "decode" else []).append(count)

    run_sweep(tiny.spec(), tiny.out, progress=progress)
    assert done == [4, 5, 6]
    assert decoded == []
    assert {p: p.stat().st_mtime_ns for p in times} == times
    assert all(a.reused for unit in units for a in run_unit(run, unit))


def test_units_of_all_ratios_give_the_same_files(tiny):
    run = run_sweep(tiny.spec(), tiny.out)
    other = prepare_run(tiny.spec(), tiny.root / "other")
    workspace = Workspace(other)
    for seed in (1, 0):
        made = run_unit(other, Unit(seed, tiny.spec().prune.sparsities), workspace)
        assert len(made) == 3
    finish_run(other)
    assert contents(other) == contents(run)


@pytest.mark.parametrize("damage", ["flip", "cut", "no sidecar", "torn sidecar"])
def test_damage_is_found_and_repaired(tiny, damage):
    run = run_sweep(tiny.spec(), tiny.out)
    before = contents(run)
    path, note = run.paths.prediction(0, 0.5), run.paths.sidecar(0, 0.5)
    good = path.read_bytes()
    if damage == "flip":
        path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    elif damage == "cut":
        path.write_bytes(good[:50])
    elif damage == "no sidecar":
        note.unlink()
    else:
        note.write_text('{"run_id":')
    torn = path.with_name(f".{path.name}.{'0f' * 16}.tmp")
    torn.write_bytes(good[:9])
    assert [u.key for u in unfinished(run)] == ["seed-0_sparsity-0.50"]
    with pytest.raises(UnitError, match=r"1 are not, first seed-0_sparsity-0\.50"):
        finish_run(run)
    run_sweep(tiny.spec(), tiny.out)
    assert contents(run) == before
    assert not torn.exists()


KILLED = """
import os, signal, sys
from pathlib import Path
import analysis.sweep.run.units as units
from analysis.sweep.toml import load_spec
from analysis.sweep.run.finish import run_sweep

wanted = int(sys.argv[3])
def progress(stage, done, total):
    if stage == "units" and done == wanted:
        units.sha256_bytes = lambda content: os.kill(os.getpid(), signal.SIGKILL)  # between file and sidecar
run_sweep(load_spec(Path(sys.argv[1])), Path(sys.argv[2]), progress=progress)
"""


def test_killed_and_resumed_gives_the_same_bytes(tiny):
    spec_file = tiny.root / "spec.toml"
    spec_file.write_text(
        f'[data]\nname="tiny"\nimages="images"\nlabels_test="labels/{tiny.labels_test.name}"\nhead=0.5\ntail=0.25\n'
        '[preprocess]\nsize=32\n[models]\narchitecture="shufflenet_v2_x0_5"\ncheckpoints="trained_models"\n'
        '[prune]\nsparsities=[0, 0.5, 0.9]\n[infer]\nbatch_size=3\nthreads=1\nengine="torch"\n'
    )
    killed = subprocess.run([sys.executable, "-c", KILLED, str(spec_file), str(tiny.out), "2"], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(list((tiny.out / "predictions").glob("*.npy"))) == 3
    assert len(list((tiny.out / "predictions").glob("*.json"))) == 2
    seen = []
    resumed = run_sweep(tiny.spec(), tiny.out, progress=lambda *said: seen.append(said))
    assert [done for stage, done, _ in seen if stage == "units"] == [2, 3, 4, 5, 6]
    undisturbed = run_sweep(tiny.spec(), tiny.root / "undisturbed")
    assert contents(resumed) == contents(undisturbed)


def refused(tiny, kind, *words, **changes):
    """Expect an error before anything is written."""
    with pytest.raises(kind) as error:
        run_sweep(tiny.spec(**changes), tiny.out)
    for word in words:
        assert word in str(error.value)
    assert not tiny.out.exists()


def test_bad_input_leaves_nothing(tiny):
    good = (tiny.images / tiny.names[2]).read_bytes()
    (tiny.images / tiny.names[2]).unlink()
    refused(tiny, DataError, "row 3", tiny.names[2], "no such file")
    (tiny.images / tiny.names[2]).write_bytes(b"no image")
    refused(tiny, DataError, "image 3 of 4", tiny.names[2])
    (tiny.images / tiny.names[2]).write_bytes(good)
    label_frame(tiny.names).replace({"Mass": {0: 5}}).to_csv(tiny.labels_test, index=False)
    refused(tiny, DataError, "labels_test.csv", "'Mass'", "0 or 1", "got '5'")
    label_frame(tiny.names).iloc[:0].to_csv(tiny.labels_test, index=False)
    refused(tiny, DataError, "at least one row in the test split")


def test_bad_models_leave_nothing(tiny):
    models = tiny.spec().models
    refused(tiny, CheckpointError, "got none", models=replace(models, architecture="resnet18"))
    write_checkpoint(tiny.checkpoint(1), 1, n_classes=14)
    refused(tiny, CheckpointError, "seed-1", "expected 20 classes, got a head of 14 outputs")
    write_checkpoint(tiny.checkpoint(1), 1, architecture="squeezenet1_1")
    refused(tiny, CheckpointError, "got another network")
    refused(tiny, SweepError, "taylor", prune=PruneSpec(method="taylor"))
    refused(tiny, CheckpointError, "nonet", models=ModelsSpec("nonet", ("x",)))


def test_a_class_without_positives_is_a_warning_and_blank(tiny):
    label_frame(tiny.names).assign(Hernia=0).to_csv(tiny.labels_test, index=False)
    run = run_sweep(tiny.spec(), tiny.out)
    assert any("'Hernia' has no positive test image" in warning for warning in run.warnings)
    hernia = pd.read_csv(run.paths.metrics).query("`class` == 'Hernia'")
    assert (hernia["positives"] == 0).all()
    assert hernia[["ap", "auc", "f1"]].isna().all(axis=None)


def test_training_positives_group_the_classes(tiny):
    train = tiny.labels_test.with_name("train.csv")
    frame = write_labels(train, [f"{i}.png" for i in range(10)])
    frame = frame.assign(Hernia=[1] + [0] * 9, Mass=[1] * 3 + [0] * 7, Edema=[1] * 9 + [0])
    frame.to_csv(train, index=False)
    data = replace(tiny.spec().data, labels_train=train, head=0.5, tail=0.2)
    run = prepare_run(tiny.spec(data=data), tiny.out)
    table = pd.read_csv(run.paths.classes).set_index("class")
    assert table.loc[["Hernia", "Mass", "Edema"], "class_group"].tolist() == ["tail", "medium", "head"]
    assert table.loc["Edema", "train_positives"] == 9


def test_another_specification_is_refused_in_the_same_folder(tiny):
    prepare_run(tiny.spec(), tiny.out)
    with pytest.raises(SweepError, match="choose another --out"):
        prepare_run(tiny.spec(prune=PruneSpec(sparsities=(0.0,))), tiny.out)
    (tiny.root / "mine").mkdir()
    (tiny.root / "mine" / "thesis.txt").touch()
    with pytest.raises(SweepError, match=r"got 'thesis\.txt'"):
        prepare_run(tiny.spec(), tiny.root / "mine")


def test_what_changed_since_the_preparation_is_refused(tiny):
    run = prepare_run(tiny.spec(), tiny.out)
    write_checkpoint(tiny.checkpoint(0), 5)
    with pytest.raises(CheckpointError, match="the file has changed"):
        run_unit(run, list_units(run)[0])
    run.plan["versions"]["torch"] = "1.0"
    with pytest.raises(UnitError, match=r"expected torch 1\.0"):
        run_unit(run, list_units(run)[0])


def test_a_host_without_the_cache_builds_it(tiny):
    run = prepare_run(tiny.spec(), tiny.out)
    cache = tiny.root / ".image-cache"
    for file in cache.iterdir():
        file.unlink()
    run_unit(run, list_units(run)[0])
    assert len(list(cache.glob("*.u8"))) == 1
    for file in cache.iterdir():
        file.unlink()
    (tiny.images / tiny.names[0]).write_bytes((tiny.images / tiny.names[1]).read_bytes())
    with pytest.raises(UnitError, match="images have changed"):
        run_unit(run, list_units(run)[1])


def test_open_run_needs_a_plan(tmp_path):
    with pytest.raises(SweepError, match=r"plan\.json: expected the plan"):
        open_run(tmp_path)


def test_the_command(tiny, capsys, monkeypatch):
    from analysis.sweep.__main__ import main

    spec_file = tiny.root / "spec.toml"
    spec_file.write_text(
        f'[data]\nname="tiny"\nimages="images"\nlabels_test="labels/{tiny.labels_test.name}"\n'
        '[preprocess]\nsize=32\n[models]\narchitecture="shufflenet_v2_x0_5"\ncheckpoints="trained_models"\n'
        "[prune]\nsparsities=[0, 0.9]\n[infer]\nthreads=1\n"
    )
    monkeypatch.chdir(tiny.root)
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    calls = []

    def interrupted(*arguments, **named):
        calls.append(arguments)
        os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr("analysis.sweep.run.finish.run_unit", interrupted)
        assert main([str(spec_file)]) == 130
    assert len(calls) == 1
    assert main([str(spec_file)]) == 0
    assert len(list(tiny.root.glob("var/runs/*/provenance.json"))) == 1
    assert "class 'No Finding'" not in capsys.readouterr().out
    assert main([str(tiny.root / "none.toml")]) == 1
    assert "none.toml: expected" in capsys.readouterr().err
    assert main([str(spec_file), "--out", str(spec_file / "run")]) == 1
    assert (
        "expected a place that can be read and written, got the error 'Not a directory'"
        in capsys.readouterr().err
    )
