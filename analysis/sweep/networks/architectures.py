"""Any classifier of torchvision, or of timm where it is installed, by its name, with a head of C outputs."""

import difflib
from contextlib import nullcontext
from dataclasses import replace
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from analysis.sweep.errors import CheckpointError
from analysis.sweep.networks.factories import make_network
from analysis.sweep.networks.torchvision_import import torchvision_models
from analysis.sweep.spec import FACTORY, SweepSpec

_AUXILIARY: dict[str, dict[str, Any]] = {
    "googlenet": {"aux_logits": False, "init_weights": False},
    "inception_v3": {"aux_logits": False, "init_weights": False},
}
"""Auxiliary heads serve training only; they are neither built nor pruned."""

AUXILIARY_PREFIXES = ("aux1.", "aux2.", "AuxLogits.")


SMALL, WIDTHS = "resnet8", (32, 64, 128)
"""The small network here, and the channels of its blocks."""

LARGE = 10**8
"""Weights from which a network is tried without memory."""

TIMM = "timm:"
"""Before a name it asks for timm's network, where torchvision has one of the same name."""


class _Undrawn(TorchFunctionMode):
    """Draw no weights: without memory there is nothing to draw, and torch would load its compiler to find that out."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return args[0] if func in (Tensor.normal_, Tensor.uniform_) else func(*args, **(kwargs or {}))


def classifier_names() -> list[str]:
    """Return the names of torchvision's classifiers and of the small one here, sorted."""
    models = torchvision_models()
    return sorted([SMALL, *models.list_models(module=models)])


def build_classifier(name: str, n_classes: int, *, device: str = "cpu") -> nn.Module:
    """Build a freshly initialised classifier with `n_classes` outputs in evaluation mode.

    `name`: torchvision's, or `resnet8`; else timm's, also as `timm:NAME`; or own code
    (`analysis.sweep.networks.factories`).
    `device="meta"` gives names and shapes without memory. Nothing is downloaded.

    Raises
    ------
    CheckpointError: neither has a classifier of this name, or timm is asked for and not installed; own code that fails.
    HostError: own code that this host lacks.
    """
    own = name.startswith(FACTORY)
    known = [] if own else classifier_names()
    if not own and name not in known:
        return _of_timm(name, n_classes, device, known)
    with torch.device(device), _Undrawn() if device == "meta" else nullcontext():
        if own:
            return make_network(name, n_classes).eval()
        if name == SMALL:
            return resnet8(n_classes).eval()
        models = torchvision_models()
        more = _AUXILIARY.get(name, {})
        model: nn.Module = models.get_model(name, weights=None, num_classes=n_classes, **more)
        return model.eval()


def resnet8(n_classes: int) -> nn.Module:
    """Build a network of three residual blocks (ResNet's basic ones) behind a 5 x 5 convolution of stride 4.

    For small images, where a ResNet-18 takes too long: the demo's, and the phantom study's. It
    takes three channels, 32 x 32 pixels or more.
    """
    from torchvision.models.resnet import BasicBlock

    layers: list[nn.Module] = [
        nn.Conv2d(3, WIDTHS[0], 5, 4, 2, bias=False), nn.BatchNorm2d(WIDTHS[0]), nn.ReLU(inplace=True),
        BasicBlock(WIDTHS[0], WIDTHS[0]),
    ]  # fmt: skip
    for inside, outside in pairwise(WIDTHS):
        shortcut = nn.Sequential(nn.Conv2d(inside, outside, 1, 2, bias=False), nn.BatchNorm2d(outside))
        layers.append(BasicBlock(inside, outside, 2, shortcut))
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(WIDTHS[-1], n_classes))


def _of_timm(name: str, n_classes: int, device: str, known: list[str]) -> nn.Module:
    try:
        import timm
    except ImportError:
        if name.startswith(TIMM):
            raise CheckpointError(
                f"architecture: {name!r} needs timm, which is not installed; pip install timm"
            ) from None
        raise CheckpointError(_unknown(name, known, "; timm, which has more, is not installed")) from None
    plain = name.removeprefix(TIMM)
    if not timm.is_model(plain):
        raise CheckpointError(_unknown(plain, [*known, *timm.list_models()], ""))
    with torch.device(device), _Undrawn() if device == "meta" else nullcontext():
        model: nn.Module = timm.create_model(plain, pretrained=False, num_classes=n_classes)
    return model.eval()


def _unknown(name: str, known: list[str], more: str) -> str:
    near = difflib.get_close_matches(name, dict.fromkeys(known), 3)
    hint = f"; similar: {', '.join(near)}" if near else ""
    return f"architecture: expected a classifier of torchvision or timm, got {name!r}{hint}{more}"


def libraries_of(name: str) -> tuple[str, ...]:
    """Return the libraries beside torchvision that an architecture comes from."""
    return () if name.startswith(FACTORY) or name in classifier_names() else ("timm",)


def timm_preprocessing(name: str) -> tuple[dict[str, Any], str]:
    """Return timm's own preprocessing of an architecture as fields of a specification, and how timm resizes.

    Raises
    ------
    CheckpointError: the architecture is not timm's, or timm says nothing of it.
    """
    if "timm" not in libraries_of(name):
        raise CheckpointError(f"[preprocess] timm: expected an architecture of timm, got {name!r}")
    _of_timm(name, 1, "meta", [])
    import timm

    said = timm.get_pretrained_cfg(name.removeprefix(TIMM))
    if said is None:
        raise CheckpointError(f"[preprocess] timm: expected a configuration of {name!r}, timm has none")
    fit = {"squash": "squash", "border": "letterbox"}.get(said.crop_mode, "crop")
    crop = float(said.crop_pct) if fit == "crop" else 1.0
    statistics = {"mean": tuple(said.mean), "deviation": tuple(said.std)}
    return statistics | {"fit": fit, "crop": crop, "antialias": True}, str(said.interpolation)


def resolved(spec: SweepSpec) -> tuple[SweepSpec, list[str]]:
    """Put timm's own preprocessing into a specification that asks for it, and say so."""
    if not spec.preprocess.timm:
        return spec, []
    found, interpolation = timm_preprocessing(spec.models.architecture)
    said = ", ".join(f"{name} {value}" for name, value in found.items())
    note = f"timm's configuration: {said}; images are resized by bilinear interpolation, by timm's {interpolation}"
    return replace(spec, preprocess=replace(spec.preprocess, **found)), [note]


def check_size(name: str, n_classes: int, size: int) -> None:
    """Check that a classifier takes images of `size` x `size` and gives one score per class.

    Raises
    ------
    CheckpointError: it does not, or there is no such classifier.
    """
    shape = build_classifier(name, n_classes, device="meta")
    try:
        if sum(weight.numel() for weight in shape.parameters()) > LARGE:
            _try_forward(shape, n_classes, size, "meta")
            return
    except Exception:  # noqa: S110 - some networks need numbers to run at all, and are tried with them
        pass
    try:
        _try_forward(build_classifier(name, n_classes), n_classes, size, "cpu")
    except Exception as error:  # whatever a network raises about its input
        raise CheckpointError(
            f"architecture: expected one that accepts images of {size} x {size} pixels, {name!r} says "
            f"'{error}'; choose another [preprocess] size"
        ) from error


@torch.inference_mode()
def _try_forward(model: nn.Module, n_classes: int, size: int, device: str) -> None:
    found = tuple(model(torch.zeros(1, 3, size, size, device=device)).shape)
    if found != (1, n_classes):
        raise ValueError(f"an output of {found} for one image and {n_classes} classes")


def channels_last(model: nn.Module) -> nn.Module:
    """Lay out the convolutions' weights channels last, the fast order on CPUs and GPUs; in place."""
    moved: nn.Module = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return moved


def prunable_names(model: nn.Module) -> list[str]:
    """Return the names of all Conv2d and Linear weights in module order; biases and norms are never
    pruned.
    """
    return [
        f"{name}.weight"
        for name, module in model.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear)
    ]
