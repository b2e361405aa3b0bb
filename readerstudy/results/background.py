"""What a report says about a study beside its ratings: protocol, readers, history, digests."""

from typing import Any

from analysis.report import Background, ReaderCourse
from readerstudy.cases.models import CaseSet
from readerstudy.results.ratings import Reading, unblinding_of
from readerstudy.study.models import Study

KINDS = {"yes_no": "yes, no"}


def courses_of(study: Study, readings: list[Reading], using: str) -> tuple[ReaderCourse, ...]:
    """Return each enrolled reader's course, also of those who withdrew or read nothing."""
    planned: dict[int, int] = {}
    read: dict[int, int] = {}
    for reading in readings:
        if reading.assignment.presentation == 1:
            reader = reading.assignment.reader_id
            planned[reader] = planned.get(reader, 0) + 1
            read[reader] = read.get(reader, 0) + bool(reading.revisions)
    return tuple(
        ReaderCourse(
            reader.pseudonym,
            planned.get(reader.pk, 0),
            read.get(reader.pk, 0),
            _withdrawn(reader),
            _replaces(reader),
        )
        for reader in study.readers.using(using).all()
    )


def background_of(study: Study, readings: list[Reading], using: str) -> Background:
    """Return the background of an unblinded study's report."""
    protocol = study.protocol
    unblinding = unblinding_of(study, using)
    case_set = CaseSet.objects.using(using).filter(study=study.key).first()
    digests = {
        "Protocol": study.protocol_sha256,
        "Case set": study.cases_sha256,
        "Key": unblinding.key_sha256,
    }
    by = unblinding.opened_by or "the command line"
    course = [(name, f"{at:%Y-%m-%d %H:%M} UTC") for name, at in _dates(study)]
    return Background(
        title=study.title,
        questions=tuple(_question(question) for question in protocol["questions"]),
        protocol=tuple((name, value) for name, value in _protocol(protocol) if value),
        course=(*course, ("Key opened by", f"{by}: {unblinding.reason}")),
        origin=(
            *digests.items(),
            ("Sweep", study.run_id),
            ("Cases", str(case_set.case_count) if case_set else ""),
        ),
        codes=frozenset({*digests, "Sweep"}),
        readers=courses_of(study, readings, using),
        estimand=protocol.get("estimand", ""),
        synthetic_images=study.synthetic_images,
    )


def _question(question: dict[str, Any]) -> tuple[str, str]:
    levels = ", ".join(f"{level['value']} {level['label']}" for level in question.get("levels", ()))
    return question["text"], levels or KINDS.get(question["kind"], question["kind"].replace("_", " "))


def _protocol(protocol: dict[str, Any]) -> list[tuple[str, str]]:
    repeats = protocol.get("repeat_fraction", 0)
    return [
        ("Design", protocol["design"]),
        ("Planned readers", str(protocol["planned_readers"])),
        ("Hidden repeats", f"{100 * repeats:.0f} % of a reader's cases" if repeats else "none"),
        ("Shown to readers", ", ".join(["labels", *protocol["shown"]])),
        ("First window", protocol["window_rule"]),
        ("Going back", protocol.get("back", "none")),
        ("Display check", protocol.get("display_check", "none")),
        ("Subgroups", ", ".join(protocol.get("subgroups", ()))),
        ("Exclusion", protocol.get("exclusion", "")),
        ("Stopping", protocol.get("stopping", "")),
        ("Replacement", protocol.get("replacement", "")),
        ("Blinding", "Readers saw neither arm, score nor file name; order drawn at random for each reader"),
    ]


def _dates(study: Study) -> list[tuple[str, Any]]:
    dates = [
        ("Protocol locked", study.locked_at),
        ("Reading closed", study.closed_at),
        ("Key opened", study.unblinded_at),
    ]
    return [(name, at) for name, at in dates if at is not None]


def _withdrawn(reader: Any) -> str:
    at = getattr(reader, "withdrawn_at", None)
    if at is None:
        return ""
    reason = getattr(reader, "withdrawal_reason", "")
    return f"{at:%Y-%m-%d}" + (f", {reason}" if reason else "")


def _replaces(reader: Any) -> str:
    replaced = getattr(reader, "replaces", None)
    return replaced.pseudonym if replaced is not None else ""
