"""Where the ledger's rows say that files are: which are outside the site, and which move with a restored one."""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.db import models, transaction

from analysis.durable import json_bytes, write_whole
from analysis.models import DataSet, Ensemble, Run
from analysis.services.mirror import folder_of
from readerstudy.ops.backup.folder import targets

FIELDS: tuple[tuple[type[models.Model], str], ...] = (
    (Run, "folder"), (Run, "full_spec"), (Ensemble, "checkpoints"), (DataSet, "section"),
)  # fmt: skip
"""Every field that holds whole paths."""


def outside() -> dict[str, str]:
    """Return the runs, ensembles and data sets whose files are not the site's own, each with where they lie."""
    images = {data_set.slug: str(data_set.section.get("images", "")) for data_set in DataSet.objects.all()}
    lie: dict[str, str] = {
        **{f"run {run.run_id}": str(folder_of(run)) for run in Run.objects.order_by("run_id")},
        **{f"ensemble {each.slug}": each.checkpoints for each in Ensemble.objects.all()},
        **{f"data set {slug}": folder for slug, folder in images.items()},
    }
    own = targets().values()
    return {
        name: f"lies outside the site's folder, at {place}"
        for name, place in lie.items()
        if Path(place).is_absolute() and not any(Path(place).is_relative_to(root) for root in own)
    }


@transaction.atomic
def relocate(*before: Mapping[str, str]) -> int:
    """Let the rows of a restored site, and the plans of its runs, name the places of this one.

    Returns how many rows changed.

    Parameters
    ----------
    before: where the parts of the site that was backed up lay, as `targets` names them; those of its database, and of
        its files, where these are of another backup.
    """
    now = targets()
    lay = {(old, str(now[name])) for places in before for name, old in places.items() if name in now}
    pairs = sorted(lay, key=lambda pair: -len(pair[0]))  # a part before the folder that it lies in
    for plan in sorted(targets()["runs"].glob("*/plan.json")):
        with suppress(ValueError):  # what is no plan stays as it was
            said = json.loads(plan.read_bytes())
            if (moved := _moved(said, pairs)) != said:
                write_whole(plan, json_bytes(moved))
                plan.chmod(0o600)  # as everything that a restore puts there
    changed: set[tuple[type[models.Model], Any]] = set()
    for model, field in FIELDS:
        for pk, value in list(model._default_manager.values_list("pk", field)):
            if (moved := _moved(value, pairs)) != value:
                model._default_manager.filter(pk=pk).update(**{field: moved})
                changed.add((model, pk))
    return len(changed)


def _moved(value: Any, pairs: list[tuple[str, str]]) -> Any:
    if isinstance(value, dict):
        return {name: _moved(each, pairs) for name, each in value.items()}
    if isinstance(value, list):
        return [_moved(each, pairs) for each in value]
    if isinstance(value, str):
        for old, new in pairs:
            if value == old or value.startswith(f"{old}/"):
                return new + value[len(old) :]
    return value
