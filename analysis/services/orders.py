"""Orders from a page: a sweep over an ensemble, a training on a data set. A worker prepares and runs them.

Checking weights needs torch and decoding takes minutes: the web process does neither.
"""

import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from analysis.models import PREPARE, DataSet, Ensemble, Run, RunKind, Unit
from analysis.services.control import register_run
from analysis.services.data_sets import InputError, at_field, data_section
from analysis.services.places import inside
from analysis.sweep.errors import SweepError
from analysis.sweep.methods import find_method
from analysis.sweep.methods.own import masking
from analysis.sweep.methods.registry import refuse_levels
from analysis.sweep.spec import PreprocessSpec, SweepSpec, plain
from analysis.sweep.toml import spec_from


def order_sweep(
    *, ensemble: Ensemble, seeds: Sequence[int], prune: Mapping[str, Any], infer: Mapping[str, Any],
    actor_id: int | None, others: Sequence[Ensemble] = (),
) -> Run:  # fmt: skip
    """Write a sweep into the ledger as one unit: to prepare it. Its name comes from the preparation.

    Parameters
    ----------
    seeds: members of the ensemble; empty takes all.
    prune, infer: fields of `PruneSpec` and `InferSpec`.
    others: ensembles on the same data set that are compared with it, a condition each (students, fine-tuned ones).

    Raises
    ------
    InputError: an impossible choice, or a data set without a test split.
    """
    if "test" not in ensemble.data_set.counts:
        raise InputError("expected an ensemble on a data set with test labels, this one has none", "ensemble")
    unknown = sorted(set(seeds) - set(ensemble.seeds))
    if unknown:
        raise InputError(f"expected seeds of the ensemble {ensemble.seeds}, got {unknown}", "seeds")
    spec = _spec(
        {
            "data": data_section(ensemble.data_set),
            "preprocess": ensemble.preprocess,
            "models": _models(ensemble, seeds),
            "prune": dict(prune),
            "infer": dict(infer),
            "conditions": [_condition(other, ensemble) for other in others],
        }
    )
    _check_method(spec)
    name = f"new-{uuid.uuid4().hex[:12]}"
    return register_run(
        run_id=name, requested_as=name, name=f"{ensemble.slug}, {spec.prune.method}", folder=Path(),
        spec=spec.shown(), full_spec=spec.as_dict(), synthetic=spec.data.synthetic, units=[Unit(key=PREPARE)],
        actor_id=actor_id, data_set=ensemble.data_set, ensemble=ensemble,
    )  # fmt: skip


def _condition(other: Ensemble, ensemble: Ensemble) -> dict[str, Any]:
    seen = [
        (one.data_set_id, plain(PreprocessSpec()) | one.preprocess, one.reading) for one in (other, ensemble)
    ]
    if seen[0] != seen[1]:
        raise InputError(
            f"expected ensembles of the same data set, preprocessing and reading, {other.slug} has others",
            "others",
        )
    return {"name": other.slug, "architecture": other.architecture, "checkpoints": [other.checkpoints]}


def _check_method(spec: SweepSpec) -> None:
    """Ask the method for its levels now: the preparation would say the same, when nobody looks at the form."""
    try:
        refuse_levels(find_method(spec.prune.method), spec.prune.sparsities, "[prune] sparsities")
    except SweepError as error:
        told = str(error).removeprefix("[prune] ")
        raise InputError(told.partition(": ")[2], told.partition(":")[0]) from error


def _models(ensemble: Ensemble, seeds: Sequence[int]) -> dict[str, Any]:
    chosen = sorted(seeds) if seeds else ensemble.seeds
    own = {"architecture": ensemble.architecture, "checkpoints": [ensemble.checkpoints]}
    return {**ensemble.reading, **own, "seeds": list(chosen)}


def order_training(
    *,
    slug: str,
    data_set: DataSet,
    architecture: str,
    preprocess: Mapping[str, Any],
    train: Mapping[str, Any],
    folder: Path,
    roots: Sequence[Path],
    actor_id: int | None,
    start: Ensemble | None = None,
) -> Run:
    """Write a training into the ledger: first its preparation, then one unit per seed.

    Parameters
    ----------
    slug: the name of the ensemble that comes of it.
    train: fields of `TrainSpec`; `pretrained` must lie inside `roots`.
    folder: where the site keeps its ensembles.
    start: the ensemble whose members are fine-tuned, where `train` names a method; of this architecture.

    Raises
    ------
    InputError: a name that is taken, an impossible choice, a data set without training and validation labels.
    """
    lacking = [role for role in ("train", "val") if role not in data_set.counts]
    if lacking:
        raise InputError(f"expected a data set with {' and '.join(lacking)} labels, got none", "data_set")
    run_id = f"train-{slug}"
    if Ensemble.objects.filter(slug=slug).exists() or Run.objects.filter(run_id=run_id).exists():
        raise InputError(f"expected a new name, there is an ensemble {slug} already", "slug")
    if (start is not None) != bool(train.get("method")):
        raise InputError("expected an ensemble and a method to fine-tune, or neither", "start")
    if start is not None and start.architecture != architecture:
        raise InputError(f"expected an ensemble of {architecture}, got {start.architecture}", "start")
    models = {"architecture": architecture, "checkpoints": [str(folder / slug)]}
    spec = _spec(
        {
            "data": data_section(data_set),
            "preprocess": dict(preprocess) if start is None else start.preprocess,
            "models": models if start is None else _models(start, train.get("seeds", ())),
            "train": _with_start(train, roots),
        }
    )
    if spec.train.method:
        with at_field("method"):
            masking(spec.train.method, spec.train.level)
    return register_run(
        run_id=run_id, kind=RunKind.TRAINING, name=slug, folder=folder / slug, spec=spec.shown(),
        full_spec=spec.as_dict(), synthetic=spec.data.synthetic, units=[Unit(key=PREPARE)], actor_id=actor_id,
        data_set=data_set,
    )  # fmt: skip


def _with_start(train: Mapping[str, Any], roots: Sequence[Path]) -> dict[str, Any]:
    given = {name: value for name, value in train.items() if value not in (None, "")}
    if "pretrained" in given:
        with at_field("pretrained"):
            given["pretrained"] = str(inside(given["pretrained"], roots, kind="file"))
    return given


def _spec(content: Mapping[str, Any]) -> SweepSpec:
    try:
        return spec_from(content, base=Path("/"), where="this form")
    except SweepError as error:
        words = str(error).split()
        field = words[3].rstrip(":") if len(words) > 3 else ""
        raise InputError(str(error).removeprefix("this form, "), field) from error
