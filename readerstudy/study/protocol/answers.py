"""Check a sheet of answers against the questions: nothing blank, nothing that was not offered."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from readerstudy.study.protocol.questions import MOST_MARKS, SHAPES, ProtocolError, Question

STATUSES = ("answered", "cannot_assess", "technical", "left_blank", "not_asked")
"""What an answer can be; the last two are for optional questions and for follow-ups that are not asked."""

Marks = list[dict[str, Any]]


def check_sheet(
    questions: Sequence[Question],
    answers: Mapping[str, Any],
    *,
    marks: Marks | None = None,
    labels: Collection[str] = (),
) -> dict[str, dict[str, Any]]:
    """Return one {status, value} for each question, in the order of the questions.

    A blank is never an answer: every question that is asked carries a value or a typed reason why there is
    none; an optional one may be left blank, which is stored as such. The server says which follow-up was asked.

    Parameters
    ----------
    questions: of the protocol, in their order.
    answers: question key to {status, value}, as the browser sends it.
    marks: what was drawn on the image, checked before by `check_marks`.
    labels: the labels of the case.

    Raises
    ------
    ProtocolError: a question left out, an unknown one, a status or value that is not on offer.
    """
    keys = [question.key for question in questions]
    if not isinstance(answers, Mapping) or set(answers) - set(keys):
        came = sorted(map(str, answers)) if isinstance(answers, Mapping) else type(answers).__name__
        raise ProtocolError(f"expected an answer to each of {sorted(keys)}, got {came}")
    sheet: dict[str, dict[str, Any]] = {}
    for question in questions:
        answer = answers.get(question.key)
        if not is_asked(question, sheet):
            sheet[question.key] = _not_asked(question, answer)
        else:
            own = [mark for mark in marks or [] if mark["question"] == question.key]
            sheet[question.key] = _check_answer(question, answer, own, labels)
    _refuse_stray_marks(marks or [], sheet, questions)
    return sheet


def is_asked(question: Question, sheet: Mapping[str, Mapping[str, Any]]) -> bool:
    """Say whether a question is asked, given the answers to those before it."""
    if question.after is None:
        return True
    before = sheet.get(question.after.question, {})
    if before.get("status") != "answered":
        return False
    value = before["value"]
    chosen = set(value) if isinstance(value, list) else {value}
    return bool(chosen & set(question.after.values))


def check_marks(marks: Any, images: Mapping[str, tuple[int, int]]) -> Marks:
    """Return the marks drawn on the images of a case; coordinates are (x right, y down).

    Parameters
    ----------
    marks: what the page sent; where a case has several images, each names its own as `image`.
    images: rows and columns of each image in pixels, by role.

    Raises
    ------
    ProtocolError: another form, too many, no image of the case, or places outside it.
    """
    if not isinstance(marks, list) or len(marks) > MOST_MARKS:
        raise ProtocolError(f"marks: expected a list of at most {MOST_MARKS}")
    return [_mark(mark, images) for mark in marks]


def _mark(mark: Any, images: Mapping[str, tuple[int, int]]) -> dict[str, Any]:
    fields = {"question", "kind", "points"} | ({"image"} if len(images) > 1 else set())
    if not isinstance(mark, Mapping) or set(mark) != fields:
        raise ProtocolError(f"marks: expected {', '.join(sorted(fields))} for each")
    if "image" in fields and mark["image"] not in list(images):
        raise ProtocolError(f"marks: expected one of the images {', '.join(images)}")
    rows, columns = images[mark["image"]] if "image" in fields else next(iter(images.values()))
    if not isinstance(mark["question"], str) or mark["kind"] not in SHAPES:
        raise ProtocolError(f"marks: expected a kind of {', '.join(SHAPES)} and the key of a question")
    points = mark["points"]
    wanted = 1 if mark["kind"] == "point" else 2
    if not isinstance(points, list) or len(points) != wanted:
        raise ProtocolError(f"marks: expected {wanted} points for a mark of the kind {mark['kind']}")
    for point in points:
        if not (isinstance(point, list) and len(point) == 2 and all(map(_is_number, point))):
            raise ProtocolError("marks: expected points as pairs of numbers")
        if not (0 <= point[0] <= columns and 0 <= point[1] <= rows):
            raise ProtocolError(f"marks: expected points within the image of {rows} x {columns} pixels")
    return {**mark, "points": [[float(x), float(y)] for x, y in points]}


def _refuse_stray_marks(
    marks: Marks, sheet: Mapping[str, Mapping[str, Any]], questions: Sequence[Question]
) -> None:
    known = {"", *(question.key for question in questions)}
    for mark in marks:
        if mark["question"] not in known:
            raise ProtocolError(f"marks: expected the key of a question, got {mark['question']!r}")
        if mark["question"] and sheet[mark["question"]]["status"] == "not_asked":
            raise ProtocolError(f"marks: '{mark['question']}' is not asked here")


def _not_asked(question: Question, answer: Any) -> dict[str, Any]:
    if answer is not None and not (isinstance(answer, Mapping) and answer.get("status") == "not_asked"):
        raise ProtocolError(
            f"{question.key}: expected no answer because this question is not asked here, got one"
        )
    return {"status": "not_asked", "value": None}


def _check_answer(question: Question, answer: Any, marks: Marks, labels: Collection[str]) -> dict[str, Any]:
    if answer is None:
        if question.required:
            raise ProtocolError(
                f"expected an answer to each of the questions that are asked, '{question.key}' has none"
            )
        return {"status": "left_blank", "value": None}
    if not isinstance(answer, Mapping) or set(answer) != {"status", "value"}:
        raise ProtocolError(f"{question.key}: expected a status and a value")
    status, value = answer["status"], answer["value"]
    _check_status(question, status)
    if status != "answered":
        if value is not None:
            raise ProtocolError(f"{question.key}: expected no value with the status {status}")
        return {"status": status, "value": None}
    if question.kind == "mark":
        return {"status": status, "value": _count(question, marks)}
    if question.kind in {"wrong_labels", "missing_labels"}:
        return {"status": status, "value": _labels(question, value, labels)}
    return {"status": status, "value": _VALUES[question.kind](question, value)}


def _check_status(question: Question, status: Any) -> None:
    allowed = ["answered", "technical"]
    if question.allow_cannot_assess:
        allowed.insert(1, "cannot_assess")
    if not question.required:
        allowed.append("left_blank")
    if status not in allowed:
        if status == "cannot_assess":
            raise ProtocolError(f"{question.key}: this question must be answered")
        raise ProtocolError(f"{question.key}: expected a status of {', '.join(allowed)}, got {status!r}")


def _one(question: Question, value: Any) -> int:
    if type(value) is not int or value not in question.values:
        raise ProtocolError(f"{question.key}: expected one of {sorted(question.values)}, got {value!r}")
    return value


def _several(question: Question, value: Any) -> list[int]:
    if not isinstance(value, list):
        raise ProtocolError(f"{question.key}: expected a list of {sorted(question.values)}, got {value!r}")
    chosen = sorted({_one(question, each) for each in value})
    _between(question, len(chosen), "choices")
    return chosen


def _number(question: Question, value: Any) -> float:
    if not _is_number(value) or (question.whole and float(value) != int(value)):
        what = "a whole number" if question.whole else "a number"
        raise ProtocolError(f"{question.key}: expected {what}, got {value!r}")
    low = -math.inf if question.minimum is None else question.minimum
    high = math.inf if question.maximum is None else question.maximum
    if not low <= value <= high:
        raise ProtocolError(f"{question.key}: expected a number from {low} to {high}, got {value!r}")
    return int(value) if question.whole else float(value)


def _text(question: Question, value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > question.longest:
        raise ProtocolError(f"{question.key}: expected a text of 1 to {question.longest} characters")
    return value.strip()


_VALUES: dict[str, Callable[[Question, Any], Any]] = {
    "yes_no": _one, "ordinal": _one, "choice": _one,
    "multiple_choice": _several, "number": _number, "text": _text,
}  # fmt: skip


def _labels(question: Question, value: Any, labels: Collection[str]) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(each, str) and each.strip() for each in value):
        raise ProtocolError(f"{question.key}: expected a list of labels, got {value!r}")
    chosen = list(dict.fromkeys(each.strip() for each in value))
    for label in chosen:
        if question.kind == "wrong_labels":
            fits = label in labels
        else:
            fits = label not in labels and (label in question.vocabulary or question.other)
        if not fits or len(label) > question.longest:
            raise ProtocolError(f"{question.key}: the label {label!r} is not on offer here")
    _between(question, len(chosen), "labels")
    return chosen


def _count(question: Question, marks: Marks) -> int:
    if any(mark["kind"] not in question.shapes for mark in marks):
        raise ProtocolError(f"{question.key}: expected marks of the shapes {', '.join(question.shapes)}")
    _between(question, len(marks), "marks")
    return len(marks)


def _between(question: Question, count: int, what: str) -> None:
    # On offer are never more than the levels; a scale of three with most = 10 means all three.
    if not question.fewest <= count <= question.most:
        raise ProtocolError(
            f"{question.key}: expected {question.fewest} to {question.most} {what}, got {count}"
        )


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number of hundreds of digits
        return False
