"""Checkpoints: layouts, wrappers, and what is refused."""

import argparse
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from analysis.durable import sha256_file
from analysis.sweep.data_spec import DataSpec
from analysis.sweep.errors import CheckpointError
from analysis.sweep.networks.architectures import build_classifier
from analysis.sweep.networks.checkpoints import read_checkpoint, read_member
from analysis.sweep.networks.layout import find_checkpoints, layout_name
from analysis.sweep.spec import ModelsSpec, SweepSpec
from tests.sweep.tiny import SMALL, random_state


def spec(root, *places, seeds=(), architecture=SMALL, name="nih-cxr-lt"):
    models = ModelsSpec(architecture, tuple(str(place) for place in places), tuple(seeds))
    return SweepSpec(DataSpec(name, root), models=models)


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_published_layout(tmp_path):
    names = {s: layout_name("nih-cxr-lt", SMALL, 0.0001, 256, s) for s in (0, 1, 12)}
    assert names[0] == f"nih-cxr-lt_{SMALL}_ce_lr-0.0001_bs-256/chkpt.pt"
    assert names[12] == f"nih-cxr-lt_{SMALL}_ce_lr-0.0001_bs-256_seed-12/chkpt.pt"
    files = {s: touch(tmp_path / "trained_models" / name) for s, name in names.items()}
    touch(tmp_path / "trained_models" / layout_name("mimic-cxr-lt", SMALL, 0.0001, 256, 5))
    assert find_checkpoints(spec(tmp_path, tmp_path / "trained_models")) == files
    assert find_checkpoints(spec(tmp_path, tmp_path)) == files
    assert find_checkpoints(spec(tmp_path, tmp_path, seeds=[12])) == {12: files[12]}


def test_published_layout_of_two_gpus(tmp_path):
    files = {
        s: touch(tmp_path / f"nih-cxr-lt_{SMALL}_ce_lr-0.0001_bs-128x2{e}" / "chkpt.pt")
        for s, e in ((0, ""), (7, "_seed-7"))
    }
    touch(
        tmp_path / f"nih-cxr-lt_{SMALL}_ce_rand_lr-0.0001_bs-128x2" / "chkpt.pt"
    )  # another starting point, another ensemble
    assert find_checkpoints(spec(tmp_path, tmp_path)) == files


def test_patterns_and_lists(tmp_path):
    files = {s: touch(tmp_path / f"net-{s}.pt") for s in (3, 10)}
    assert find_checkpoints(spec(tmp_path, tmp_path / "net-{seed}.pt")) == files
    assert find_checkpoints(spec(tmp_path, tmp_path / "net-{seed}.pt", seeds=[10])) == {10: files[10]}
    assert find_checkpoints(spec(tmp_path, *files.values())) == {0: files[3], 1: files[10]}
    assert find_checkpoints(spec(tmp_path, *files.values(), seeds=[7, 5])) == {5: files[10], 7: files[3]}
    seeded = {s: touch(tmp_path / f"x_seed-{s}" / "w.pt") for s in (2, 1)}
    assert find_checkpoints(spec(tmp_path, tmp_path / "*" / "w.pt")) == seeded


def test_missing_checkpoints_are_named(tmp_path):
    touch(tmp_path / "trained_models" / layout_name("nih-cxr-lt", SMALL, 0.0001, 256, 0))
    with pytest.raises(CheckpointError, match="checkpoint of seed 4, got none"):
        find_checkpoints(spec(tmp_path, tmp_path, seeds=[0, 4]))
    with pytest.raises(CheckpointError, match="data set 'other'"):
        find_checkpoints(spec(tmp_path, tmp_path, name="other"))
    with pytest.raises(CheckpointError, match="a folder, a pattern or files"):
        find_checkpoints(spec(tmp_path))
    touch(tmp_path / "trained_models" / layout_name("nih-cxr-lt", SMALL, 0.001, 256, 0))
    with pytest.raises(CheckpointError, match="one file for seed 0, got two"):
        find_checkpoints(spec(tmp_path, tmp_path))


def test_reads_wrapped_half_precision_and_numbers_beside(tmp_path):
    state = random_state(SMALL, 20, 0)
    wrapped = {
        f"module.{name}": value.half() if value.is_floating_point() else value
        for name, value in state.items()
    }
    options = argparse.Namespace(lr=0.1, data=Path("images"))
    drawn = {"numpy": np.random.RandomState(0).get_state(), "losses": np.ones(3)}
    beside = {"best": np.float64(0.3), "epoch": 7, "args": options, "drawn": drawn}
    torch.save({"weights": wrapped, **beside}, tmp_path / "net.pt")
    got = read_member(tmp_path / "net.pt", ModelsSpec(SMALL), 20)
    assert got.sha256 == sha256_file(tmp_path / "net.pt")
    assert got.state.keys() == state.keys()
    assert got.state["fc.weight"].dtype == torch.float32
    assert torch.equal(got.state["fc.weight"], state["fc.weight"].half().float())


def test_reads_safetensors_and_bare_state_dicts(tmp_path):
    state = random_state(SMALL, 20, 0)
    save_file(state, tmp_path / "net.safetensors")
    torch.save(state, tmp_path / "net.pt")
    for name in ("net.safetensors", "net.pt"):
        got = read_checkpoint(tmp_path / name)
        assert torch.equal(got.state["fc.weight"], state["fc.weight"])


class Bomb:
    def __reduce__(self):
        return os.system, ("touch exploded",)


def test_code_is_refused_and_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"weights": Bomb()}, tmp_path / "bomb.pt")
    with pytest.raises(CheckpointError, match=r"bomb\.pt: expected tensors only.*could run code"):
        read_checkpoint(tmp_path / "bomb.pt")
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(CheckpointError, match="tensors only"):
        read_checkpoint(tmp_path / "plain.pt")
    assert not (tmp_path / "exploded").exists()


def test_unreadable_files_are_named(tmp_path):
    with pytest.raises(CheckpointError, match="No such file"):
        read_checkpoint(tmp_path / "none.pt")
    (tmp_path / "bad.pt").write_bytes(b"PK\x03\x04 not really")
    with pytest.raises(CheckpointError, match=r"bad\.pt: expected"):
        read_checkpoint(tmp_path / "bad.pt")
    (tmp_path / "bad.safetensors").write_bytes(b"junk")
    with pytest.raises(CheckpointError, match="safetensors"):
        read_checkpoint(tmp_path / "bad.safetensors")
    torch.save({"weights": [1, 2]}, tmp_path / "list.pt")
    with pytest.raises(CheckpointError, match="expected a state dict"):
        read_checkpoint(tmp_path / "list.pt")
    torch.save({"w": torch.tensor([float("nan")])}, tmp_path / "nan.pt")
    with pytest.raises(CheckpointError, match=r"finite weights.*'w'"):
        read_checkpoint(tmp_path / "nan.pt")
    with pytest.raises(CheckpointError, match="the file has changed"):
        read_checkpoint(tmp_path / "nan.pt", "00" * 32)


def test_another_network_and_another_head_are_named(tmp_path):
    file = tmp_path / "net.pt"
    torch.save(random_state(SMALL, 14, 0), file)
    with pytest.raises(CheckpointError, match="expected 20 classes, got a head of 14 outputs"):
        read_member(file, ModelsSpec(SMALL), 20)
    with pytest.raises(CheckpointError) as error:
        read_member(file, ModelsSpec("resnet18"), 20)
    for word in ("'resnet18'", "missing: ", "and", "more", "unexpected: "):
        assert word in str(error.value)
    assert len(str(error.value)) < 460
    with pytest.raises(CheckpointError, match="expected the shapes of 'shufflenet_v2_x1_0'"):
        read_member(file, ModelsSpec("shufflenet_v2_x1_0"), 20)


def test_unknown_architecture_gets_a_hint():
    with pytest.raises(CheckpointError, match=r"similar: .*resnet50"):
        build_classifier("resnet-50", 20)
