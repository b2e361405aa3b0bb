"""Write the rows of a case set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import transaction

from readerstudy.accounts.models import User
from readerstudy.audit.services import record
from readerstudy.cases.frame import FORMAT
from readerstudy.cases.models import Case, CaseSet, Frame
from readerstudy.cases.storage import StoredFrame
from readerstudy.cases.terms import Wording, set_terms
from readerstudy.cases.window import WindowRule


class AlreadyLoadedError(Exception):
    """The study has its case set."""


@dataclass(frozen=True)
class SetFacts:
    """What is noted of a case set: digests of its halves, run, whether its images are synthetic, terms, custody."""

    cases_sha256: str
    key_sha256: str
    run_id: str
    synthetic: bool
    terms: Mapping[str, str] = field(default_factory=dict)
    custody: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class NewCase:
    """One case ready to be written: its row of cases.csv, its image's facts, its stored frame.

    window in grey values; spacing (row, column) in mm; age in years.
    """

    key: str
    labels: list[str]
    block: int
    separation_group: str
    view: str
    sex: str
    age: float | None
    rows: int
    columns: int
    bits: int
    window: tuple[float, float]
    spacing: tuple[float, float] | None
    frame: StoredFrame


def refuse_second_set(study_key: UUID) -> None:
    """Refuse a study that has a case set: cases that may have been read are never exchanged.

    Raises
    ------
    AlreadyLoadedError: it has one.
    """
    if CaseSet.objects.filter(study=study_key).exists():
        raise AlreadyLoadedError(
            "expected a study without cases, this one already has a case set; create a new study"
        )


@transaction.atomic
def record_case_set(
    *, study_key: UUID, facts: SetFacts, window_rule: WindowRule, cases: Sequence[NewCase],
    apart: int | None = None, actor: User | None,
) -> CaseSet:  # fmt: skip
    """Write the rows of a case set whose frames lie in their place, and the audit event.

    Raises
    ------
    AlreadyLoadedError: the study has a case set.
    """
    refuse_second_set(study_key)
    case_set = CaseSet.objects.create(
        study=study_key,
        cases_sha256=facts.cases_sha256,
        key_sha256=facts.key_sha256,
        run_id=facts.run_id,
        synthetic=facts.synthetic,
        window_rule=window_rule.value,
        case_count=len(cases),
        frame_length=cases[0].frame.length,
        apart=apart,
        custody=dict(facts.custody),
    )
    ordered = sorted(cases, key=lambda case: case.key)
    rows = Case.objects.bulk_create(_case_row(case_set, case) for case in ordered)
    Frame.objects.bulk_create(_frame_row(row, case) for row, case in zip(rows, ordered, strict=True))
    record(
        kind="cases.loaded",
        actor=actor,
        study=study_key,
        subject=facts.cases_sha256,
        values={
            "cases": len(cases),
            "cases_sha256": facts.cases_sha256,
            "key_sha256": facts.key_sha256,
            "window_rule": window_rule.value,
            "frame_length": case_set.frame_length,
        },
    )
    if facts.terms:
        set_terms(set_key=study_key, chain=study_key, wording=Wording(**facts.terms), actor=actor)
    return case_set


def _case_row(case_set: CaseSet, case: NewCase) -> Case:
    return Case(
        study=case_set.study,
        case_set=case_set,
        key=case.key,
        labels=case.labels,
        block=case.block,
        separation_group=case.separation_group,
        view=case.view,
        sex=case.sex,
        age=case.age,
    )


def _frame_row(row: Case, case: NewCase) -> Frame:
    spacing_row, spacing_column = case.spacing or (None, None)
    return Frame(
        study=row.study,
        case=row,
        storage_name=case.frame.name,
        rows=case.rows,
        columns=case.columns,
        bits=case.bits,
        format=FORMAT,
        window_low=case.window[0],
        window_high=case.window[1],
        spacing_row=spacing_row,
        spacing_column=spacing_column,
        sha256=case.frame.sha256,
        length=case.frame.length,
    )
