"""Everybody whom the matrix names, signed in, around the stock study; another study with a reader of its own."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client

from analysis.models import DataSet, Ensemble, Run
from readerstudy.ops.loading import load_into_study
from readerstudy.results.services import open_key
from readerstudy.study.design import lifecycle
from readerstudy.study.duties import add_member
from readerstudy.study.models import Assignment, Reader, Role, Study
from readerstudy.study.people.members import enrol_reader
from readerstudy.study.protocol import Protocol
from readerstudy.study.reading.answering import save_answers
from readerstudy.study.reading.stages import place_of
from tests.blinding.access import ROLES
from tests.guards import drop_guards
from tests.stock import PASSWORD, RUN_ID, Stock, decoded_here, look_for_names, make_case_set, person

METRICS = "seed,sparsity,class,positives,ap,auc,f1\n" + "".join(
    f"{seed},{sparsity},Hernia,3,{0.5 - sparsity / 4},0.8,0.4\n" for seed in (0, 1) for sparsity in (0.0, 0.9)
)
ANSWERED = {
    "agree": {"status": "answered", "value": 1},
    "quality": {"status": "answered", "value": 4},
    "difficulty": {"status": "cannot_assess", "value": None},
}
VISIT: dict[str, dict[str, Any]] = {
    "consent": {"accepted": True},
    "terms": {"accepted": True, "sha256": []},
    "keys": {"invert": "i"},
    "display": {
        "width": 1920, "height": 1080, "pixel_ratio": 1, "renderer": "canvas",
        "dark_seen": True, "light_seen": True, "ramp_seen": True,
    },
}  # fmt: skip
"""What the reading page posts beside answers."""


def make_bystanders(stock: Stock, folder: Path) -> None:
    """Add the statistician, a run, and another study of six cases in which Bert reads."""
    add_member(study=stock.study, person=person("Stan"), role=Role.STATISTICIAN, actor=stock.alice)
    other = lifecycle.create_study(slug="other", title="Other study", protocol=Protocol(), actor=None)
    case_set = make_case_set(folder, pairs=3, nonce=b"\x07" * 32, first=100)
    with decoded_here():
        load_into_study(study=other, folder=case_set.folder, actor=None)
    enrol_reader(study=other, person=person("Bert"), actor=None)
    look_for_names(other, None)
    lifecycle.lock(study=other, actor=None)
    lifecycle.start(study=other, actor=None)
    (folder / "metrics.csv").write_text(METRICS, encoding="utf-8")
    chests = DataSet.objects.create(slug="chests", section={}, classes=[{"name": "Hernia", "test": 3}])
    Ensemble.objects.create(slug="nets", data_set=chests, architecture="resnet18", checkpoints="nowhere")
    Run.objects.create(
        run_id=RUN_ID, name="A sweep", folder=str(folder), spec={"data": {"seed": 1}}, synthetic=True
    )


def to_phase(stock: Stock, phase: str) -> None:
    """Bring the stock study, which is being read, to a phase; an earlier one by taking the phase back."""
    study = stock.study
    if phase in {"draft", "locked"}:
        drop_guards()
        facts = {"locked_file": "", "protocol_sha256": ""} if phase == "draft" else {}
        Study.objects.filter(pk=study.pk).update(phase=phase, **facts)
    if phase in {"closed", "unblinded"}:
        lifecycle.close(study=study, actor=stock.alice, reason="everybody has finished")
    if phase == "unblinded":
        open_key(study=study, key=stock.case_set.key, reason="reading is over", actor=stock.alice)


def payload(**changes: Any) -> dict[str, Any]:
    """Return what the reading page posts."""
    return {
        "idempotency_key": str(uuid.uuid4()),
        "revision": 0,
        "answers": ANSWERED,
        "comment": "",
        "times": {"painted_ms": 0, "visible_ms": 4000, "hidden_ms": 0, "idle_ms": 0},
        "display": {"width": 1920, "height": 1080, "pixel_ratio": 1, "renderer": "canvas"},
        **changes,
    }


def read_all(reader: Reader, answer: Any = None) -> None:
    """Save an answer to every open case of a reader; `answer(case key)` may give other values."""
    while (current := place_of(reader).current) is not None:
        values = payload(**(answer(current.case.key) if answer else {}))
        values["idempotency_key"] = uuid.UUID(values["idempotency_key"])
        save_answers(reader=reader, public_id=current.public_id, **values)


@dataclass(frozen=True)
class Answer:
    """One response, its body read to the end, which closes its file."""

    status: int
    headers: dict[str, str]
    body: bytes
    cookies: str = ""

    @property
    def text(self) -> str:
        """Headers, cookies and body, one byte one character."""
        headers = "\n".join(f"{name}: {value}" for name, value in self.headers.items())
        return f"{headers}\n{self.cookies}\n\n{self.body.decode('latin-1')}"


@dataclass
class Crowd:
    """One client and everybody's session; each request is made as somebody and undone afterwards."""

    stock: Stock
    client: Client
    sessions: dict[str, str]
    names: dict[str, str]

    def address(self, template: str) -> str:
        """Fill the names of cases and runs into an address of the matrix."""
        return template.format(**self.names)

    def try_out(self, role: str, method: str, template: str) -> Answer:
        """Make a request of the matrix with a fitting body, and undo what it changed."""
        address = self.address(template)
        with undone():
            self.client.cookies = SimpleCookie(self.sessions[role])
            if method == "POST":
                response = self.client.post(address, **self._body(template))
            else:
                response = self.client.generic(method, address)
            answer = Answer(
                response.status_code, dict(response.items()), response.getvalue(), response.cookies.output()
            )
        return answer

    def _body(self, template: str) -> dict[str, Any]:
        if "/answers/" in template or "/preview/" in template:
            return {"data": payload(), "content_type": "application/json"}
        if template.startswith("/read/"):
            return {"data": VISIT.get(template.split("/")[3], {}), "content_type": "application/json"}
        if template.endswith("/key/"):
            sealed = SimpleUploadedFile("key.csv", self.stock.case_set.key.read_bytes())
            return {"data": {"key": sealed, "password": PASSWORD}}
        forms = {
            "/accounts/sign-in/": {"username": "charlie@example.org", "password": PASSWORD},
            "/accounts/me/profile/": {"name": "Somebody"},
            "/accounts/me/password/": {
                "password": PASSWORD,
                "new_password1": "moraine-valley-82",
                "new_password2": "moraine-valley-82",
            },
            "/results/chest/ask/": {"reason": "to see", "password": PASSWORD},
            "/accounts/me/elsewhere/": {"password": PASSWORD},
            "/studies/new/": {"title": "New", "slug": "new-one"},
            "/studies/chest/people/invite/": {"email": "nora@example.org", "role": "reader"},
            "/studies/chest/people/readers/R01/": {"reason": "no more time"},
            "/studies/chest/copy/": {"title": "Copy", "slug": "copy"},
            "/studies/chest/steps/close/": {"reason": "all done"},
            "/studies/chest/steps/lock/": {"confirm": "chest"},
        }
        return {"data": forms.get(template, {})}


@contextmanager
def undone() -> Iterator[None]:
    """Take back whatever happens inside."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def gather(stock: Stock) -> Crowd:
    """Sign everybody in and name the cases that the matrix speaks of."""
    from readerstudy.accounts.models import User

    client = Client(raise_request_exception=False)
    sessions = {"anonymous": ""}
    for role in ROLES[1:]:
        client.cookies = SimpleCookie()
        client.force_login(User.objects.get(email=f"{role}@example.org"))
        sessions[role] = f"sessionid={client.cookies['sessionid'].value}"
    bob, bella = (reader.assignments.order_by("position") for reader in stock.readers)
    bert = Assignment.objects.filter(study__slug="other").order_by("position")
    ids = {
        "current": bob[0], "following": bob[1], "later": bob[2], "bella": bella[0], "bert": bert[0],
    }  # fmt: skip
    names = {name: str(assignment.public_id) for name, assignment in ids.items()}
    shown = bob[0].case.key
    return Crowd(
        stock, client, sessions, {**names, "shown": shown, "nowhere": str(uuid.UUID(int=7)), "run": RUN_ID}
    )
