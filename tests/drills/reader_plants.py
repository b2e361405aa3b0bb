"""Faults planted into the site, each of which the session drill must find."""

import uuid
from collections.abc import Callable
from typing import Any
from unittest import mock

from readerstudy.cases.models import Case
from readerstudy.study.models import Assignment
from readerstudy.study.reading import answering as reading
from readerstudy.study.reading import stages

_save_answers = reading.save_answers


def _forgets_the_key(**values: Any) -> Any:
    return _save_answers(**{**values, "idempotency_key": uuid.uuid4()})


def _only_says_so(**values: Any) -> None:
    return None


def _mixes_answers_up(**values: Any) -> Any:
    return _save_answers(**{**values, "comment": f"{values['comment']}."})


def _any_case(reader: Any, public_id: Any) -> Case | None:
    found = Assignment.objects.filter(public_id=public_id).select_related("case__frame").first()
    return found.case if found else None


def _any_turn(*given: Any, **named: Any) -> None:
    return None


def _first_case_again(reader: Any) -> Any:
    place = _place_of(reader)
    first = reader.assignments.order_by("position").first()
    return type(place)(1, place.total, first, place.following)


_place_of = stages.place_of

PLANTS: dict[str, Callable[[], Any]] = {
    "the key of a save is not kept": lambda: mock.patch.object(reading, "save_answers", _forgets_the_key),
    "saved is said and nothing is saved": lambda: mock.patch.object(reading, "save_answers", _only_says_so),
    "a comment is changed on the way": lambda: mock.patch.object(reading, "save_answers", _mixes_answers_up),
    "every frame is given": lambda: mock.patch.object(reading, "servable", _any_case),
    "no turn is asked for": lambda: mock.patch.object(reading, "_check_turn", _any_turn),
    "the place is forgotten": lambda: mock.patch(
        "readerstudy.study.reading.stages.place_of", _first_case_again
    ),
}
"""By what is wrong: how it is planted."""
