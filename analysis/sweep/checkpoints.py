"""Find, read and check the checkpoints of an ensemble.

Read are the PruneCXR layout, `{dataset}_{architecture}_ce_lr-*_bs-*[_seed-S]/chkpt.pt` (a dict whose key
`weights` is the state dict; seed 0 has no suffix), and any state dict in a .pt or .safetensors file. Files
are opened so that they cannot run code.
"""

import io
import pickle
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from glob import glob
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from analysis.sweep.architectures import AUXILIARY_PREFIXES, build_classifier
from analysis.sweep.artefacts import sha256_bytes
from analysis.sweep.errors import CheckpointError
from analysis.sweep.spec import SweepSpec

State = dict[str, Tensor]

LAYOUT = "{dataset}_{architecture}_ce_lr-{learning_rate}_bs-{batch_size}{seed_suffix}/chkpt.pt"
_WRAPPERS = ("module.", "_orig_mod.")
_SEED = re.compile(r"seed[-_](\d+)")
_SHOWN = 3


@dataclass(frozen=True)
class Checkpoint:
    """A state dict in float32 on the CPU, the SHA-256 of its file, and the class names where the file has
    them.
    """

    state: State
    sha256: str
    classes: tuple[str, ...] | None = None


def layout_name(dataset: str, architecture: str, learning_rate: float, batch_size: int, seed: int) -> str:
    """Name a checkpoint as the published study does, relative to its folder."""
    return LAYOUT.format(
        dataset=dataset,
        architecture=architecture,
        learning_rate=learning_rate,
        batch_size=batch_size,
        seed_suffix=f"_seed-{seed}" if seed else "",
    )


def find_checkpoints(spec: SweepSpec) -> dict[int, Path]:
    """Return the checkpoint file of each seed, by rising seed.

    Raises
    ------
    CheckpointError: none found, a seed without a file, two files for one seed.
    """
    places = spec.models.checkpoints
    if not places:
        raise CheckpointError("[models] checkpoints: expected a folder, a pattern or files, none came")
    if len(places) > 1 or Path(places[0]).is_file():
        found = _listed([Path(place) for place in places], spec.models.seeds)
    elif Path(places[0]).is_dir():
        found = _in_layout(Path(places[0]), spec)
    else:
        found = _matching(places[0], spec.models.seeds)
    seeds = spec.models.seeds or tuple(sorted(found))
    for seed in seeds:
        if seed not in found or not found[seed].is_file():
            raise CheckpointError(f"{places[0]}: expected a checkpoint of seed {seed}, none came")
    if not seeds:
        raise CheckpointError(
            f"{places[0]}: expected checkpoints named like {LAYOUT} for data set '{spec.data.name}' and "
            f"architecture '{spec.models.architecture}', none came"
        )
    return {seed: found[seed] for seed in sorted(seeds)}


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
        raise CheckpointError(f"{path}: expected a checkpoint, {error.strerror} came") from error
    digest = sha256_bytes(content)
    if sha256 is not None and digest != sha256:
        raise CheckpointError(f"{path}: expected SHA-256 {sha256}, {digest} came; the file has changed")
    inside = _safetensors(content, path) if path.suffix == ".safetensors" else _pickle(content, path)
    state = {_unwrapped(name): _float(value) for name, value in _state_dict(inside, path).items()}
    for name, value in state.items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise CheckpointError(f"{path}: expected finite weights, nan or infinity came in '{name}'")
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
            f"{where}: expected a checkpoint of '{architecture}', another network came; "
            f"missing: {_some(missing)}; unexpected: {_some(unexpected)}"
        )
    other = [name for name in wanted if wanted[name].shape != given[name].shape]
    if other and all(_outputs_differ_only(wanted[name], given[name]) for name in other):
        outputs = given[other[0]].shape[0]
        raise CheckpointError(f"{where}: expected {len(classes)} classes, a head of {outputs} outputs came")
    if other:
        shapes = [f"{n} {tuple(given[n].shape)} for {tuple(wanted[n].shape)}" for n in other]
        raise CheckpointError(
            f"{where}: expected the shapes of '{architecture}', others came: {_some(shapes)}"
        )


def load_into(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Copy a checked state dict into a model; auxiliary heads in it are passed over."""
    model.load_state_dict(
        {n: v for n, v in state.items() if not n.startswith(AUXILIARY_PREFIXES)}, strict=False
    )


def _listed(files: list[Path], seeds: Sequence[int]) -> dict[int, Path]:
    if seeds and len(seeds) != len(files):
        raise CheckpointError(
            f"[models]: expected one seed for each of {len(files)} files, {len(seeds)} seeds came"
        )
    return dict(zip(seeds or range(len(files)), files, strict=True))


def _in_layout(folder: Path, spec: SweepSpec) -> dict[int, Path]:
    start = f"{spec.data.name}_{spec.models.architecture}_ce_"
    roots = [folder, folder / "trained_models"]
    files = [f for root in roots for f in sorted(root.glob("*/chkpt.pt")) if f.parent.name.startswith(start)]
    return _by_seed((_seed_in(file.parent.name), file) for file in files)


def _matching(pattern: str, seeds: Sequence[int]) -> dict[int, Path]:
    if "{seed}" in pattern and seeds:
        return {seed: Path(pattern.replace("{seed}", str(seed))) for seed in seeds}
    files = sorted(Path(name) for name in glob(pattern.replace("{seed}", "*"), recursive=True))
    if "{seed}" in pattern:
        shape = re.compile(r"(\d+)".join(re.escape(part) for part in pattern.split("{seed}")))
        return _by_seed((int(hit[1]), file) for file in files if (hit := shape.fullmatch(str(file))))
    if all(_SEED.search(str(file)) for file in files):
        return _by_seed((_seed_in(str(file)), file) for file in files)
    return dict(enumerate(files))


def _by_seed(pairs: Iterable[tuple[int, Path]]) -> dict[int, Path]:
    found: dict[int, Path] = {}
    for seed, file in pairs:
        if seed in found:
            raise CheckpointError(f"expected one file for seed {seed}, two came: {found[seed]} and {file}")
        found[seed] = file
    return found


def _seed_in(name: str) -> int:
    numbers = _SEED.findall(name)
    return int(numbers[-1]) if numbers else 0


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
            f"{path}: expected tensors only, {what} came; such a file could run code. "
            f"Save the state dict alone, or as .safetensors"
        ) from error
    except Exception as error:  # a broken archive raises many kinds
        raise CheckpointError(f"{path}: expected a checkpoint that torch can read, '{error}' came") from error


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
        raise CheckpointError(f"{path}: expected a safetensors file, '{error}' came") from error
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
        raise CheckpointError(f"{path}: expected a state dict, itself or under the key 'weights'; none came")
    return {str(name): value for name, value in inside.items()}


def _unwrapped(name: str) -> str:
    for prefix in _WRAPPERS:
        name = name.removeprefix(prefix)
    return name


def _float(value: Tensor) -> Tensor:
    return value.detach().to(torch.float32) if value.is_floating_point() else value.detach()


def _ignored(name: str) -> bool:
    return name.endswith("num_batches_tracked") or name.startswith(AUXILIARY_PREFIXES)


def _outputs_differ_only(wanted: Tensor, given: Tensor) -> bool:
    return wanted.ndim == given.ndim and wanted.shape[1:] == given.shape[1:]


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return (", ".join(names[:_SHOWN]) + more) or "none"
