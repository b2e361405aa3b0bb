"""The protocol as TOML: there and back, the documented example, and what is refused."""

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readerstudy.study.design.protocol_file import as_toml, from_toml
from readerstudy.study.protocol import Protocol, ProtocolError
from readerstudy.study.protocol.presets import PRESETS, PUBLISHED_QUESTIONS, measure_of
from readerstudy.study.protocol.questions import After, Level, Measure, Question

FORMATS = Path(__file__).parents[2] / "docs" / "formats.md"

ALL_KINDS = (
    *PUBLISHED_QUESTIONS,
    *PRESETS["follow_ups"].questions[1:3],
    Question("finding", "Which?", "choice", (Level(1, "a"), Level(2, "b"))),
    Question("signs", "Which signs?", "multiple_choice", (Level(1, "a"), Level(2, "b")), fewest=0),
    Question("size", "How large?", "number", minimum=0, maximum=30.5, unit="cm", required=False),
    Question("why", "Why?", "text", longest=300, after=After("signs", (2,))),
    Question("where", "Where?", "mark", shapes=("point",), most=3, allow_cannot_assess=False),
)


def test_every_kind_of_question_comes_back() -> None:
    protocol = Protocol(questions=ALL_KINDS, design="own cases", planned_readers=4, shown=("age", "sex"))
    protocol.check()
    assert from_toml(as_toml("A title", protocol).encode()) == ("A title", protocol)


def test_what_a_protocol_does_not_use_is_left_out() -> None:
    plain = tomllib.loads(as_toml("t", Protocol()))
    assert {"reading_blocks", "anchor_cases", "repeat_gap_cases", "session_hours", "practice"}.isdisjoint(
        plain
    )
    assert plain["questions"][0] == {
        "key": "agree", "text": "Do you fully agree with the label?", "kind": "yes_no",
        "allow_cannot_assess": True, "required": True,
        "endpoint": {
            "short": "Label agreement", "worse": "low", "less": "less agreement with the label",
            "more": "more agreement with the label",
        },
    }  # fmt: skip
    assert set(plain["questions"][1]) == {
        "key", "text", "kind", "levels", "allow_cannot_assess", "required", "endpoint",
    }  # fmt: skip
    by_key = {
        each["key"]: each for each in tomllib.loads(as_toml("t", Protocol(questions=ALL_KINDS)))["questions"]
    }
    assert {"shapes", "most"} <= set(by_key["where"])
    assert {"longest", "fewest", "unit"}.isdisjoint(by_key["where"])


@pytest.mark.parametrize(
    "changed",
    [{"anchor_cases": 8}, {"reading_blocks": 5}, {"repeat_gap_hours": 12.0}, {"session_hours": 3.0}],
)
def test_what_it_does_not_use_comes_back_where_it_was_changed(changed: dict[str, float]) -> None:
    question = replace(Protocol().questions[0], most=3, shapes=(), other=False)
    protocol = Protocol(questions=(question, *Protocol().questions[1:]), **changed)
    assert from_toml(as_toml("t", protocol).encode())[1] == protocol


@given(st.text(max_size=200).filter(lambda text: "\r" not in text))
def test_any_text_comes_back(text: str) -> None:
    protocol = Protocol(instructions=text)
    assert from_toml(as_toml(text, protocol).encode()) == (text, protocol)


def test_the_documented_example_is_read_and_nothing_in_it_is_a_default_by_mistake() -> None:
    text = re.search(r"## Protocol file.*?```toml\n(.*?)```", FORMATS.read_text(encoding="utf-8"), re.DOTALL)
    assert text is not None
    title, protocol = from_toml(text[1].encode())
    assert title == "Chest study"
    assert protocol.repeat_gap_hours == 24
    assert protocol.questions[1].after == After("agree", (0,))
    assert [level.label for level in protocol.questions[2].levels] == ["guess", "fairly", "certain"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xff", "cannot be read as TOML"),
        (b"a = ", "cannot be read as TOML"),
        (b"title = 'x'", "format = 1"),
        (b"format = 1\ntitle = 3", "title: expected a text"),
        (b"format = 1\nunheard = 3", "has no unheard"),
        (b"format = 1\nalpha = true", "alpha: expected a number"),
        (b"format = 1\nplanned_readers = 2.5", "planned_readers: expected a whole number"),
        (b"format = 1\nendpoints = ['sure']", "expected endpoints among"),
        (b"format = 1\nquestions = 3", "cannot be read"),
        (b"format = 1\n[[questions]]\nkey='a'\ntext='b'\nkind='magic'\n", "expected a kind of"),
        (b"format = 1\n" + b"#" * 1_000_001, "at most 1000000 bytes"),
    ],
)
def test_what_is_refused_names_itself(content: bytes, words: str) -> None:
    with pytest.raises(ProtocolError, match=words):
        from_toml(content)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"levels": ()}, "2 to 20 levels"),
        ({"levels": (Level(1, "a"), Level(1, "b"))}, "each with its own number"),
        ({"levels": (Level(2, "a"), Level(1, "b"))}, "in the order of their numbers"),
        ({"levels": (Level(1, "a"), Level(2, " "))}, "words for each level"),
        ({"key": "Sure"}, "small letters"),
        ({"text": " "}, "got a blank text"),
        ({"after": After("later", (1,))}, "not an earlier question"),
        ({"after": After("agree", (2,))}, "expected some of"),
        ({"fewest": 3, "most": 2}, "fewest <= most"),
        ({"longest": 0}, "longest text"),
    ],
)
def test_question_that_cannot_be_asked(change: dict[str, object], words: str) -> None:
    sure = Question("sure", "How sure?", "ordinal", (Level(1, "a"), Level(2, "b")))
    protocol = Protocol(questions=(Protocol().questions[0], replace(sure, **change)), endpoints=("agree",))
    with pytest.raises(ProtocolError, match=words):
        protocol.check()


def test_a_protocol_of_before_has_the_published_questions_as_endpoints_and_keeps_its_digest() -> None:
    old = tuple(replace(question, endpoint=None) for question in PUBLISHED_QUESTIONS)
    protocol = Protocol(questions=old)
    protocol.check()
    assert [measure_of(question) for question in old] == [each.endpoint for each in PUBLISHED_QUESTIONS]
    assert "endpoint" not in as_toml("t", protocol).replace("endpoints", "")
    assert all("endpoint" not in question for question in protocol.as_json()["questions"])
    other = replace(old[1], levels=(Level(0, "bad"), Level(1, "good")))
    assert measure_of(other) is None
    with pytest.raises(ProtocolError, match="expected endpoints among the questions"):
        Protocol(questions=(other,), endpoints=("quality",)).check()


WORDS = Measure("Sureness", "low", "lower sureness", "higher sureness")


@pytest.mark.parametrize(
    "change",
    [
        {"required": False},
        {"after": After("agree", (0,))},
        {"kind": "choice"},
        {"key": "sure_status"},
        {"endpoint": replace(WORDS, worse="middle")},
        {"endpoint": replace(WORDS, less="")},
        {"endpoint": replace(WORDS, short="x" * 61)},
    ],
)
def test_question_that_cannot_be_an_endpoint(change: dict[str, object]) -> None:
    sure = Question("sure", "How sure?", "ordinal", (Level(1, "a"), Level(2, "b")), endpoint=WORDS)
    agree = Protocol().questions[0]
    Protocol(questions=(agree, sure), endpoints=("agree", "sure")).check()
    with pytest.raises(ProtocolError, match=r"as endpoint|an endpoint"):
        Protocol(questions=(agree, replace(sure, **change)), endpoints=("agree",)).check()


GUESS = Question("guess", "Which kind is it?", "choice", (Level(1, "one"), Level(2, "other")), guess=True)


def test_a_guess_of_the_group_is_read_again_and_readers_do_not_get_that_it_is_one() -> None:
    protocol = Protocol(questions=(*PUBLISHED_QUESTIONS, GUESS))
    protocol.check()
    assert Protocol.from_json(protocol.as_json()) == protocol
    assert tomllib.loads(as_toml("t", protocol))["questions"][-1]["guess"] is True
    assert not any("guess" in question for question in protocol.asked())
    without = Protocol(questions=(*PUBLISHED_QUESTIONS, replace(GUESS, guess=False)))
    assert not any("guess" in question for question in without.as_json()["questions"])


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "ordinal"},
        {"kind": "text", "levels": ()},
        {"levels": tuple(Level(value, str(value)) for value in range(1, 5))},
        {"after": After("agree", (1,))},
    ],
)
def test_what_cannot_be_a_guess_of_the_group(change: dict[str, object]) -> None:
    with pytest.raises(ProtocolError, match=r"guess of the group|guesses no group"):
        Protocol(questions=(*PUBLISHED_QUESTIONS, replace(GUESS, **change))).check()
