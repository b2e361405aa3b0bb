"""What people did on the stored site, and how one reads on: through the product's services and pages.

It runs in a process of the site.
"""

import json
import random
import uuid
from typing import Any

from django.conf import settings

from analysis.models import Run, Unit
from analysis.services import control, ledger
from analysis.services.findings import Choices
from analysis.services.findings_files import make_set
from readerstudy.accounts.models import User
from readerstudy.accounts.services import grant_researcher
from readerstudy.ops.loading import load_into_study
from readerstudy.study.design import lifecycle
from readerstudy.study.models import Study
from readerstudy.study.people.invitations import invite
from readerstudy.study.people.members import enrol_reader, withdraw_reader
from readerstudy.study.protocol import Protocol, Question
from readerstudy.study.protocol.presets import PUBLISHED_QUESTIONS
from tests.blinding.crowd import VISIT
from tests.drills.visitor import Browser, Window
from tests.stock import PASSWORD, look_for_names, person
from tests.upgrade.making import DONE, HALF, LEFT, PRACTICE, SPARSITIES


def come() -> None:
    """Make people and two studies, read one to the half and one to its end; leave what people leave behind."""
    alice, bob, bella, bert, rita = (person(name) for name in ("Alice", "Bob", "Bella", "Bert", "Rita"))
    grant_researcher(user=rita, actor=User.objects.get(email="olga@example.org"))
    half = _started(HALF, alice, (bob, bella), _protocol(), practice=True)
    read(bob, HALF, leave=LEFT)
    read(bella, HALF, leave=9)
    gone = half.readers.get(person=bella)
    withdraw_reader(study=half, pseudonym=gone.pseudonym, reason="no more time", actor=alice)
    invite(
        study=half, email="nora@example.org", role="reader", actor=alice, link_for=lambda token: f"/{token}",
        replaces=gone.pseudonym,
    )  # fmt: skip
    protocol = Protocol(
        planned_readers=3, subgroups=("class_group", "n_findings"), repeat_fraction=0.25, repeat_gap_cases=2
    )  # fmt: skip
    done = _started(DONE, alice, (bob, bella, bert), protocol)
    for each in (bob, bella, bert):
        read(each, DONE)
    lifecycle.close(study=done, actor=alice, reason="everybody has finished")
    lifecycle.create_study(slug="draft", title="A draft", protocol=_protocol(), actor=alice)
    _analyse_and_sweep_half()


def _protocol() -> Protocol:
    return Protocol(
        questions=(*PUBLISHED_QUESTIONS, Question("finding", "What else do you see?", "text", required=False)),
        instructions="Read each image.", consent="You take part of your own accord.", repeat_fraction=0.2,
        repeat_gap_cases=1, back="last", display_check="warn", endpoints=("agree", "quality"), alpha=0.1,
        multiplicity="none", shortest_s=0.5,
    )  # fmt: skip


def _started(
    slug: str, admin: User, readers: tuple[User, ...], protocol: Protocol, *, practice: bool = False
) -> Study:
    study = lifecycle.create_study(slug=slug, title=f"The study {slug}", protocol=protocol, actor=admin)
    load_into_study(study=study, folder=settings.CASE_SETS / slug, actor=admin)
    study.refresh_from_db()
    if practice:
        load_into_study(practice=True, study=study, folder=settings.CASE_SETS / PRACTICE, actor=admin)
        study.refresh_from_db()
    for each in readers:
        enrol_reader(study=study, person=each, actor=admin)
    look_for_names(study, admin)
    lifecycle.lock(study=study, actor=admin)
    return lifecycle.start(study=study, actor=admin)


def _analyse_and_sweep_half() -> None:
    """Make the findings of the finished run as its page does, and leave another run half swept."""
    make_set(run=Run.objects.get(), choices=Choices(fraction=0.2, condition=SPARSITIES[1]))
    control.register_run(
        run_id="0123456789abcdef", name="A sweep", folder=settings.RUNS_ROOT / "begun", spec={"data": {"name": "x"}},
        synthetic=True, units=[Unit(key=f"seed-{number}_sparsity-0.90", member=number) for number in range(3)],
    )  # fmt: skip
    ledger.finish(ledger.claim_next(worker="w", lease_seconds=60), artefacts={"a.npy": "0" * 64})
    ledger.claim_next(worker="w", lease_seconds=60)


def read(person: User, slug: str, *, leave: int = 0) -> int:
    """Let a person read in a browser from wherever the visit is; return how many readings were saved."""
    browser = Browser(person, slug)
    window, saved = browser.windows[0], 0
    _sign_in(browser, window)
    state = json.loads(browser.get(f"/read/{slug}/state/").body)
    while not state["done"]:
        if state["stage"] == "reading" and state["total"] - state["position"] < leave:
            break
        saved += state["stage"] == "reading"
        state = _step(browser, window, state)
    return saved


def _sign_in(browser: Browser, window: Window) -> None:
    browser.get("/accounts/sign-in/")
    token = browser.client.cookies["csrftoken"].value
    form = {"username": browser.person.email, "password": PASSWORD, "csrfmiddlewaretoken": token}
    assert browser.client.post("/accounts/sign-in/", form).status_code == 302
    browser.load(window)


def _step(browser: Browser, window: Window, state: dict[str, Any]) -> dict[str, Any]:
    """Do what the page asks for: confirm, or look at the image and answer; return the new state."""
    if state["case"] is None:
        address, body = {
            "consent": (state["urls"]["consent"], {"accepted": True}),
            "terms": (
                state["urls"]["terms"],
                {"accepted": True, "sha256": [each["sha256"] for each in state["terms"]]},
            ),
            "instructions": (state["urls"]["begin"], {}),
            "display": (state["urls"]["display"], VISIT["display"]),
        }[state["stage"]]
    else:
        assert browser.get(state["case"]["frame_url"]).status_code == 200
        window.case = state["case"]
        address, body = state["case"]["answer_url"], _answers(browser, state)
    answer = browser.post(window, address, body)
    assert answer.status_code == 200, (state["stage"], answer.content)
    return dict(answer.json()["state"])


def _answers(browser: Browser, state: dict[str, Any]) -> dict[str, Any]:
    rng = random.Random(f"{browser.slug} {browser.person.email} {state['stage']} {state['position']}")
    sheet: dict[str, Any] = {}
    for question in state["case"]["questions"]:
        levels = {"yes_no": [0, 1], "text": [f"nothing, {rng.random():.3f}"]}
        values = levels.get(question["kind"]) or [level["value"] for level in question["levels"]]
        sheet[question["key"]] = {"status": "answered", "value": rng.choice(values)}
    if rng.random() < 0.1:
        sheet["quality"] = {"status": "cannot_assess", "value": None}
    return {
        "idempotency_key": str(uuid.UUID(int=rng.getrandbits(128))), "revision": state["case"]["revision"],
        "answers": sheet, "comment": f"reading {state['position']}",
        "times": {"painted_ms": 0, "visible_ms": rng.randrange(800, 20_000), "hidden_ms": 0, "idle_ms": 0},
        "display": {"width": 1920, "height": 1080, "pixel_ratio": 1, "renderer": "canvas"},
    }  # fmt: skip
