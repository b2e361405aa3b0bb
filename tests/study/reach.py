"""What a reader can reach at a moment: images, case pages and answers of theirs are tried, and undone."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from readerstudy.study.design.terms import waiting
from readerstudy.study.models import Reader, Study
from readerstudy.study.protocol import Protocol
from tests.blinding.crowd import payload, undone
from tests.stock import Stock, decoded_here
from tests.study.test_visits import DISPLAY, Room, build, make_empty

DESIGNS: dict[str, dict[str, Any]] = {
    "fully crossed": {},
    "own cases": {"planned_readers": 2},
    "overlapping blocks": {"planned_readers": 2, "reading_blocks": 2, "anchor_cases": 2},
}
"""Each design with what it needs; a first reader has at least 4 of the 10 stock cases in each."""


@dataclass
class Reach:
    """Places in the reader's order, from 0; practice cases are p0, p1 ...

    `frames`: whose pixels are served; `pages`: read cases that are shown again; `answers`: to which one is saved.
    """

    frames: set[Any] = field(default_factory=set)
    pages: set[Any] = field(default_factory=set)
    answers: set[Any] = field(default_factory=set)


SHUT = Reach()


class Visitor:
    """One reader before the reading room, and everything of theirs that has an address."""

    def __init__(self, stock: Stock, protocol: Protocol, folder: Any, *, practice: bool = False) -> None:
        if not practice:  # with practice cases `build` does the same: the reader who is enrolled is the first
            Reader.objects.filter(study=stock.study).update(study=make_empty(stock))
        with decoded_here():
            self.reader = build(stock, protocol, folder, practice=practice)
        self.room = Room(self.reader)
        rows = [(f"p{place}", row) for place, row in enumerate(self.reader.practice.order_by("position"))]
        rows += list(enumerate(self.reader.assignments.order_by("position")))
        self.ids = {name: str(row.public_id) for name, row in rows}

    @property
    def count(self) -> int:
        """How many cases of the study there are to read, repeats too."""
        return sum(isinstance(name, int) for name in self.ids)

    def reaches(self, near: int = 0) -> tuple[str, Reach]:
        """Return the stage, and what of the cases around a place can be reached, and of the last and of practice."""
        state = self.room.state()
        told = {state[each]["id"] for each in ("case", "next") if state[each]}
        around = {self.count - 1, *range(near - 2, near + 3)}
        reach = self.reach([name for name in self.ids if isinstance(name, str) or name in around])
        assert told == {self.ids[name] for name in reach.frames - reach.pages}
        return state["stage"], reach

    def reach(self, names: Iterable[Any]) -> Reach:
        """Try the addresses of these cases; an answer that is taken is taken back."""
        found = Reach()
        for name in names:
            for which, got in (("frames", found.frames), ("cases", found.pages)):
                answer = self.room.client.get(f"/read/chest/{which}/{self.ids[name]}/")
                assert answer.status_code in {200, 404}
                if answer.status_code == 200:
                    assert len(answer.getvalue()) > 50
                    got.add(name)
            with undone():
                if self.post(name).status_code == 200:
                    found.answers.add(name)
        return found

    def post(self, name: Any) -> Any:
        """Post an answer to a case, as a change where it was read before."""
        row = self.reader.assignments.filter(public_id=self.ids[name]).first()
        body = payload(revision=row.revision if row else 0)
        return self.room.post(f"/read/chest/answers/{self.ids[name]}/", body)

    def do(self, stage: str) -> Any:
        """Do what a stage asks for, whether it is due or not; return the last answer."""
        if stage == "practice":
            return [self.post(name) for name in self.ids if not isinstance(name, int)][-1]
        terms = [each.sha256 for each in waiting(self.reader.study, self.reader.person)]
        body = {
            "consent": {"accepted": True}, "terms": {"accepted": True, "sha256": terms}, "display": DISPLAY,
        }  # fmt: skip
        what = "begin" if stage == "instructions" else stage
        return self.room.post(f"/read/chest/{what}/", body.get(stage, {}))


def protocol_of(design: str, **changes: Any) -> Protocol:
    """Return a protocol of a design."""
    return Protocol(design=design, **{**DESIGNS[design], **changes})


def in_phase(study: Study, phase: str) -> None:
    """Put a study into a phase; the guards are gone."""
    Study.objects.filter(pk=study.pk).update(phase=phase)
