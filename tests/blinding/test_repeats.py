"""Hidden repeats: by what a script at the reader's end does not recognise them, and by what it still can."""

import hashlib
import itertools
import json
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import scipy.stats
from django.test import Client

from readerstudy.cases.frame import MASK_BYTES, decode_frame
from readerstudy.ops.loading import load_into_study
from readerstudy.study.design import lifecycle
from readerstudy.study.models import Assignment
from readerstudy.study.people.members import enrol_reader
from readerstudy.study.protocol import Protocol
from tests.blinding.crowd import payload
from tests.served import unmasked
from tests.stock import Stock, decoded_here, look_for_names

pytestmark = pytest.mark.django_db
REPEATS = 5


@dataclass(frozen=True)
class Shown:
    """One presentation as a reader's browser gets it, and, to count with, which case it was."""

    case: str
    told: dict[str, Any]
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def pixels(self) -> np.ndarray:
        """The picture, as the page decodes it."""
        frame = self.told["frame"]
        return decode_frame(unmasked(self.body), frame["rows"], frame["columns"], frame["bits"])


@pytest.fixture
def shown(stock: Stock) -> list[Shown]:
    """Let Charlie read ten cases, five of them twice, and keep all that arrives."""
    protocol = Protocol(repeat_fraction=REPEATS / 10, repeat_gap_cases=1, planned_readers=1)
    study = lifecycle.create_study(slug="twice", title="Twice", protocol=protocol, actor=stock.alice)
    with decoded_here():
        load_into_study(study=study, folder=stock.case_set.folder, actor=stock.alice)
    enrol_reader(study=study, person=stock.charlie, actor=stock.alice)
    look_for_names(study, stock.alice)
    lifecycle.lock(study=study, actor=stock.alice)
    lifecycle.start(study=study, actor=stock.alice)
    client, kept = Client(), []
    client.force_login(stock.charlie)
    while (told := client.get("/read/twice/state/").json()["case"]) is not None:
        answer = client.get(told["frame_url"])
        case = Assignment.objects.get(public_id=told["id"]).case.key
        headers = tuple((name, value) for name, value in answer.items() if name != "Date")
        kept.append(Shown(case, told, headers, answer.content))
        client.post(told["answer_url"], payload(), content_type="application/json")
    assert len(kept) == 10 + REPEATS
    return kept


def recognised(shown: list[Shown], mark: Callable[[Shown], Hashable]) -> int:
    """Count the repeats that a mark finds: the same at both presentations of a case, and at no other case."""
    marks = [(each.case, mark(each)) for each in shown]
    return sum(
        first[1] == second[1] and {case for case, value in marks if value == first[1]} == {first[0]}
        for first, second in itertools.combinations(marks, 2)
        if first[0] == second[0]
    )


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


MARKS: dict[str, Callable[[Shown], Hashable]] = {
    "digest": lambda each: digest(each.body),
    "digest behind the mask": lambda each: digest(each.body[MASK_BYTES:]),
    "digest of the end": lambda each: digest(each.body[-512:]),
    "length": lambda each: len(each.body),
    "headers, an ETag among them": lambda each: each.headers,
    "address": lambda each: each.told["frame_url"],
    "id": lambda each: each.told["id"],
}


@pytest.mark.parametrize("mark", MARKS)
def test_no_repeat_is_recognised_by_what_arrives(shown: list[Shown], mark: str) -> None:
    assert recognised(shown, MARKS[mark]) == 0


def test_two_answers_have_no_more_bytes_in_common_than_chance(shown: list[Shown]) -> None:
    """Every answer is masked differently, so a bound must be one that chance passes: less than once in 10^9 runs."""
    bodies = [np.frombuffer(each.body, np.uint8) for each in shown]
    pairs = list(itertools.combinations(bodies, 2))
    bound = scipy.stats.binom.isf(1e-9 / len(pairs), len(bodies[0]), 1 / 256)
    assert max(int(np.sum(one == other)) for one, other in pairs) <= bound


def test_an_image_that_is_fetched_again_is_other_bytes_too(stock: Stock) -> None:
    client = Client()
    client.force_login(stock.bob)
    url = client.get("/read/chest/state/").json()["case"]["frame_url"]
    first, second = (client.get(url) for _ in range(2))
    assert first.content != second.content
    assert unmasked(first.content) == unmasked(second.content)
    assert list(first.items()) == list(second.items())
    assert "ETag" not in first
    assert first["Cache-Control"] == "private, no-store"


def test_what_remains_is_the_picture_and_what_is_told_of_it(shown: list[Shown]) -> None:
    """This is no secret and is written in docs/blinding.md: decoding finds all repeats."""
    assert recognised(shown, lambda each: digest(each.pixels.tobytes())) == REPEATS
    assert recognised(shown, lambda each: digest(unmasked(each.body))) == REPEATS
    same = ("frame", "labels", "shown", "questions")
    for one, other in itertools.combinations(shown, 2):
        if one.case == other.case:
            assert [json.dumps(one.told[name]) for name in same] == [
                json.dumps(other.told[name]) for name in same
            ]
