"""A reader's session under random faults, as a state machine of hypothesis; tests.drills.session runs it.

The machine keeps what must be true (`Desk`), drives two windows of one browser and a second reader, and after
every step compares the database with it. Nothing of the site is replaced but the clock.
"""

import uuid
from collections import Counter
from datetime import datetime, timedelta
from typing import Any
from unittest import mock

from django.contrib.sessions.models import Session
from django.utils import timezone
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.drills.rooms import PROTOCOLS, Broken, Desk
from tests.drills.visitor import DIED, REFUSED, SAVED, Browser, Sent, Window, die, in_children

TALLY: Counter[str] = Counter()
"""What happened over all examples, for the table."""

DISPLAY = {
    "width": 1920, "height": 1080, "pixel_ratio": 1, "renderer": "canvas",
    "dark_seen": True, "light_seen": True, "ramp_seen": True,
}  # fmt: skip
_scale = st.one_of(
    st.integers(1, 5).map(lambda value: {"status": "answered", "value": value}),
    st.just({"status": "cannot_assess", "value": None}),
)
ANSWERS = st.fixed_dictionaries(
    {
        "agree": st.integers(0, 1).map(lambda value: {"status": "answered", "value": value}),
        "quality": _scale,
        "difficulty": _scale,
    }
)
COMMENTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
FAULTS = st.sampled_from(
    ["none", "request lost", "answer lost", "sent twice", "killed before", "killed after"]
)
BAD: list[dict[str, Any]] = [
    {"answers": {}}, {"answers": [1]}, {"comment": "\0"}, {"comment": "\ud800"}, {"comment": 7}, {"revision": "1"},
    {"revision": -1}, {"idempotency_key": "key"}, {"times": {"visible_ms": -1}}, {"times": None}, {"display": []},
    {"marks": [{"question": "", "kind": "point", "points": [[10**400, 0]]}]}, {"more": 1}, {"revision": 10**30},
    {"answers": {"agree": {"status": "answered", "value": True}}},
]  # fmt: skip
JUMPS = [
    timedelta(minutes=5),
    timedelta(hours=2),
    timedelta(hours=13),
    timedelta(hours=-3),
    timedelta(days=-30),
]
MARGIN = timedelta(seconds=5)


class ReaderMachine(RuleBasedStateMachine):
    """One reader whose network, server, clock and windows misbehave, beside another who reads in peace."""

    @initialize(slug=st.sampled_from(sorted(PROTOCOLS)))
    def enter(self, slug: str) -> None:
        """Enrol two readers and sign them in."""
        self.offset = timedelta()
        real = timezone.now
        self.clock = mock.patch.object(timezone, "now", side_effect=lambda: real() + self.offset)
        self.clock.start()
        name = uuid.uuid4().hex
        self.slug = slug
        self.desk, self.other = Desk.of(slug, f"a{name}"), Desk.of(slug, f"b{name}")
        self.browser = Browser(self.desk.reader.person, slug)
        self.beside = Browser(self.other.reader.person, slug)
        self.browser.sign_in()
        self.beside.sign_in()
        TALLY["examples"] += 1

    def teardown(self) -> None:
        """Put the clock back, and compare the trail."""
        if hasattr(self, "clock"):
            self.clock.stop()
            self.desk.check_trail()
            self.other.check_trail()
            TALLY["requests"] += self.browser.requests + self.beside.requests
            TALLY["acknowledged"] += sum(
                len(rows) for rows in [*self.desk.rows.values(), *self.other.rows.values()]
            )

    # -- what the reader does ------------------------------------------------------------------------

    @rule(number=st.integers(0, 1))
    def look(self, number: int) -> None:
        """Ask for the state in a window; it then shows the current case."""
        self._look(self.browser, self.desk, self.browser.windows[number])

    @rule(number=st.integers(0, 1), answers=ANSWERS, comment=COMMENTS, fault=FAULTS)
    def answer_what_is_shown(self, number: int, answers: dict[str, Any], comment: str, fault: str) -> None:
        """Save the case that a window shows, however old that is."""
        window = self.browser.windows[number]
        if window.case is not None:
            self._deliver(
                self.browser, self.desk, window, self.browser.attempt(window, answers, comment), fault
            )

    @rule(number=st.integers(0, 1), answers=ANSWERS, comment=COMMENTS, fault=FAULTS)
    def answer_the_current_case(self, number: int, answers: dict[str, Any], comment: str, fault: str) -> None:
        """Look, do what the stage asks for, and save; without a fault this must succeed."""
        window = self.browser.windows[number]
        if self._ready(self.browser, self.desk, window):
            sent = self.browser.attempt(window, answers, comment)
            self._deliver(self.browser, self.desk, window, sent, fault, must=True)

    @rule(number=st.integers(0, 1), fault=FAULTS)
    def send_again(self, number: int, fault: str) -> None:
        """Send what was never answered, under the same key."""
        if self.browser.doubt:
            sent = self.browser.doubt[-1]
            must = self.desk.has(sent)
            self._deliver(self.browser, self.desk, self.browser.windows[number], sent, fault, must=must)

    @rule(number=st.integers(0, 1), steps=st.integers(1, 3), answers=ANSWERS, fault=FAULTS)
    def go_back_and_change(self, number: int, steps: int, answers: dict[str, Any], fault: str) -> None:
        """Go back as far as the page leads, and save that case again."""
        window = self.browser.windows[number]
        if self.slug == "plain" or not self._ready(self.browser, self.desk, window):
            return
        if not self.desk.read:  # something to go back to
            sent = self.browser.attempt(window, answers, "first")
            self._deliver(self.browser, self.desk, window, sent, "none", must=True)
        state = self._look(self.browser, self.desk, window)
        back, case = state["back"] if state else None, None
        for _ in range(steps):
            if back:
                answer = self.browser.get(back["case_url"])
                if answer.status_code != 200:
                    raise Broken("refused", f"the way back ended in {answer.status_code}")
                case = answer.json()
                back = case["back"]
        if case:
            self._check_shown(self.desk, case)
            window.case = case
            TALLY["went back"] += 1
            sent = self.browser.attempt(window, answers, "changed my mind")
            self._deliver(self.browser, self.desk, window, sent, fault, must=True)

    @rule(one=ANSWERS, two=ANSWERS, same=st.booleans())
    def save_in_both_windows_at_once(self, one: dict[str, Any], two: dict[str, Any], same: bool) -> None:
        """Two requests at the same moment: the same key twice, or two keys for one case."""
        first, second = self.browser.windows
        if not (self._ready(self.browser, self.desk, first) and self._ready(self.browser, self.desk, second)):
            return
        sents = [self.browser.attempt(first, one, "one"), self.browser.attempt(second, two, "two")]
        if same:
            sents[1] = sents[0]
        TALLY["at once"] += 1
        acts = [
            lambda sent=sent, window=window: self._code(self.browser.post(window, sent.url, sent.body))
            for sent, window in zip(sents, (first, second), strict=True)
        ]
        codes = in_children(acts)
        if sorted(codes) != ([SAVED, SAVED] if same else [SAVED, REFUSED]):
            raise Broken("doubled" if SAVED in codes else "refused", f"two requests at once ended as {codes}")
        self.desk.saved(sents[codes.index(SAVED)])

    @rule(kind=st.sampled_from(["pause", "begin", "consent", "display", "keys"]), number=st.integers(0, 1))
    def do_something_else(self, kind: str, number: int) -> None:
        """Post what is beside answering, whether it is due or not."""
        body = {"consent": {"accepted": True}, "display": DISPLAY, "keys": {"invert": "i"}}.get(kind, {})
        answer = self.browser.post(self.browser.windows[number], f"/read/{self.slug}/{kind}/", body)
        self._no_fault(answer)

    # -- what goes wrong around it -------------------------------------------------------------------

    @rule()
    def session_ends(self) -> None:
        """The session is gone on the server; the windows do not know."""
        Session.objects.filter(session_key=self.browser.client.cookies["sessionid"].value).delete()
        TALLY["sessions ended"] += 1

    @rule()
    def sign_in_again(self) -> None:
        """Sign in again; the windows are loaded again and show nothing yet."""
        self.browser.sign_in()

    @rule(number=st.integers(0, 1))
    def token_changes(self, number: int) -> None:
        """Another tab got a new token; only one of the windows is loaded with it."""
        self.browser.client.cookies.pop("csrftoken", None)
        self.browser.load(self.browser.windows[number])
        TALLY["tokens changed"] += 1

    @rule(jump=st.sampled_from(JUMPS))
    def clock_jumps(self, jump: timedelta) -> None:
        """The server's clock goes on or back."""
        self.offset += jump
        TALLY["clock jumps"] += 1

    @rule(change=st.sampled_from(BAD), number=st.integers(0, 1))
    def send_nonsense(self, change: dict[str, Any], number: int) -> None:
        """Send what no page sends: it is refused, whatever the case."""
        window = self.browser.windows[number]
        if self._ready(self.browser, self.desk, window):
            sent = self.browser.attempt(window, {"agree": {"status": "answered", "value": 1}}, "")
            answer = self.browser.post(window, sent.url, {**sent.body, **change})
            self._no_fault(answer)
            if answer.status_code == 200:
                raise Broken("silent", f"{change} was taken for an answer")
            TALLY["nonsense refused"] += 1

    @rule(place=st.integers(0, 5), what=st.sampled_from(["frames", "cases", "answers"]), ours=st.booleans())
    def reach_for_what_is_not_ours(self, place: int, what: str, ours: bool) -> None:
        """Ask for the other reader's cases, and for our own whose turn is far off."""
        far = [case for case in self.desk.order[self.desk.read + 2 :] if case not in self.desk.rows]
        wanted = far if ours else self.other.order
        if not wanted:
            return
        address = f"/read/{self.slug}/{what}/{wanted[place % len(wanted)]}/"
        if what == "answers":
            body = self.browser.attempt(Window(case={"id": "", "answer_url": "", "revision": 0}), {}, "").body
            body["answers"] = {
                name: {"status": "answered", "value": 1} for name in ("agree", "quality", "difficulty")
            }
            answer = self.browser.post(self.browser.windows[0], address, body)
        else:
            answer = self.browser.get(address)
        self._no_fault(answer)
        if answer.status_code == 200:
            raise Broken("foreign", f"{address} was given")
        TALLY["foreign refused"] += 1

    @rule(answers=ANSWERS)
    def the_other_reads(self, answers: dict[str, Any]) -> None:
        """The other reader saves a case, without any fault."""
        window = self.beside.windows[0]
        self.beside.sign_in()
        if self._ready(self.beside, self.other, window):
            self._deliver(
                self.beside, self.other, window, self.beside.attempt(window, answers, ""), "none", must=True
            )

    @precondition(lambda self: hasattr(self, "desk"))
    @invariant()
    def the_database_holds_what_was_acknowledged(self) -> None:
        """Compare all rows of both readers."""
        self.desk.check()
        self.other.check()
        TALLY["steps"] += 1

    # -- how it is done ------------------------------------------------------------------------------

    def _look(self, browser: Browser, desk: Desk, window: Window) -> dict[str, Any] | None:
        """Return the state and check it; None where the session is over. The window shows what it tells."""
        answer = browser.get(f"/read/{self.slug}/state/")
        if answer.status_code != 200:
            self._no_fault(answer)
            return None
        state: dict[str, Any] = answer.json()
        practising = state["stage"] == "practice" or any(case not in desk.rows for case in desk.practice)
        if state["stage"] in {"reading", "practice"} and state["case"]["id"] != desk.current:
            raise Broken("place", f"the page shows {state['case']['id']}, the turn is {desk.current}'s")
        if not practising and state["position"] != min(desk.read + 1, len(desk.order)):
            raise Broken("place", f"position {state['position']} after {desk.read} of {len(desk.order)}")
        if state["case"]:
            window.case = state["case"]
            self._check_shown(desk, state["case"])
            frame = browser.get(state["case"]["frame_url"])
            if frame.status_code != 200 or not frame.body:
                raise Broken("refused", f"the current frame came with {frame.status_code}")
        return state

    def _check_shown(self, desk: Desk, case: dict[str, Any]) -> None:
        rows = desk.rows.get(case["id"], [])
        if case["id"] not in {*desk.order, *desk.practice}:
            raise Broken("foreign", f"the page shows {case['id']}")
        if case["id"] not in desk.practice and case["revision"] != len(rows):
            raise Broken("silent", f"the page shows revision {case['revision']} of {len(rows)}")
        if rows and case["answers"] != rows[-1].body["answers"]:
            raise Broken("silent", "the page shows other answers than the last that were saved")

    def _ready(self, browser: Browser, desk: Desk, window: Window) -> bool:
        """Bring a window to the current case by doing what each stage asks for; False where nothing is to be read."""
        for _ in range(6):
            state = self._look(browser, desk, window)
            if state is None:
                browser.sign_in()
            elif state["stage"] in {"reading", "practice"}:
                browser.load(window)
                return True
            elif state["stage"] == "break":
                self.offset += datetime.fromisoformat(state["session"]["until"]) - timezone.now() + MARGIN
            elif state["stage"] in {"done", "closed"}:
                return False
            else:
                browser.load(window)
                step = {"consent": "consent", "instructions": "begin", "display": "display"}[state["stage"]]
                body = {"consent": {"accepted": True}, "display": DISPLAY}.get(step, {})
                self._no_fault(browser.post(window, f"/read/{self.slug}/{step}/", body))
        raise Broken("refused", "six steps did not lead to a case")

    def _deliver(
        self, browser: Browser, desk: Desk, window: Window, sent: Sent, fault: str, *, must: bool = False
    ) -> None:
        """Bring an attempt to the server under a fault, and note what must be true afterwards."""
        if fault != "none":
            TALLY[f"fault: {fault}"] += 1
        if must:
            self._stay_signed_in(browser, window)
        if sent in browser.doubt:
            browser.doubt.remove(sent)
        if fault == "request lost":
            browser.doubt.append(sent)
            return
        if fault.startswith("killed"):
            self._killed(browser, desk, window, sent, before=fault == "killed before")
            return
        for _ in range(2 if fault == "sent twice" else 1):
            answer = browser.post(window, sent.url, sent.body)
            self._judge(desk, sent, answer, must)
        if fault == "answer lost":
            browser.doubt.append(sent)

    def _stay_signed_in(self, browser: Browser, window: Window) -> None:
        """Sign in if the session is over, and load the window: what is sent then has no reason to be refused."""
        if browser.get(f"/read/{self.slug}/state/").status_code != 200:
            browser.sign_in()
        browser.load(window)

    def _killed(self, browser: Browser, desk: Desk, window: Window, sent: Sent, *, before: bool) -> None:
        def act() -> int:
            for patch in die(before):
                patch.start()
            return self._code(browser.post(window, sent.url, sent.body))

        (code,) = in_children([act])
        if code == SAVED and not desk.has(sent):
            raise Broken("silent", "an answer was saved without a word in the trail")
        if code == DIED and not before:
            desk.saved(sent)
        browser.doubt.append(sent)
        TALLY["kills"] += code == DIED

    def _judge(self, desk: Desk, sent: Sent, answer: Any, must: bool) -> None:
        self._no_fault(answer)
        if answer.status_code == 200:
            desk.saved(sent)
            return
        TALLY["refused"] += 1
        if must:
            raise Broken(
                "refused",
                f"a save that was due was answered by {answer.status_code} {answer.content[:200]!r}",
            )
        if answer.status_code == 409:
            rows = desk.rows.get(sent.case, [])
            told = answer.json()["stored"]
            if not rows or told["answers"] != rows[-1].body["answers"] or told["revision"] != len(rows):
                raise Broken("silent", "a refusal tells other answers than the last that were saved")

    @staticmethod
    def _code(answer: Any) -> int:
        if answer.status_code >= 500:
            raise RuntimeError(answer.content)
        return SAVED if answer.status_code == 200 else REFUSED

    @staticmethod
    def _no_fault(answer: Any) -> None:
        if answer.status_code >= 500:
            raise Broken("refused", f"the server answered {answer.status_code}")
