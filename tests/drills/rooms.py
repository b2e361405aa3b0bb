"""Studies of several protocols for the session drill, and what must be true of one reader's rows at any moment."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from readerstudy.accounts.models import User
from readerstudy.audit.models import Event
from readerstudy.ops.loading import load_into_study
from readerstudy.study.design import lifecycle
from readerstudy.study.models import PracticeReading, Rating, Reader, Study
from readerstudy.study.people.members import enrol_reader
from readerstudy.study.protocol import Protocol
from tests.drills.visitor import Sent
from tests.stock import look_for_names, make_case_set

PROTOCOLS = {
    "plain": Protocol(),
    "last": Protocol(back="last", consent="I agree to take part.", instructions="# Read each image"),
    "session": Protocol(back="session", session_cases=3, session_hours=1.0, display_check="block"),
    "practice": Protocol(back="session", repeat_fraction=0.5, repeat_gap_cases=1),
}
"""By short name of the study. Together they have every stage of a visit and every way to go back."""


class Broken(AssertionError):
    """Something that must never be: `kind` is lost, doubled, silent, foreign, place or refused."""

    def __init__(self, kind: str, what: str) -> None:
        super().__init__(f"{kind}: {what}")
        self.kind = kind


def open_rooms(folder: Path) -> None:
    """Make a study of each protocol, being read."""
    for number, (slug, protocol) in enumerate(PROTOCOLS.items()):
        made = make_case_set(folder / slug, pairs=3, nonce=bytes([number + 1]) * 32)
        study = lifecycle.create_study(slug=slug, title=slug.title(), protocol=protocol, actor=None)
        load_into_study(study=study, folder=made.folder, actor=None)
        if slug == "practice":
            other = make_case_set(folder / "warm-up", pairs=1, nonce=b"\x77" * 32)
            load_into_study(practice=True, study=study, folder=other.folder, actor=None)
        enrol_reader(study=study, person=new_person(f"first-{slug}"), actor=None)
        look_for_names(study, None)
        lifecycle.lock(study=study, actor=None)
        lifecycle.start(study=study, actor=None)


def new_person(name: str) -> User:
    """Make a person who is signed in by the drill, never by a password."""
    return User.objects.create(email=f"{name}@example.org", name=name, password="!")


@dataclass
class Desk:
    """What one reader must have in the database: their cases in order, and what was saved of each."""

    reader: Reader
    practice: list[str] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    rows: dict[str, list[Sent]] = field(default_factory=dict)

    @classmethod
    def of(cls, slug: str, name: str) -> "Desk":
        """Enrol somebody new in a study."""
        study = Study.objects.get(slug=slug)
        made = enrol_reader(study=study, person=new_person(name), actor=None)
        reader = Reader.objects.select_related("study", "person").get(pk=made.pk)
        practice = reader.practice.order_by("position").values_list("public_id", flat=True)
        order = reader.assignments.order_by("position").values_list("public_id", flat=True)
        return cls(reader, [str(each) for each in practice], [str(each) for each in order])

    @property
    def read(self) -> int:
        """How many cases of the study have an answer."""
        return sum(case in self.rows for case in self.order)

    @property
    def current(self) -> str | None:
        """The case whose turn it is: practice first."""
        return next((case for case in [*self.practice, *self.order] if case not in self.rows), None)

    def has(self, sent: Sent) -> bool:
        """Say whether this key is saved."""
        return any(row.key == sent.key for row in self.rows.get(sent.case, []))

    def saved(self, sent: Sent) -> None:
        """Note what the server says it has saved; it must have been this case's turn, or one to go back to.

        Raises
        ------
        Broken: it was saved out of turn, or over something that the window had not seen.
        """
        if self.has(sent):
            return
        before = self.rows.get(sent.case, [])
        if sent.body["revision"] != len(before):
            raise Broken("silent", f"revision {sent.body['revision']} was saved over {len(before)}")
        if not before and sent.case != self.current:
            raise Broken("place", f"{sent.case} was saved, the turn was {self.current}'s")
        if before and (sent.case in self.practice or self.reader.study.slug == "plain"):
            raise Broken("place", f"{sent.case} was changed where nobody goes back")
        self.rows.setdefault(sent.case, []).append(sent)

    def check(self) -> None:
        """Compare the database with what was acknowledged, row by row.

        Raises
        ------
        Broken: lost, doubled, changed, or out of place.
        """
        found: dict[str, list[tuple[str, int, Any, str]]] = {}
        ratings = Rating.objects.filter(assignment__reader=self.reader).order_by("revision")
        for key, revision, answers, comment, case in ratings.values_list(
            "idempotency_key", "revision", "answers", "comment", "assignment__public_id"
        ):
            found.setdefault(str(case), []).append((str(key), revision, answers, comment))
        done = PracticeReading.objects.filter(reader=self.reader).exclude(saved_at=None)
        for key, answers, comment, case in done.values_list(
            "idempotency_key", "answers", "comment", "public_id"
        ):
            found.setdefault(str(case), []).append((str(key), 1, answers, comment))
        wanted = {
            case: [
                (sent.key, number, sent.body["answers"], sent.body["comment"].strip())
                for number, sent in enumerate(rows, 1)
            ]
            for case, rows in self.rows.items()
        }
        if found != wanted:
            self._tell(found, wanted)
        if [case for case in self.order if case in found] != self.order[: self.read]:
            raise Broken("place", "the cases that were read are not the first ones of the order")
        revisions = dict(self.reader.assignments.values_list("public_id", "revision"))
        if any(len(found.get(str(case), [])) != revision for case, revision in revisions.items()):
            raise Broken("silent", "a case counts other revisions than it has")

    @staticmethod
    def _tell(found: dict[str, Any], wanted: dict[str, Any]) -> None:
        for case in {**found, **wanted}:
            there, should = found.get(case, []), wanted.get(case, [])
            if len(there) < len(should):
                raise Broken("lost", f"{case}: expected {should}, {there} is there")
            if len(there) > len(should):
                raise Broken("doubled", f"{case}: expected {should}, {there} is there")
            if there != should:
                raise Broken("silent", f"{case}: expected {should}, {there} is there")

    def check_trail(self) -> None:
        """Compare the audit trail with what was acknowledged.

        Raises
        ------
        Broken: the trail tells otherwise.
        """
        events = Event.objects.filter(kind="answers.saved", subject__in=self.order).order_by("sequence")
        told: dict[str, list[Any]] = {}
        for case, values in events.values_list("subject", "values"):
            told.setdefault(case, []).append(values["answers"])
        wanted = {
            case: [sent.body["answers"] for sent in rows]
            for case, rows in self.rows.items()
            if case in self.order
        }
        if told != wanted:
            raise Broken("silent", f"the trail tells {told}, saved were {wanted}")
