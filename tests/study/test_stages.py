"""No image, no case page and no answer before every stage that the protocol asks for, in each design."""

from datetime import timedelta
from itertools import combinations, product
from typing import Any

import pytest
from django.utils import timezone

from readerstudy.study.models import DisplayCheck, PracticeReading, Rating, Reader, ReadingSession
from readerstudy.study.phases import Phase
from tests.guards import drop_guards
from tests.stock import Stock
from tests.study.reach import DESIGNS, SHUT, Reach, Visitor, in_phase, protocol_of
from tests.study.test_terms import SECOND, asked
from tests.study.test_visits import DISPLAY

pytestmark = pytest.mark.django_db

ASKED: dict[str, dict[str, Any]] = {
    "consent": {"consent": "I agree."},
    "terms": {},
    "instructions": {"instructions": "# Read"},
    "display": {"display_check": "block"},
    "practice": {},
}
"""The stages before reading, in their order, and what of the protocol asks for them."""

NOT_DONE: list[tuple[str, str, Any]] = [
    ("consent", "consent", {"accepted": False}),
    ("consent", "consent", {"accepted": "true"}),
    ("terms", "terms", {"accepted": False, "sha256": []}),
    ("terms", "terms", {"accepted": True, "sha256": ["0" * 64]}),
    ("display", "display", {**DISPLAY, "dark_seen": False}),
    ("display", "display", {**DISPLAY, "width": 800}),
]
"""What a reader may post to a stage without having done it."""


@pytest.fixture(autouse=True)
def _without_guards(db: None) -> None:
    drop_guards()


def visitor(stock: Stock, folder: Any, design: str, *stages: str, **changes: Any) -> Visitor:
    """Return a reader of whom these stages are asked, in a study that is read by this design."""
    protocol = protocol_of(design, **{k: v for stage in stages for k, v in ASKED[stage].items()}, **changes)
    found = Visitor(stock, protocol, folder, practice="practice" in stages)
    if "terms" in stages:
        asked(stock)
    return found


PRACTISING = Reach(frames={"p0", "p1"}, answers={"p0"})
READING = Reach(frames={0, 1}, answers={0})


@pytest.mark.parametrize("stage", ASKED)
@pytest.mark.parametrize("design", DESIGNS)
def test_a_stage_alone_keeps_everything_shut(stock: Stock, tmp_path: Any, design: str, stage: str) -> None:
    who = visitor(stock, tmp_path, design, stage)
    assert who.count >= 4
    assert who.reaches() == (stage, PRACTISING if stage == "practice" else SHUT)
    for of, what, body in NOT_DONE:
        if of == stage:
            who.room.post(f"/read/chest/{what}/", body)
            assert who.reaches() == (stage, SHUT)
    assert who.do(stage).status_code == 200
    assert who.reaches() == ("reading", READING)
    assert not Rating.objects.filter(assignment__reader=who.reader).exists()


@pytest.mark.parametrize("design", DESIGNS)
def test_all_stages_open_one_after_the_other(stock: Stock, tmp_path: Any, design: str) -> None:
    who = visitor(stock, tmp_path, design, *ASKED, repeat_fraction=0.25, repeat_gap_cases=1)
    for stage in ASKED:
        assert who.reaches() == (stage, PRACTISING if stage == "practice" else SHUT)
        assert who.do(stage).status_code == 200
    assert who.reaches() == ("reading", READING)


@pytest.mark.parametrize(("first", "later"), list(combinations(ASKED, 2)))
def test_a_later_stage_cannot_be_done_first(stock: Stock, tmp_path: Any, first: str, later: str) -> None:
    who = visitor(stock, tmp_path, "fully crossed", first, later)
    assert who.do(later).status_code in {400, 403}
    assert who.reaches() == (first, SHUT)
    assert not PracticeReading.objects.exclude(saved_at=None).exists()
    assert not DisplayCheck.objects.exists()
    assert who.do(first).status_code == 200
    assert who.reaches() == (later, PRACTISING if later == "practice" else SHUT)


@pytest.mark.parametrize(
    ("design", "back"),
    [
        *product(["fully crossed"], ["none", "last", "session"]),
        ("own cases", "last"),
        ("overlapping blocks", "session"),
    ],
)
def test_while_reading_only_the_current_the_next_and_what_may_be_changed_are_open(
    stock: Stock, tmp_path: Any, design: str, back: str
) -> None:
    """Sessions of 3 cases and 12 hours between them, to the end and beyond."""
    who = visitor(
        stock,
        tmp_path,
        design,
        back=back,
        session_cases=3,
        session_hours=12,
        repeat_fraction=0.25,
        repeat_gap_cases=1,
    )
    for place in range(who.count):
        session = set(range(place - place % 3, place))
        former = {"none": set(), "last": {place - 1} & set(range(place)), "session": session}[back]
        ahead = {place, place + 1} & set(range(who.count))
        assert who.reaches(place) == ("reading", Reach(ahead | former, former, {place} | former))
        assert who.post(place).status_code == 200
        read = place + 1
        kept = {"none": set(), "last": {place}, "session": set()}[back]
        if read % 3 == 0 and read < who.count:
            assert who.reaches(place) == ("break", Reach(kept, kept, kept))
            ReadingSession.objects.update(ended_at=timezone.now() - timedelta(hours=13))
    done = set(range(who.count - who.count % 3, who.count)) if back == "session" else kept
    assert who.reaches(who.count) == ("done", Reach(done, done, done))


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase is not Phase.READING])
@pytest.mark.parametrize("design", DESIGNS)
def test_outside_the_phase_of_reading_everything_is_shut(
    stock: Stock, tmp_path: Any, design: str, phase: Phase
) -> None:
    who = visitor(stock, tmp_path, design, back="session")
    who.post(0)
    assert 0 in who.reaches()[1].pages
    in_phase(stock.study, phase)
    assert who.reaches() == ("closed", SHUT)


@pytest.mark.parametrize("design", DESIGNS)
def test_who_has_withdrawn_reaches_nothing(stock: Stock, tmp_path: Any, design: str) -> None:
    who = visitor(stock, tmp_path, design, back="last")
    who.post(0)
    Reader.objects.filter(pk=who.reader.pk).update(withdrawn_at=timezone.now())
    assert who.reaches() == ("closed", SHUT)


@pytest.mark.parametrize("check", ["none", "warn", "block"])
def test_a_check_that_did_not_pass_counts_where_the_protocol_warns(
    stock: Stock, tmp_path: Any, check: str
) -> None:
    who = visitor(stock, tmp_path, "fully crossed", display_check=check)
    assert who.reaches() == (("reading", READING) if check == "none" else ("display", SHUT))
    told = who.room.post("/read/chest/display/", {**DISPLAY, "ramp_seen": False})
    assert told.status_code == (422 if check == "block" else 200)
    assert who.reaches() == (("display", SHUT) if check == "block" else ("reading", READING))


def test_each_session_wants_a_display_check_of_its_own(stock: Stock, tmp_path: Any) -> None:
    who = visitor(stock, tmp_path, "fully crossed", "display", session_cases=1)
    who.do("display")
    assert who.post(0).status_code == 200
    assert who.reaches() == ("display", SHUT)
    who.do("display")
    assert who.reaches() == ("reading", Reach(frames={1, 2}, answers={1}))


# In mid-session an answer is taken to an image that was shown, though a stage has come between: new terms, or a
# display check that has grown old. The other stages hold then as well, though the page shows them later.


def new_terms(stock: Stock, who: Visitor) -> None:
    asked(stock, SECOND)


def grown_old(stock: Stock, who: Visitor) -> None:
    DisplayCheck.objects.update(checked_at=timezone.now() - timedelta(hours=13))


@pytest.mark.parametrize(("between", "shown"), [(new_terms, "terms"), (grown_old, "display")])
def test_what_comes_between_in_mid_session_loses_no_answer(
    stock: Stock, tmp_path: Any, between: Any, shown: str
) -> None:
    who = visitor(stock, tmp_path, "fully crossed", "terms", "display")
    who.do("terms")
    who.do("display")
    between(stock, who)
    assert who.reaches() == (shown, Reach(answers={0}))
    who.do(shown)
    assert who.reaches() == ("reading", READING)


@pytest.mark.parametrize(("between", "shown"), [(new_terms, "terms"), (grown_old, "display")])
def test_what_comes_between_in_practice_loses_no_practice_answer_and_opens_no_other(
    stock: Stock, tmp_path: Any, between: Any, shown: str
) -> None:
    who = visitor(stock, tmp_path, "fully crossed", "terms", "display", "practice")
    who.do("terms")
    who.do("display")
    between(stock, who)
    assert who.reaches() == (shown, Reach(answers={"p0"}))


def test_new_terms_open_no_break(stock: Stock, tmp_path: Any) -> None:
    who = visitor(stock, tmp_path, "fully crossed", "terms", session_cases=1, session_hours=12)
    who.do("terms")
    who.post(0)
    assert who.reaches() == ("break", SHUT)
    new_terms(stock, who)
    assert who.reaches() == ("terms", SHUT)


@pytest.mark.parametrize("change", [{}, {"dark_seen": False}])
def test_new_terms_spare_nobody_the_display_check(
    stock: Stock, tmp_path: Any, change: dict[str, Any]
) -> None:
    """Not made at all, or made and not passed."""
    who = visitor(stock, tmp_path, "fully crossed", "terms", "display")
    who.do("terms")
    if change:
        who.room.post("/read/chest/display/", {**DISPLAY, **change})
    assert who.reaches() == ("display", SHUT)
    new_terms(stock, who)
    assert who.reaches() == ("terms", SHUT)


def test_a_check_that_did_not_pass_and_has_grown_old_is_none(stock: Stock, tmp_path: Any) -> None:
    who = visitor(stock, tmp_path, "fully crossed", "display")
    who.room.post("/read/chest/display/", {**DISPLAY, "light_seen": False})
    grown_old(stock, who)
    assert who.reaches() == ("display", SHUT)
