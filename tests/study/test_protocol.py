"""The protocol takes exactly the answers it offers, and its digest changes with every word."""

from dataclasses import replace
from typing import Any

import pytest

from readerstudy.study.phases import TRANSITIONS, Phase, PhaseError, allowed_steps, next_phase
from readerstudy.study.protocol import Protocol, ProtocolError, digest
from readerstudy.study.protocol.answers import check_sheet

GOOD = {
    "agree": {"status": "answered", "value": 0},
    "quality": {"status": "answered", "value": 5},
    "difficulty": {"status": "cannot_assess", "value": None},
}


def test_published_questions_are_word_for_word() -> None:
    texts = [question.text for question in Protocol().questions]
    assert texts == [
        "Do you fully agree with the label?",
        "How would you rate the image quality?",
        "How difficult would you consider it to properly diagnose this image?",
    ]


def test_good_answers_pass_unchanged() -> None:
    assert check_sheet(Protocol().questions, GOOD) == GOOD


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("agree", {"status": "answered", "value": 2}),
        ("agree", {"status": "answered", "value": True}),
        ("agree", {"status": "answered", "value": None}),
        ("agree", {"status": "missing", "value": None}),
        ("agree", {"value": 1}),
        ("agree", 1),
        ("quality", {"status": "answered", "value": 0}),
        ("quality", {"status": "answered", "value": 6}),
        ("quality", {"status": "answered", "value": "3"}),
        ("quality", {"status": "answered", "value": 3.0}),
        ("difficulty", {"status": "cannot_assess", "value": 3}),
    ],
)
def test_other_answers_are_refused(question: str, answer: Any) -> None:
    with pytest.raises(ProtocolError, match=question):
        check_sheet(Protocol().questions, {**GOOD, question: answer})


@pytest.mark.parametrize(
    "answers", [{}, {"agree": GOOD["agree"]}, {**GOOD, "extra": GOOD["agree"]}, [], None, "yes"]
)
def test_a_blank_is_never_an_answer(answers: Any) -> None:
    with pytest.raises(ProtocolError, match="expected an answer to each of"):
        check_sheet(Protocol().questions, answers)


def test_question_that_must_be_answered() -> None:
    strict = replace(Protocol().questions[2], allow_cannot_assess=False)
    protocol = Protocol(questions=(strict,))
    with pytest.raises(ProtocolError, match="must be answered"):
        check_sheet(protocol.questions, {"difficulty": GOOD["difficulty"]})


def test_json_round_trip_and_digest() -> None:
    protocol = Protocol(instructions="Read in a dark room.", shown=("view",))
    assert Protocol.from_json(protocol.as_json()) == protocol
    assert digest(protocol.as_json()) != digest(
        Protocol(instructions="Read in a dark room!", shown=("view",)).as_json()
    )


@pytest.mark.parametrize(
    "change",
    [{"window_rule": "best"}, {"shown": ["patient"]}, {"questions": []}, {"unheard": 1}, {"questions": [{}]}],
)
def test_senseless_protocol_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        Protocol.from_json({**Protocol().as_json(), **change})


def test_phases_only_go_forward() -> None:
    order = list(Phase)
    for (source, _), target in TRANSITIONS.items():
        assert order.index(target) > order.index(source)
    assert allowed_steps("draft") == ["lock"]
    assert allowed_steps("unblinded") == ["archive"]
    assert allowed_steps("archived") == []


def test_forbidden_step_says_where_the_study_stands() -> None:
    with pytest.raises(PhaseError, match="'close' is possible in the phase reading; the study is draft"):
        next_phase("draft", "close")
