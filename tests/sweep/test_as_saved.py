"""Checkpoints as other tools save them: the same weights come out, and what was chosen or left out is said."""

from pathlib import Path

import pytest
import torch
from torch.nn.utils import prune

from analysis.sweep.errors import CheckpointError, SpecError
from analysis.sweep.networks.architectures import build_classifier
from analysis.sweep.networks.checkpoints import Checkpoint, read_member
from analysis.sweep.networks.naming import match_names
from analysis.sweep.spec import ModelsSpec
from analysis.sweep.training.epochs import load_pretrained
from tests.sweep.tiny import SMALL, random_state

STATE = random_state(SMALL, 3, 0)


def under(prefix: str) -> dict[str, torch.Tensor]:
    return {prefix + name: value for name, value in STATE.items()}


def averaged() -> dict[str, torch.Tensor]:
    return {name: value * 2 for name, value in STATE.items()}


def read(folder: Path, content: object, **models: object) -> Checkpoint:
    torch.save(content, folder / "net.pt")
    return read_member(folder / "net.pt", ModelsSpec(**{"architecture": SMALL} | models), 3)


def refusal(folder: Path, content: object, **models: object) -> str:
    with pytest.raises(CheckpointError) as error:
        read(folder, content, **models)
    return str(error.value)


def same(found: Checkpoint, wanted: dict[str, torch.Tensor] = STATE) -> None:
    assert found.state.keys() == wanted.keys()
    assert all(torch.equal(found.state[name], value.float()) for name, value in wanted.items() if value.ndim)


@pytest.mark.parametrize(
    "prefix",
    [
        "module.", "_orig_mod.", "_orig_mod.module.", "module._orig_mod.", "model.", "model._orig_mod.module.",
        "net.backbone.", "lit.module.encoder._orig_mod.",
    ],
)  # fmt: skip
def test_wrappers_in_any_order(tmp_path: Path, prefix: str) -> None:
    same(read(tmp_path, {"weights": under(prefix)}))


def test_a_wrapper_inside_the_network(tmp_path: Path) -> None:
    """Only one stage was compiled."""
    inner = {name.replace("stage2.", "stage2._orig_mod."): value for name, value in under("model.").items()}
    assert any("_orig_mod" in name for name in inner)
    same(read(tmp_path, {"state_dict": inner}))


@pytest.mark.parametrize(
    "keys",
    ["weights", "state_dict", "model", "model_state_dict", "net", "mine", "checkpoint.model_state", "a.b.c"],
)
def test_state_dicts_under_any_key(tmp_path: Path, keys: str) -> None:
    content: object = STATE
    for key in reversed(keys.split(".")):
        content = {key: content, "epoch": 3}
    optimiser = {"state": {"0": {"exp_avg": torch.ones(2)}}, "param_groups": [{"lr": 0.1}]}
    found = read(tmp_path, content | {"optimizer_state_dict": optimiser})
    same(found)
    assert found.key == keys
    assert found.notes == ()


def test_lightning(tmp_path: Path) -> None:
    content = {
        "state_dict": under("model.") | {"criterion.pos_weight": torch.ones(3)},
        "epoch": 1, "pytorch-lightning_version": "2.1", "callbacks": {"best": {"score": torch.tensor(0.3)}},
    }  # fmt: skip
    found = read(tmp_path, content)
    same(found)
    assert found.notes == (
        "checkpoints: names begin with 'model.'",
        "checkpoints: skipped criterion.pos_weight",
    )


def test_buffers_of_losses_are_named_and_skipped(tmp_path: Path) -> None:
    found = read(tmp_path, STATE | {"criterion.pos_weight": torch.ones(3)})
    same(found)
    assert found.notes == ("checkpoints: skipped criterion.pos_weight",)
    averaging = read(tmp_path, under("module.") | {"n_averaged": torch.tensor(7)})
    same(averaging)
    assert averaging.notes == ("checkpoints: skipped n_averaged",)
    said = refusal(tmp_path, STATE | {"gate.weight": torch.ones(3)})
    assert "unexpected: gate.weight; [models] rename can change names" in said


@pytest.mark.parametrize("prefix", ["", "module."])
def test_masks_of_torchs_pruning_are_applied(tmp_path: Path, prefix: str) -> None:
    """A network that was pruned in torch keeps each weight and its mask apart until somebody calls `remove`."""
    network = build_classifier(SMALL, 3)
    network.load_state_dict(STATE)
    prune.global_unstructured([(network.fc, "weight")], prune.L1Unstructured, amount=0.5)
    found = read(tmp_path, {prefix + name: value for name, value in network.state_dict().items()})
    assert "checkpoints: applied the masks of" in " ".join(found.notes)
    prune.remove(network.fc, "weight")
    same(found, {name: network.state_dict()[name] for name in STATE})
    assert (found.state["fc.weight"] == 0).float().mean() == 0.5


def test_raw_or_averaged_by_choice(tmp_path: Path) -> None:
    content = {"state_dict": STATE, "state_dict_ema": averaged()}
    raw, ema = read(tmp_path, content), read(tmp_path, content, weights="ema")
    same(raw)
    same(ema, averaged())
    assert raw.notes == ("checkpoints: weights of the key 'state_dict' were taken, not of 'state_dict_ema'",)
    assert ema.notes == ("checkpoints: weights of the key 'state_dict_ema' were taken, not of 'state_dict'",)
    inside = {"state_dict": under("model.") | {f"ema_model.{n}": v for n, v in averaged().items()}}
    same(read(tmp_path, inside))
    same(read(tmp_path, inside, weights="ema"), averaged())
    assert "expected averaged weights" in refusal(tmp_path, STATE, weights="ema")
    assert "got none; the keys are model_ema" in refusal(tmp_path, {"model_ema": averaged()})


def test_two_networks_are_not_guessed_between(tmp_path: Path) -> None:
    both = {"state_dict": under("student.") | under("teacher.")}
    assert "expected one network, got whole networks under 'student.' and 'teacher.'" in refusal(
        tmp_path, both
    )
    same(read(tmp_path, both, rename=("student.=",)))
    assert "got several: a, b" in refusal(tmp_path, {"a": STATE, "b": averaged()})


def test_no_state_dict_names_the_keys(tmp_path: Path) -> None:
    assert "got none; the keys are epoch, loss" in refusal(tmp_path, {"epoch": 3, "loss": 0.5})


def test_a_rename_map(tmp_path: Path) -> None:
    renamed = {name.replace("fc.", "head.") if name.startswith("fc.") else f"body.{name}": value
               for name, value in STATE.items()}  # fmt: skip
    same(read(tmp_path, renamed, rename=("body.=", "head.=fc.")))
    assert "missing: fc.weight" in refusal(tmp_path, renamed, rename=("body.=",))
    clash = STATE | {"head.bias": torch.ones(3)}
    assert "the names 'fc.bias' and 'head.bias' of one weight" in refusal(
        tmp_path, clash, rename=("head.=fc.",)
    )
    with pytest.raises(SpecError, match="rename: expected texts like A=B"):
        ModelsSpec(SMALL, rename=("body.",))


def test_old_densenet_names() -> None:
    wanted = list(build_classifier("densenet121", 3, device="meta").state_dict())
    old = [name.replace("norm1.", "norm.1.").replace("conv2.", "conv.2.") if "denselayer" in name else name
           for name in wanted]  # fmt: skip
    assert sum(a != b for a, b in zip(old, wanted, strict=True)) > 300
    found = match_names(old, [name for name in wanted if "num_batches" not in name], {}, "raw")
    assert found.missing == found.unexpected == ()
    assert {new for new, name in found.found.items() if name != new} == {
        new for new, name in zip(wanted, old, strict=True) if name != new
    }


def test_a_start_from_wrapped_weights_of_another_head(tmp_path: Path) -> None:
    torch.save(
        {"state_dict": {f"module.{n}": v for n, v in random_state(SMALL, 7, 1).items()}}, tmp_path / "w.pt"
    )
    model = build_classifier(SMALL, 3)
    head = model.fc.weight.clone()
    load_pretrained(model, tmp_path / "w.pt")
    assert torch.equal(model.conv1[0].weight, random_state(SMALL, 7, 1)["conv1.0.weight"])
    assert torch.equal(model.fc.weight, head)
