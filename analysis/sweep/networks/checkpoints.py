"""Read and check the checkpoints of an ensemble.

Read are a dict whose key `weights` is the state dict, as PruneCXR writes it, and any state dict in a .pt or
.safetensors file. Files are opened so that they cannot run code. `analysis.sweep.networks.layout` finds them.
"""

import io
import pickle
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from analysis.durable import sha256_bytes
from analysis.sweep.errors import CheckpointError
from analysis.sweep.networks.architectures import AUXILIARY_PREFIXES, build_classifier

State = dict[str, Tensor]

_WRAPPERS = ("module.", "_orig_mod.")
_SHOWN = 3


@dataclass(frozen=True)
class Checkpoint:
    """A state dict in float32 on the CPU, the SHA-256 of its file, and the class names where the file has
    them.
    """

    state: State
    sha256: str
    classes: tuple[str, ...] | None = None


def read_checkpoint(path: Path, sha256: str | None = None) -> Checkpoint:
    """Read a state dict without running any code in the file.

    Parameters
    ----------
    sha256: the expected digest, where one is known.

    Raises
    ------
    CheckpointError: no file, another digest, a pickle that carries code, no state dict inside, a weight that
    is
        not finite.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path}: expected a checkpoint, got the error '{error.strerror}'") from error
    digest = sha256_bytes(content)
    if sha256 is not None and digest != sha256:
        raise CheckpointError(f"{path}: expected SHA-256 {sha256}, got {digest}; the file has changed")
    inside = _safetensors(content, path) if path.suffix == ".safetensors" else _pickle(content, path)
    state = {_unwrapped(name): _float(value) for name, value in _state_dict(inside, path).items()}
    for name, value in state.items():
        if value.is_floating_point() and not _finite(value):
            raise CheckpointError(f"{path}: expected finite weights, got nan or infinity in '{name}'")
    named = inside.get("classes") if isinstance(inside, Mapping) else None
    classes = tuple(str(name) for name in named) if isinstance(named, list | tuple) else None
    return Checkpoint(state, digest, classes)


def check_fits(state: Mapping[str, Tensor], architecture: str, classes: Sequence[str], where: Path) -> None:
    """Check a state dict against an architecture and the classes of the data set.

    Raises
    ------
    CheckpointError: another architecture (missing and unexpected names shown), or another number of classes.
    """
    wanted = build_classifier(architecture, len(classes), device="meta").state_dict()
    wanted = {name: value for name, value in wanted.items() if not name.endswith("num_batches_tracked")}
    given = {n: v for n, v in state.items() if not _ignored(n)}
    missing = [name for name in wanted if name not in given]
    unexpected = [name for name in given if name not in wanted]
    if missing or unexpected:
        raise CheckpointError(
            f"{where}: expected a checkpoint of '{architecture}', got another network; "
            f"missing: {_some(missing)}; unexpected: {_some(unexpected)}"
        )
    other = [name for name in wanted if wanted[name].shape != given[name].shape]
    if other and all(_outputs_differ_only(wanted[name], given[name]) for name in other):
        outputs = given[other[0]].shape[0]
        raise CheckpointError(f"{where}: expected {len(classes)} classes, got a head of {outputs} outputs")
    if other:
        shapes = [f"{n} {tuple(given[n].shape)} for {tuple(wanted[n].shape)}" for n in other]
        raise CheckpointError(
            f"{where}: expected the shapes of '{architecture}', got different ones: {_some(shapes)}"
        )


def _pickle(content: bytes, path: Path) -> Any:
    try:
        with torch.serialization.safe_globals(_plain_numbers()), warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", UserWarning
            )  # odd pickle protocols: what matters is what comes out
            return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        found = re.search(r"GLOBAL ([\w.]+)", str(error))
        what = f"a pickle that names {found.group(1)}" if found else "a pickle that is not plain data"
        raise CheckpointError(
            f"{path}: expected tensors only, got {what}; such a file could run code. "
            f"Save the state dict alone, or as .safetensors"
        ) from error
    except Exception as error:  # a broken archive raises many kinds
        raise CheckpointError(
            f"{path}: expected a checkpoint that torch can read, got the error '{error}'"
        ) from error


def _plain_numbers() -> list[Any]:
    """Return numpy's number types, which training scripts leave beside the weights (a validation score,
    say).
    """
    kinds = [type(np.dtype(kind)) for kind in ("f8", "f4", "i8", "i4", "?")]
    scalar = np.float64(0).__reduce__()[0]
    names = ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar")  # numpy 1 and 2
    return [*((scalar, name) for name in names), np.dtype, *kinds]


def _safetensors(content: bytes, path: Path) -> State:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        tensors: State = load(content)
    except SafetensorError as error:
        raise CheckpointError(f"{path}: expected a safetensors file, got the error '{error}'") from error
    return tensors


def _state_dict(inside: Any, path: Path) -> State:
    for key in ("weights", "state_dict", "model"):
        if isinstance(inside, Mapping) and isinstance(inside.get(key), Mapping):
            inside = inside[key]
            break
    if (
        not isinstance(inside, Mapping)
        or not inside
        or not all(isinstance(v, Tensor) for v in inside.values())
    ):
        raise CheckpointError(f"{path}: expected a state dict, itself or under the key 'weights'; got none")
    return {str(name): value for name, value in inside.items()}


def _unwrapped(name: str) -> str:
    for prefix in _WRAPPERS:
        name = name.removeprefix(prefix)
    return name


def _finite(weights: Tensor) -> bool:
    """Say whether all weights are finite. A finite sum says so at a tenth of the time; another sum says nothing."""
    return bool(torch.isfinite(weights.sum())) or bool(torch.isfinite(weights).all())


def _float(value: Tensor) -> Tensor:
    return value.detach().to(torch.float32) if value.is_floating_point() else value.detach()


def _ignored(name: str) -> bool:
    return name.endswith("num_batches_tracked") or name.startswith(AUXILIARY_PREFIXES)


def _outputs_differ_only(wanted: Tensor, given: Tensor) -> bool:
    return wanted.ndim == given.ndim and wanted.shape[1:] == given.shape[1:]


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return (", ".join(names[:_SHOWN]) + more) or "none"
