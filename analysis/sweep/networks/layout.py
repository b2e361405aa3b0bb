"""Find the checkpoints of an ensemble. Imports no torch.

By the PruneCXR layout, `{dataset}_{architecture}_{loss}_lr-*_bs-*[_seed-S]/chkpt.pt` (seed 0 has no suffix; the
published loss is written `ce`; two GPUs put `x2` after the batch size), by a pattern, or by file names.
"""

import re
from collections.abc import Iterable, Sequence
from glob import glob
from pathlib import Path

from analysis.sweep.errors import CheckpointError
from analysis.sweep.spec import SweepSpec

LAYOUT = "{dataset}_{architecture}_{loss}_lr-{learning_rate}_bs-{batch_size}{seed_suffix}/chkpt.pt"
_SEED = re.compile(r"seed[-_](\d+)")


def layout_name(
    dataset: str, architecture: str, learning_rate: float, batch_size: int, seed: int, loss: str = "ce"
) -> str:
    """Name a checkpoint as the published study does, relative to its folder."""
    return LAYOUT.format(
        dataset=dataset,
        architecture=architecture,
        loss=loss,
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
        raise CheckpointError("[models] checkpoints: expected a folder, a pattern or files, got none")
    if len(places) > 1 or Path(places[0]).is_file():
        found = _listed([Path(place) for place in places], spec.models.seeds)
    elif Path(places[0]).is_dir():
        found = _in_layout(Path(places[0]), spec)
    else:
        found = _matching(places[0], spec.models.seeds)
    seeds = spec.models.seeds or tuple(sorted(found))
    for seed in seeds:
        if seed not in found or not found[seed].is_file():
            raise CheckpointError(f"{places[0]}: expected a checkpoint of seed {seed}, got none")
    if not seeds:
        raise CheckpointError(
            f"{places[0]}: expected checkpoints named like {LAYOUT} for data set '{spec.data.name}' and "
            f"architecture '{spec.models.architecture}', got none"
        )
    return {seed: found[seed] for seed in sorted(seeds)}


def _listed(files: list[Path], seeds: Sequence[int]) -> dict[int, Path]:
    if seeds and len(seeds) != len(files):
        raise CheckpointError(
            f"[models]: expected one seed for each of {len(files)} files, got {len(seeds)} seeds"
        )
    return dict(zip(seeds or range(len(files)), files, strict=True))


def _in_layout(folder: Path, spec: SweepSpec) -> dict[int, Path]:
    start = re.escape(f"{spec.data.name}_{spec.models.architecture}_")
    ours = re.compile(start + r"[a-z-]+_lr-[0-9.e-]+_bs-\d+(x\d+)?(_seed-\d+)?")
    roots = [folder, folder / "trained_models"]
    files = [f for root in roots for f in sorted(root.glob("*/chkpt.pt")) if ours.fullmatch(f.parent.name)]
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
            raise CheckpointError(f"expected one file for seed {seed}, got two: {found[seed]} and {file}")
        found[seed] = file
    return found


def _seed_in(name: str) -> int:
    numbers = _SEED.findall(name)
    return int(numbers[-1]) if numbers else 0
