"""Read and check the checkpoints of an ensemble.

A checkpoint is a state dict in a .pt, .ckpt or .safetensors file: alone, under the key `weights` as PruneCXR writes it,
or under whatever keys other tools use. Files are opened so that they cannot run code. `analysis.sweep.networks.layout`
finds them, `analysis.sweep.networks.naming` knows how frameworks change the names.
"""

import argparse
import io
import pickle
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path, PosixPath
from typing import Any

import numpy as np
import torch
from torch import Tensor

from analysis.durable import sha256_bytes
from analysis.sweep.data_spec import pairs
from analysis.sweep.errors import CheckpointError
from analysis.sweep.networks.architectures import build_classifier
from analysis.sweep.networks.naming import AmbiguousError, is_ema, match_names
from analysis.sweep.spec import ModelsSpec

State = dict[str, Tensor]

_RAW = ("weights", "state_dict", "model", "model_state_dict", "model_state", "net", "network")
"""Keys of state dicts, the first that is there before the others."""
_OTHER = ("optim", "sched", "scaler", "callbacks", "loops")
"""Beginnings of keys that hold other tensors than weights."""
_DEEPEST = 3
_SHOWN = 3


@dataclass(frozen=True)
class Checkpoint:
    """A state dict in float32 on the CPU, the SHA-256 of its file, and the class names where the file has them.

    `key`: where the file has it, "" for the file itself; `notes`: what was chosen or left out; `colour`: what images
    were read as (`COLOURS`) where our own training made it, None where nothing says so.
    """

    state: State
    sha256: str
    classes: tuple[str, ...] | None = None
    key: str = ""
    notes: tuple[str, ...] = ()
    colour: str | None = None

    def refuse_other_colour(self, read: str, where: Path) -> None:
        """Refuse a network that learnt from images read as something else than `read`.

        Raises
        ------
        CheckpointError: what it was trained on is known, and another.
        """
        if self.colour not in (None, read):
            raise CheckpointError(
                f"{where}: expected a network trained on images read as {read!r}, got one trained on {self.colour!r}; "
                f'read the images so too ([preprocess] colour = "{self.colour}"), or take other networks'
            )


def read_member(path: Path, models: ModelsSpec, n_classes: int, sha256: str | None = None) -> Checkpoint:
    """Read a checkpoint by the names of its architecture, and check that it is one of it.

    Parameters
    ----------
    models: architecture, renaming, raw or averaged weights.
    sha256: the expected digest, where one is known.

    Raises
    ------
    CheckpointError: as `read_checkpoint`; several networks in one file; another architecture (missing and unexpected
        names shown), or another number of classes.
    """
    found = read_checkpoint(path, sha256, models.weights)
    wanted = _shapes(models.architecture, n_classes)
    rules = pairs(models.rename, "rename", blank=True)
    try:
        names = match_names(list(found.state), wanted, rules, models.weights)
    except AmbiguousError as error:
        raise CheckpointError(
            f"{path}: expected one network, got {error}; say which by [models] rename or weights"
        ) from error
    if names.missing or names.unexpected:
        raise CheckpointError(
            f"{path}: expected a checkpoint of '{models.architecture}', got another network; "
            f"missing: {_some(names.missing)}; unexpected: {_some(names.unexpected)}; [models] rename can change names"
        )
    if models.weights == "ema" and not (is_ema(found.key) or is_ema(names.prefix)):
        raise CheckpointError(
            f'{path}: expected averaged weights for [models] weights = "ema", got none; use "raw"'
        )
    state = {name: found.state[stored] for name, stored in names.found.items()}
    _check_shapes(state, wanted, models.architecture, n_classes, path)
    said = [*found.notes]
    said += [f"checkpoints: names begin with {names.prefix!r}"] if names.prefix else []
    said += [f"checkpoints: skipped {_some(names.skipped)}"] if names.skipped else []
    return replace(found, state=state, notes=tuple(said))


def read_checkpoint(path: Path, sha256: str | None = None, weights: str = "raw") -> Checkpoint:
    """Read a state dict without running any code in the file; names are as stored.

    Parameters
    ----------
    sha256: the expected digest, where one is known.
    weights: `raw` or `ema`, the exponential moving average that some trainings keep beside.

    Raises
    ------
    CheckpointError: no file, another digest, a pickle that carries code, no state dict inside (the keys are named), a
        weight that is not finite.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path}: expected a checkpoint, got the error '{error.strerror}'") from error
    digest = sha256_bytes(content)
    if sha256 is not None and digest != sha256:
        raise CheckpointError(f"{path}: expected SHA-256 {sha256}, got {digest}; the file has changed")
    inside = _safetensors(content, path) if path.suffix == ".safetensors" else _pickle(content, path)
    key, stored, notes = _state_dict(inside, path, weights)
    state = {n: v.detach().float() if v.is_floating_point() else v.detach() for n, v in stored.items()}
    for name, value in state.items():
        if value.is_floating_point() and not _finite(value):
            raise CheckpointError(f"{path}: expected finite weights, got nan or infinity in '{name}'")
    shapes = {name: value.shape for name, value in state.items()}
    masked = [n[:-5] for n in shapes if n.endswith("_mask") and shapes.get(f"{n[:-5]}_orig") == shapes[n]]
    notes += (f"checkpoints: applied the masks of {_some(masked)}",) if masked else ()
    for name in masked:  # as torch.nn.utils.prune leaves them until its `remove`
        state[name] = state.pop(f"{name}_orig") * state.pop(f"{name}_mask")
    said = inside if isinstance(inside, Mapping) else {}
    named = said.get("classes")
    classes = tuple(str(name) for name in named) if isinstance(named, list | tuple) else None
    # Our own training always says whether it is synthetic, and says colour where it is not grey.
    colour = str(said.get("colour", "grey")) if "synthetic" in said else None
    return Checkpoint(state, digest, classes, key, notes, colour)


@lru_cache(maxsize=4)
def _shapes(architecture: str, n_classes: int) -> dict[str, torch.Size]:
    """Return the shape of each weight of an architecture."""
    wanted = build_classifier(architecture, n_classes, device="meta").state_dict()
    return {name: value.shape for name, value in wanted.items() if not name.endswith("num_batches_tracked")}


def _check_shapes(
    state: State, wanted: Mapping[str, torch.Size], architecture: str, n_classes: int, where: Path
) -> None:
    given = {name: state[name].shape for name in wanted}
    other = [name for name in wanted if wanted[name] != given[name]]
    if other and all(wanted[name][1:] == given[name][1:] for name in other):
        outputs = given[other[0]][0]
        raise CheckpointError(f"{where}: expected {n_classes} classes, got a head of {outputs} outputs")
    if other:
        shapes = [f"{n} {tuple(given[n])} for {tuple(wanted[n])}" for n in other]
        raise CheckpointError(
            f"{where}: expected the shapes of '{architecture}', got different ones: {_some(shapes)}"
        )


def _pickle(content: bytes, path: Path) -> Any:
    try:
        with torch.serialization.safe_globals(_plain_numbers()), warnings.catch_warnings():
            # Odd pickle protocols: what matters is what comes out.
            warnings.simplefilter("ignore", UserWarning)
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
    """Return numpy's arrays and numbers, options and paths, which training scripts leave beside the weights."""
    kinds = [type(np.dtype(kind)) for kind in ("f8", "f4", "i8", "i4", "u4", "u1", "?")]
    makers: list[Any] = [each.__reduce__()[0] for each in (np.float64(0), np.zeros(1))]
    places = ("numpy.core.multiarray", "numpy._core.multiarray")  # numpy 1 and 2
    named = [(each, f"{place}.{each.__name__}") for each in makers for place in places]
    return [*named, np.ndarray, np.dtype, *kinds, argparse.Namespace, (PosixPath, "pathlib.PosixPath")]


def _safetensors(content: bytes, path: Path) -> State:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        tensors: State = load(content)
    except SafetensorError as error:
        raise CheckpointError(f"{path}: expected a safetensors file, got the error '{error}'") from error
    return tensors


def _state_dict(inside: Any, path: Path, weights: str) -> tuple[str, State, tuple[str, ...]]:
    """Choose the state dict of a file: alone, or the one under the best known key; give the key, and say what was
    left.
    """
    found = dict(_state_dicts(inside))
    averaged = [key for key in found if is_ema(key)]
    raw = [key for key in found if key not in averaged]
    raw.sort(
        key=lambda key: next((n for n, name in enumerate(_RAW) if name == key.split(".")[-1]), len(_RAW))
    )
    pool = (averaged or raw) if weights == "ema" else raw
    if not pool or (len(pool) > 1 and pool == raw and pool[0].split(".")[-1] not in _RAW):
        keys = ", ".join(map(str, inside)) if isinstance(inside, Mapping) else type(inside).__name__
        what = f"several: {', '.join(pool)}" if pool else f"none; the keys are {keys[:200] or 'none'}"
        raise CheckpointError(
            f"{path}: expected a state dict, itself or under a key such as 'weights', got {what}"
        )
    left = [key for key in found if key != pool[0]]
    notes = (f"checkpoints: weights of the key '{pool[0]}' were taken, not of '{left[0]}'",) if left else ()
    return pool[0], found[pool[0]], notes


def _state_dicts(inside: Any, key: str = "", depth: int = 0) -> Iterator[tuple[str, State]]:
    """Give every mapping of names to tensors, with its keys joined by dots."""
    if not isinstance(inside, Mapping) or not all(isinstance(name, str) for name in inside):
        return
    if inside and all(isinstance(value, Tensor) for value in inside.values()):
        yield key, dict(inside)
        return
    for name, value in inside.items():
        if depth < _DEEPEST and not name.startswith(_OTHER):
            yield from _state_dicts(value, f"{key}.{name}" if key else name, depth + 1)


def _finite(weights: Tensor) -> bool:
    """Say whether all weights are finite. A finite sum says so at a tenth of the time; another sum says nothing."""
    return bool(torch.isfinite(weights.sum())) or bool(torch.isfinite(weights).all())


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return (", ".join(names[:_SHOWN]) + more) or "none"
