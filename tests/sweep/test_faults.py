"""What a device or a precision does to a unit or a training is said by name, and costs nobody else's attempts."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from analysis.sweep import device
from analysis.sweep.engines.backend import Eager, Network
from analysis.sweep.engines.static import Static
from analysis.sweep.errors import HostError, UnitError
from analysis.sweep.networks.architectures import build_classifier
from analysis.sweep.networks.checkpoints import read_checkpoint
from analysis.sweep.run import acceptance, units
from analysis.sweep.run.finish import finish_run
from analysis.sweep.run.prepare import prepare_run
from analysis.sweep.run.units import Workspace, list_units, run_unit
from analysis.sweep.spec import InferSpec, PruneSpec, TrainSpec
from analysis.sweep.training.train import train_ensemble
from tests.sweep.tiny import random_state, write_images, write_labels


def overflowing(tiny):
    """Checkpoints whose weights are finite, and whose scores are not: the head's sum is beyond float32."""
    for seed in (0, 1):
        state = random_state("shufflenet_v2_x0_5", 20, seed)
        state["fc.weight"][:, ::2], state["fc.weight"][:, 1::2] = 3e38, -3e38
        state["conv5.1.weight"] *= 1e8
        torch.save({"weights": state}, tiny.checkpoint(seed))


def test_scores_that_are_no_numbers_fail_their_unit_and_leave_no_file(tiny):
    overflowing(tiny)
    run = prepare_run(tiny.spec(), tiny.out)
    with pytest.raises(UnitError, match=r"condition dense, got nan for \d of 4 images in fp32") as refused:
        run_unit(run, list_units(run)[0])
    assert "tf32" not in str(refused.value)  # what fp16 would be told
    assert list(run.paths.predictions.iterdir()) == []


def test_no_engine_is_chosen_for_a_precision_in_which_scores_are_no_numbers(tiny):
    overflowing(tiny)
    with pytest.raises(UnitError, match=r"none could: .*torch: a score differs by nan"):
        prepare_run(tiny.spec(infer=InferSpec(threads=1, engine="auto")), tiny.out)


def test_the_plain_engine_may_differ_and_another_may_not(tiny, monkeypatch):
    """bf16 of plain torch is what the precision is; 0 is the limit that nothing keeps."""
    monkeypatch.setitem(acceptance.LIMIT, "bf16", 0.0)
    run = prepare_run(tiny.spec(infer=InferSpec(threads=1, precision="bf16")), tiny.out)
    assert run.spec.infer.engine == "torch"
    assert "a score differs by" in run.plan["engine"]["refused"]["fused"]


@pytest.mark.parametrize(
    ("raised", "named", "words"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.\nMore"), UnitError,
         r"batches of 3 images to fit .* \(CUDA out of memory. Tried to allocate 2 GiB.\); use a smaller batch_size"),
        (torch.AcceleratorError("CUDA error: an illegal memory access was encountered\nCUDA kernel errors"), HostError,
         r"expected a device that works, got 'CUDA error: an illegal memory access was encountered'"),
    ],
)  # fmt: skip
def test_faults_of_a_device_are_named(tiny, monkeypatch, raised, named, words):
    run = prepare_run(tiny.spec(), tiny.out)

    def scores(*_):
        raise raised

    monkeypatch.setattr(Eager, "scores", scores)
    with pytest.raises(UnitError, match=words) as refused:
        run_unit(run, list_units(run)[0])
    assert type(refused.value) is named
    monkeypatch.undo()
    assert run_unit(run, list_units(run)[0], Workspace(run))


def test_memory_that_torch_keeps_of_what_is_gone_counts_as_free(monkeypatch):
    kept = [6 << 30]
    monkeypatch.setattr(torch.cuda, "empty_cache", kept.clear)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: ((8 << 30) - sum(kept), 8 << 30))
    assert device.free_bytes() == 8 << 30


def flags():
    cudnn = torch.backends.cudnn
    return cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32


def set_flags(values):
    cudnn = torch.backends.cudnn
    cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = values


def test_a_gpus_engine_does_not_depend_on_what_the_process_did_before():
    before = flags()
    try:
        for left in ((True, True, True, True), (False, False, False, False)):
            set_flags(left)
            for precision, tf32 in (("fp32", False), ("tf32", True)):
                network = Network(build_classifier("resnet18", 2), 2, (32, 32))
                Static(network, SimpleNamespace(device="cpu", precision=precision, batch_size=2), lambda m: m)
                assert flags() == (True, False, tf32, tf32)
    finally:
        set_flags(before)


@pytest.mark.skipif(torch.cuda.is_available(), reason="of a host without a GPU")
def test_a_training_for_a_gpu_is_refused_by_name_before_anything_is_decoded(tiny):
    with pytest.raises(HostError, match=r"\[train\] device: expected a working CUDA device"):
        train_ensemble(tiny.spec(train=TrainSpec(device="cuda")), tiny.root / "nets")
    assert not (tiny.root / ".image-cache").exists()


@pytest.mark.parametrize(("sparsities", "told"), [((0.5,), True), ((0.0,), True), ((0.0, 0.5), False)])
def test_a_sweep_without_the_dense_network_says_what_it_will_lack(tiny, sparsities, told):
    run = prepare_run(tiny.spec(prune=PruneSpec(sparsities=sparsities)), tiny.out)
    assert any("findings compare them" in warning for warning in run.warnings) == told


def test_a_training_that_diverged_publishes_no_network(tiny):
    names = {"train": [f"t{i}.png" for i in range(9)], "val": [f"v{i}.png" for i in range(3)]}
    for split, files in names.items():
        write_images(tiny.images, files, seed=5)
        write_labels(tiny.root / f"{split}.csv", files)
    data = replace(tiny.spec().data, labels_train=tiny.root / "train.csv", labels_val=tiny.root / "val.csv")
    choice = TrainSpec(epochs=2, batch_size=4, learning_rate=1e37, threads=1)
    out = tiny.root / "nets"
    for _ in range(2):  # and says so again when it is asked to go on
        with pytest.raises(
            UnitError, match=r"seed 0, epoch 1: expected a finite validation loss, got (nan|inf)"
        ):
            train_ensemble(tiny.spec(data=data, train=choice), out)
    assert not list(out.glob("*/chkpt.pt"))
    (sane,) = train_ensemble(tiny.spec(data=data, train=replace(choice, learning_rate=1e-3)), out)
    assert np.isfinite(sane.best_loss)
    assert read_checkpoint(sane.checkpoint).state


def test_gpus_of_two_kinds_are_told_in_the_provenance(tiny):
    run = prepare_run(tiny.spec(), tiny.out)
    for unit in list_units(run):
        run_unit(run, unit)
    assert "cards" not in finish_run(run)
    for place, unit in enumerate(list_units(run)):
        note = run.paths.sidecar(unit.seed, unit.conditions[0])
        said = json.loads(note.read_text())
        assert "card" not in said
        note.write_text(json.dumps(said | {"card": "A100" if place < 2 else "H200"}))
    said = finish_run(run)
    assert said["cards"] == {"A100": 2, "H200": 4}
    assert "GPUs of 2 kinds (2 by A100, 4 by H200)" in said["warnings"][-1]


def test_a_score_file_names_the_gpu_that_computed_it(tiny, monkeypatch):
    run = prepare_run(tiny.spec(), tiny.out)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "NVIDIA H200")
    assert device.card_of("cpu") == ""
    monkeypatch.setattr(units, "card_of", lambda _: device.card_of("cuda"))
    unit = list_units(run)[0]
    run_unit(run, unit)
    assert json.loads(run.paths.sidecar(unit.seed, 0.0).read_text())["card"] == "NVIDIA H200"
