"""Where a run came from, for a page: digests of what was read and written, choices, versions, who worked on it."""

import json
from pathlib import Path
from typing import Any

from django.db.models import Sum

from analysis.models import Run, RunKind
from analysis.sweep.run.acceptance import engine_notes

NAMES = {
    "labels_test": "test labels",
    "labels_train": "training labels",
    "labels_val": "validation labels",
    "metadata": "metadata",
    "images": "image list (names and sizes)",
}


def provenance_of(run: Run) -> dict[str, Any]:
    """Read what a run's folder says, by part; before the end, what its plan says. What a run does not have is empty."""
    said = document_of(run, "provenance.json")
    plan = said or document_of(run, "plan.json")
    images = plan.get("images", {})
    pixels = images.get("pixels") or plan.get("cache", {}).get("digest")
    digests = plan.get("digests", {}).items()
    inputs = [
        (NAMES.get(name, name), digest) for name, digest in digests if not name.startswith("checkpoint-")
    ]
    inputs += [("decoded pixels", pixels)] if pixels else []
    inputs += sorted(plan.get("imported", {}).get("files", {}).items())
    return dict(
        inputs=inputs,
        checkpoints=[(_member(c), c["sha256"]) for c in plan.get("checkpoints", [])] + _trained(run),
        outputs=_outputs(said),
        versions=sorted(plan.get("versions", {}).items()) + _cards(said),
        engines=engine_notes(document_of(run, "plan.json")),
        warnings=list(plan.get("warnings", [])),
        spec=_choices(run),
        images=images.get("count"),
        conditions=[(one["name"], one.get("removed")) for one in said.get("conditions", [])],
        complete=bool(said) or (not run.has_predictions and run.finished_at is not None),
    )


def _member(checkpoint: dict[str, Any]) -> str:
    return f"seed {checkpoint['seed']}" + (
        f", {checkpoint['condition']}" if "condition" in checkpoint else ""
    )


def effort_of(run: Run) -> dict[str, Any]:
    """Return who worked on a run: hosts, attempts, and the seconds that its units took together."""
    units = list(run.units.exclude(worker=""))
    spans = [u.finished_at - u.started_at for u in units if u.finished_at and u.started_at]
    return {
        "hosts": sorted({unit.worker.partition(":")[0] for unit in units}),
        "attempts": run.units.aggregate(total=Sum("attempts"))["total"] or 0,
        "seconds": sum(span.total_seconds() for span in spans),
    }


def _choices(run: Run) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the choices that matter for the kind of run, written as a person would."""
    other = {"prune", "infer"} if run.kind == RunKind.TRAINING else {"train"}
    parts = [(part, values) for part, values in run.spec.items() if values and part not in other]
    listed = [one for part, values in parts if part == "conditions" for one in values]
    parts = [pair for pair in parts if pair[0] != "conditions"]
    parts += [(f"condition {one['name']}", {k: v for k, v in one.items() if v}) for one in listed]
    return [(part, [(name, _written(value)) for name, value in values.items()]) for part, values in parts]


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "all"
    return "–" if value in (None, "") else str(value)


def _cards(said: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the GPUs that computed the score files, where some did."""
    return [("GPU", f"{name}, {count} score files") for name, count in sorted(said.get("cards", {}).items())]


def _outputs(said: dict[str, Any]) -> list[tuple[str, str]]:
    tables = sorted(said.get("tables", {}).items())
    whole = said.get("predictions_sha256")
    count = len(said.get("predictions", {}))
    return [*tables, *([(f"all {count} score files", whole)] if whole else [])]


def _trained(run: Run) -> list[tuple[str, str]]:
    if run.kind != RunKind.TRAINING:
        return []
    units = run.units.filter(state="done")
    return [
        (f"seed {u.member}", digest)
        for u in units
        for name, digest in u.artefacts.items()
        if name.endswith(".pt")
    ]


def document_of(run: Run, name: str) -> dict[str, Any]:
    """Read a JSON file of a run's folder; empty where there is none."""
    if not run.folder or run.folder == ".":
        return {}
    try:
        found: dict[str, Any] = json.loads((Path(run.folder) / name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found
