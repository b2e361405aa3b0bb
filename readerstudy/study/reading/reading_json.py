"""What the reading page receives: its whole state in one form, also for the preview, which stores nothing."""

from typing import Any
from uuid import UUID

from django.urls import reverse

from readerstudy.cases.models import Case
from readerstudy.cases.selectors import images_json
from readerstudy.study.design.terms import terms_json
from readerstudy.study.markdown import render
from readerstudy.study.models import Assignment, PracticeReading, Rating, Reader
from readerstudy.study.protocol import Protocol
from readerstudy.study.reading.answering import UNREAD, returnable, stored
from readerstudy.study.reading.stages import Stage, Visit, visit_of

WITH_TEXTS = {Stage.CONSENT, Stage.INSTRUCTIONS, Stage.DONE}


def state_json(reader: Reader) -> dict[str, Any]:
    """Return the state of a reader's visit: what to show, the current case, exactly one to fetch ahead."""
    visit = visit_of(reader)
    practising = visit.practice.current is not None and visit.stage is not Stage.READING
    place = visit.practice if practising else visit.place
    current, following = visit.ahead
    return {
        **frame_of_state(visit.stage, visit.protocol),
        "terms": terms_json(reader.study, visit.terms) if visit.stage is Stage.TERMS else [],
        "position": place.position if visit.stage is not Stage.CLOSED else 0,
        "total": place.total if visit.stage is not Stage.CLOSED else 0,
        "case": None if current is None else case_json(current, reader, visit),
        "next": None if following is None else _frame(following, reader.study.slug),
        "back": _back(reader, visit, None),
        "session": _session(visit),
        "display_checked": visit.display_checked,
        "keys": reader.keys,
        "urls": {
            name: reverse(f"study:{view}", kwargs={"slug": reader.study.slug})
            for name, view in (
                ("state", "state"), ("consent", "consent"), ("terms", "confirm_terms"), ("begin", "begin"),
                ("display", "display"), ("keys", "keys"), ("pause", "pause"),
            )
        },
    }  # fmt: skip


def frame_of_state(stage: Stage, protocol: Protocol, *, preview: bool = False) -> dict[str, Any]:
    """Return what a state says without regard to a case."""
    return {
        "stage": stage.value,
        "open": stage is not Stage.CLOSED,
        "done": stage in {Stage.DONE, Stage.CLOSED},
        "preview": preview,
        "break_after": {"minutes": protocol.break_minutes or None, "cases": protocol.break_cases or None},
        "display_check": protocol.display_check,
        "layout": protocol.layout,
        "image_least": {"pixels": protocol.image_least, "block": protocol.image_small == "block"},
        "texts": texts(protocol) if stage in WITH_TEXTS else {},
    }


def texts(protocol: Protocol) -> dict[str, str]:
    """Return the protocol's texts for readers as sanitised HTML."""
    return {
        "consent": render(protocol.consent),
        "instructions": render(protocol.instructions),
        "end": render(protocol.ending),
    }


def case_json(row: Assignment | PracticeReading, reader: Reader, visit: Visit) -> dict[str, Any]:
    """Return one case with its questions and what is stored of it."""
    practice = isinstance(row, PracticeReading)
    slug = reader.study.slug
    return {
        **_frame(row, slug),
        **sheet_of_case(row.case, visit.protocol, _address("answers", slug, row.public_id), practice),
        **(UNREAD if practice else stored(row)),
        "back": None if practice else _back(reader, visit, row),
    }


def sheet_of_case(case: Case, protocol: Protocol, answer_url: str, practice: bool) -> dict[str, Any]:
    """Return what the protocol shows of a case, what it asks, and where the answers go."""
    return {
        "labels": case.labels,
        "shown": {name: getattr(case, name) for name in protocol.shown},
        "questions": protocol.asked(),
        "practice": practice,
        "answer_url": answer_url,
    }


def _back(reader: Reader, visit: Visit, of: Assignment | PracticeReading | None) -> dict[str, str] | None:
    """Return the read case before this one, or the latest, if the reader may go back to it."""
    rows = list(returnable(reader, visit))
    if isinstance(of, Assignment) and of.public_id in rows:
        rows = rows[rows.index(of.public_id) + 1 :]
    if not rows:
        return None
    return {"id": str(rows[0]), "case_url": _address("case", reader.study.slug, rows[0])}


def _session(visit: Visit) -> dict[str, Any]:
    session = visit.session
    read = Rating.objects.filter(session=session, revision=1).count() if session else 0
    return {
        "number": session.number if session else None,
        "read": read,
        "limit": visit.protocol.session_cases or None,
        "until": visit.until.isoformat() if visit.until else None,
    }


def _frame(row: Assignment | PracticeReading, slug: str) -> dict[str, Any]:
    return images_json(row.case, str(row.public_id), _address("frame", slug, row.public_id))


def _address(view: str, slug: str, public_id: UUID) -> str:
    return reverse(f"study:{view}", args=[slug, public_id])
