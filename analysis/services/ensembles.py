"""Register ensembles: checkpoints on the server, or those that a training of this site has made."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from django.db import transaction

from analysis.models import DataSet, Ensemble, Run
from analysis.services.data_sets import InputError, at_field, data_section
from analysis.services.histories import beside, draw_curves
from analysis.services.places import pattern_inside, within
from analysis.signals import tell
from analysis.sweep.errors import CheckpointError
from analysis.sweep.networks.layout import find_checkpoints
from analysis.sweep.spec import SweepSpec
from analysis.sweep.toml import spec_from


def register_ensemble(
    *,
    slug: str,
    data_set: DataSet,
    architecture: str,
    checkpoints: str,
    preprocess: Mapping[str, Any],
    reading: Mapping[str, Any] | None = None,
    roots: Sequence[Path] | None,
    actor_id: int | None = None,
) -> Ensemble:
    """Look for the checkpoints of an ensemble and write it down under a name.

    The files are opened when a sweep is prepared, by a worker; here only their seeds are found.

    Parameters
    ----------
    checkpoints: a folder in the published layout, a pattern, or a file.
    reading: weights, rename and output of [models], where they are not the defaults.
    roots: see `register_data_set`.

    Raises
    ------
    InputError: a name that is taken, a place outside the roots, no checkpoints there.
    """
    with at_field("checkpoints"):
        place = checkpoints if roots is None else str(pattern_inside(checkpoints, roots))
    fields: dict[str, Any] = {
        "data_set": data_set, "architecture": architecture, "checkpoints": place, "preprocess": dict(preprocess),
        "reading": dict(reading or {}),
    }  # fmt: skip
    spec = _spec(Ensemble(**fields))
    with at_field("checkpoints"):
        found = find_checkpoints(spec)
    if roots is not None and not all(within(file, roots) for file in found.values()):
        raise InputError(
            "expected checkpoints inside the data folder, got a link to another place", "checkpoints"
        )
    return _write(slug=slug, seeds=list(found), actor_id=actor_id, **fields)


def publish_ensemble(*, run: Run) -> None:
    """Write down the ensemble that a training has made; once, however often it is asked."""
    if run.data_set is None or Ensemble.objects.filter(training=run).exists():
        return
    spec = spec_from(run.full_spec, base=Path("/"), where=f"run {run.run_id}")
    draw_curves(Path(run.folder), beside(find_checkpoints(spec.with_checkpoints(run.folder))))
    _write(
        slug=run.name, data_set=run.data_set, architecture=spec.models.architecture, checkpoints=run.folder,
        seeds=sorted(spec.train.seeds), preprocess=run.full_spec["preprocess"], training=run,
        actor_id=run.created_by_id,
    )  # fmt: skip


def checkpoints_of(ensemble: Ensemble) -> dict[int, Path]:
    """Return the checkpoint of each seed of an ensemble as they lie now.

    None where they cannot be told apart, or its data set's files are not what was registered: the page of an ensemble
    outlives them.
    """
    try:
        found = find_checkpoints(_spec(ensemble))
    except (CheckpointError, InputError):
        return {}
    return {seed: file for seed, file in found.items() if seed in ensemble.seeds}


@transaction.atomic
def _write(*, slug: str, seeds: list[int], actor_id: int | None, **values: Any) -> Ensemble:
    fields = {"seeds": seeds, "created_by_id": actor_id, **values}
    found, made = Ensemble.objects.get_or_create(slug=slug, defaults=fields)
    if not made:
        raise InputError(f"expected a new name, the ensemble {slug} is already registered", "slug")
    tell("ensemble.registered", slug, actor_id, seeds=seeds, data_set=found.data_set.slug)
    return found


def _spec(ensemble: Ensemble) -> SweepSpec:
    content = {
        "data": data_section(ensemble.data_set),
        "models": {
            **ensemble.reading, "architecture": ensemble.architecture, "checkpoints": [ensemble.checkpoints],
        },
        "preprocess": ensemble.preprocess,
    }  # fmt: skip
    with at_field():
        return spec_from(content, base=Path("/"), where="ensemble")
