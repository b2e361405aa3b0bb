"""Channels that are guarded by looking at everything that somebody can fetch, and at what comes of it."""

import json
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import ModuleType

import pytest
from django.contrib import admin
from django.core import mail
from django.http import HttpRequest, HttpResponse
from django.test import Client, TestCase
from django.urls import clear_url_caches, get_resolver, include, path, set_urlconf

from readerstudy.cases.models import Case
from readerstudy.ops.loading import load_into_study
from readerstudy.results import services as unblinding
from readerstudy.study.design import lifecycle
from readerstudy.study.models import Assignment, Rating, Reader, Study
from readerstudy.study.orders.order import Slot, smallest_gap
from readerstudy.study.people.members import enrol_reader, send_reminder
from readerstudy.study.phases import Phase
from readerstudy.study.protocol import Protocol
from tests.blinding.access import ADMIN_PREFIX, ROLES, rules
from tests.blinding.channels import Check, Scene
from tests.blinding.crowd import read_all, to_phase
from tests.blinding.test_access import ADDRESSES, filled, routes
from tests.blinding.test_words import told
from tests.blinding.visit import frozen_randomness, short_visit, thrown_away
from tests.guards import drop_guards
from tests.served import unmasked
from tests.stock import SECRETS, fresh, look_for_names, person

BLINDED = [role for role in ROLES if role not in {"rita", "olga"}]
"""Everybody but those who may open sweeps, who can read no study."""

TOKEN = re.compile(rb"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}|[0-9a-f]{32,64}")


class Tattler:
    """A middleware that says too much, in the way that a check has planted."""

    say: Callable[[HttpRequest, HttpResponse], None] = staticmethod(lambda request, response: None)

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        type(self).say(request, response)
        return response


def tattling(scene: Scene, planted: bool, say: Callable[[HttpRequest, HttpResponse], None]) -> None:
    """Put the tattler in front of the site, if the leak is to be planted."""
    usual = [each for each in scene.settings.MIDDLEWARE if "Tattler" not in each]
    Tattler.say = staticmethod(say)
    scene.settings.MIDDLEWARE = [f"{__name__}.Tattler", *usual] if planted else usual
    scene.crowd.client.handler._middleware_chain = None  # or the client keeps the chain of its first request


def shared_names(scene: Scene, planted: bool) -> list[str]:
    """Compare the long random names that two readers are shown; none may be in both visits."""
    key = next(iter(scene.arms))

    def say(request: HttpRequest, response: HttpResponse) -> None:
        response["X-Case"] = key

    tattling(scene, planted, say)
    seen = []
    for reader in scene.stock.readers:
        client = Client()
        client.force_login(reader.person)
        with thrown_away():
            fetched = [client.get("/read/chest/state/"), client.get("/read/chest/")]
            seen.append({token for each in fetched for token in TOKEN.findall(each.serialize())})
    assert all(seen)
    return sorted(token.decode() for token in seen[0] & seen[1])


def neighbours(scene: Scene, planted: bool) -> list[str]:
    """Look how near each other the members of one group are; the plant sorts by group."""
    with thrown_away():
        for reader in scene.stock.readers if planted else ():
            arrange(reader, lambda row: row.case.separation_group)
        found = []
        for reader in fresh(scene.stock).readers:
            rows = reader.assignments.select_related("case").order_by("position")
            slots = [Slot(row.case.key, row.case.block, row.case.separation_group) for row in rows]
            if (gap := smallest_gap(slots)) < 2:
                found.append(f"{reader}: {gap}")
    return found


def one_order(scene: Scene, planted: bool) -> list[str]:
    """Compare the orders of two readers; the plant gives both the same."""
    with thrown_away():
        for reader in scene.stock.readers if planted else ():
            arrange(reader, lambda row: row.case.key)
        orders = [
            tuple(reader.assignments.order_by("position").values_list("case", flat=True))
            for reader in fresh(scene.stock).readers
        ]
    return ["one order for all"] if len(set(orders)) < len(orders) else []


def arrange(reader: Reader, key: Callable[..., str]) -> None:
    """Give a reader's cases new places."""
    for place, row in enumerate(sorted(reader.assignments.select_related("case"), key=key), 1):
        row.position = 10_000 + place
        row.save()


def running_statistics(scene: Scene, planted: bool) -> list[str]:
    """Fetch every page as everybody, the readers having answered one way and the other: no page may differ."""

    def say(request: HttpRequest, response: HttpResponse) -> None:
        values = [rating.answers["quality"]["value"] for rating in Rating.objects.all()]
        response["X-Mean"] = f"{sum(values) / max(len(values), 1)}"

    tattling(scene, planted, say)
    pages = []
    for value in (2, 4):
        answers = {name: {"status": "answered", "value": value} for name in ("quality", "difficulty")}
        answers["agree"] = {"status": "answered", "value": value // 4}
        with thrown_away(), frozen_randomness("statistics"):
            for reader in fresh(scene.stock).readers:
                read_all(reader, answer=lambda key, given=answers: {"answers": given})
            pages.append(
                {
                    (role, rule.address): without_clock(scene.crowd.try_out(role, "GET", rule.address).text)
                    for role in ROLES
                    for rule in rules()
                    if rule.method == "GET" and "reading" in rule.phases
                }
            )
    return [
        f"{address} as {role}"
        for role, address in pages[0]
        if pages[0][role, address] != pages[1][role, address]
    ]


def without_clock(text: str) -> str:
    """Take tokens and times out of a response, which differ from one second to the next."""
    text = re.sub(r"csrftoken=\w+|messages=[^;]+", "", text)
    # The trail's digests are keyed with a secret of the server: they differ with the answers and tell nothing of them.
    text = re.sub(
        r'"(digest|previous)": ?"[0-9a-f]{64}"|(event \d+<br>|<dt>hash</dt><dd class="digest">)[0-9a-f]{64}',
        "",
        text,
    )
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*(\+00:00|Z)?", "", text)
    text = re.sub(r'name="csrfmiddlewaretoken" value="\w{64}"', "", text)
    return re.sub(r"[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT", "", text)


def addresses(plant: str) -> Check:
    """Make a check that compares the site's addresses with the written matrix; the plant adds one."""

    def check(scene: Scene, planted: bool) -> list[str]:
        urls = ModuleType("planted_urls")
        extra = [path(plant, lambda request: HttpResponse("[]"))] if planted else []
        urls.urlpatterns = [*extra, path("", include("readerstudy.urls"))]
        listed = {
            get_resolver("readerstudy.urls").resolve(f"/{filled(each).lstrip('/')}").route
            for each in ADDRESSES
        }
        site = {route for route in routes(get_resolver(urls)) if not route.startswith(ADMIN_PREFIX)}
        set_urlconf(None)
        clear_url_caches()
        return sorted(site - listed)

    return check


def filters(scene: Scene, planted: bool) -> list[str]:
    """Ask with made-up filters; each answer must be the one without a filter."""
    current = scene.crowd.names["current"]
    words = ("arm=1", "q=PIE", "score__gt=0.5", "order_by=case__key", "search=SOURCE0", "view=PA", "page=2")

    def say(request: HttpRequest, response: HttpResponse) -> None:
        if request.GET.get("arm"):
            response.status_code = 404

    tattling(scene, planted, say)
    found = []
    for address in ("/read/chest/state/", "/read/chest/", f"/read/chest/frames/{current}/"):
        plain = answered(scene, address)
        for word in words:
            if answered(scene, f"{address}?{word}") != plain:
                found.append(f"{address}?{word}")
    return found


def answered(scene: Scene, address: str) -> tuple[int, str, bytes]:
    """Return what a reader is answered, but for times and for the mask of a frame, which are others each time."""
    answer = scene.crowd.try_out("bob", "GET", address)
    if answer.headers.get("Content-Type") == "application/octet-stream":
        return answer.status, str(sorted(answer.headers.items())), unmasked(answer.body)
    return answer.status, without_clock(answer.text), b""


def admin_pages(scene: Scene, planted: bool) -> list[str]:
    """Look which tables the admin site shows; the plant registers the cases."""
    try:
        if planted:
            admin.site.register(Case)
        shown = {model._meta.label for model in admin.site._registry}
        return sorted(
            shown & {"cases.Case", "cases.Frame", "study.Rating", "study.Assignment", "results.OpenedCase"}
        )
    finally:
        if planted:
            admin.site.unregister(Case)


def invited(scene: Scene) -> list[str]:
    """Invite a reader on the people page; return the mail as it is sent, and the page to which its link leads."""
    client, before = Client(), len(mail.outbox)
    client.force_login(scene.stock.alice)
    with TestCase.captureOnCommitCallbacks(execute=True):
        client.post("/studies/chest/people/invite/", {"email": "nora@example.org", "role": "reader"})
    (letter,) = mail.outbox[before:]
    link = re.search(r"/invitations/[\w-]+/", letter.body)[0]
    page = without_clock(Client().get(link).content.decode())
    return [f"{letter.subject}\n{letter.body}".replace(link, "LINK"), page.replace(link, "LINK")]


def reminded(scene: Scene) -> list[str]:
    """Send every reader a reminder, as the worker does; return the mails of those who have not finished."""
    before = len(mail.outbox)
    for reader in Reader.objects.filter(study=scene.stock.study):
        send_reminder(reader.pk, "http://testserver/read/chest/")
    return [f"{letter.subject}\n{letter.body}" for letter in mail.outbox[before:]]


def titled(scene: Scene, title: str) -> None:
    """Give the study another title, as its admin could before the lock."""
    drop_guards()
    Study.objects.filter(pk=scene.stock.study.pk).update(title=title)


def mail_and_logs(scene: Scene, planted: bool) -> list[str]:
    """Look for what is sealed in log lines and mails of a reading; the plant logs a source and mails a seed."""

    def say(request: HttpRequest, response: HttpResponse) -> None:
        if request.path.endswith("/state/"):
            logging.getLogger("readerstudy").error("cannot serve %s", f"{SECRETS[0]}001.dcm")

    tattling(scene, planted, say)
    with thrown_away(), frozen_randomness("mail"):
        if planted:
            titled(scene, f"Reading, seed {SECRETS[-1]}")
        short_visit(fresh(scene.stock))
        letters = invited(scene)
        reminders = reminded(scene)
        assert reminders
    logged = scene.logged()
    assert logged  # a refused request leaves a line
    in_log = [f"{secret} in the log" for secret in SECRETS if secret in logged]
    found = [
        *in_log,
        *(f"{secret} in a mail" for secret in SECRETS if secret in "".join(letters + reminders)),
    ]
    # Both ways out must be seen: the plant that is missed in one of them is reported as nothing.
    return found if not planted or len({each.split(" in ")[1] for each in found}) == 2 else []


def early_exports(scene: Scene, planted: bool) -> list[str]:
    """Look for a column that tells, empty or not, in all data that can be fetched before the key is open."""

    def say(request: HttpRequest, response: HttpResponse) -> None:
        if request.path == "/studies/chest/audit.jsonl" and response.status_code == 200:
            lines = [json.loads(line) for line in response.getvalue().splitlines()]
            response.streaming_content = [
                json.dumps({**line, "arm": None}).encode() + b"\n" for line in lines
            ]

    tattling(scene, planted, say)
    found, looked_at = [], set()
    with thrown_away():
        to_phase(scene.stock, "closed")
        for role in BLINDED:
            for rule in rules():
                if rule.method != "GET" or "closed" not in rule.phases:
                    continue
                answer = scene.crowd.try_out(role, "GET", rule.address)
                kind = answer.headers.get("Content-Type", "").partition(";")[0]
                if "zip" in kind:
                    found.append(f"{rule.address} as {role}: an archive before the key is open")
                elif columns := columns_of(kind, answer.body):
                    looked_at.add(kind)
                    found += [f"{rule.address} as {role}: {name}" for name in sorted(columns) if told(name)]
    assert len(looked_at) >= 2, looked_at
    return found


def columns_of(kind: str, body: bytes) -> set[str]:
    """Return the names of the columns of a table, or of all fields of JSON, one object or one a line."""
    if kind == "text/csv":
        return set(body.decode().splitlines()[0].split(","))
    if "json" not in kind:
        return set()
    try:
        values = [json.loads(body)]
    except ValueError:
        values = [json.loads(line) for line in body.splitlines()]
    return {name for value in values for name in fields_of(value)}


def fields_of(value: object) -> Iterator[str]:
    """Yield the names of all fields, however deep."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield name
            yield from fields_of(each)
    elif isinstance(value, list):
        for each in value:
            yield from fields_of(each)


PAGES_FOR_MACHINES = ("/healthz/", "/readyz/")


def health(scene: Scene, planted: bool) -> list[str]:
    """Ask the pages for load balancers before and after a reading; they may tell nothing of what happens in a study."""

    def say(request: HttpRequest, response: HttpResponse) -> None:
        if request.path in PAGES_FOR_MACHINES:
            response.content = b"ratings " + str(Rating.objects.count()).encode()

    tattling(scene, planted, say)
    before = {
        page: without_clock(scene.crowd.try_out("anonymous", "GET", page).text) for page in PAGES_FOR_MACHINES
    }
    with thrown_away():
        read_all(fresh(scene.stock).readers[0])
        after = {
            page: without_clock(scene.crowd.try_out("anonymous", "GET", page).text)
            for page in PAGES_FOR_MACHINES
        }
    found = [page for page in PAGES_FOR_MACHINES if before[page] != after[page]]
    return found if not planted or len(found) == len(PAGES_FOR_MACHINES) else []


def early_unblinding(scene: Scene, planted: bool) -> list[str]:
    """Try to open the key for a closed study while another one with the same cases is being read.

    The plant takes away what refuses it; then the key is open, and the states of the studies say so.
    """
    with thrown_away(), pytest.MonkeyPatch.context() as patch:
        other = lifecycle.create_study(slug="same", title="The same cases", protocol=Protocol(), actor=None)
        load_into_study(study=other, folder=scene.stock.case_set.folder, actor=None)
        enrol_reader(study=other, person=person("Nora"), actor=None)
        look_for_names(other, None)
        lifecycle.lock(study=other, actor=None)
        lifecycle.start(study=other, actor=None)
        lifecycle.close(study=other, actor=None, reason="all have read")
        if planted:
            patch.setattr(unblinding, "CLOSED", {phase.value for phase in Phase})
        with suppress(unblinding.UnblindingError):
            unblinding.open_key(study=other, key=scene.stock.case_set.key, reason="over", actor=None)
        opened = Study.objects.filter(phase=Phase.UNBLINDED).values_list("sealed_sha256", flat=True)
        return [each.slug for each in Study.objects.filter(phase=Phase.READING, sealed_sha256__in=opened)]


def written_words(scene: Scene, planted: bool) -> list[str]:
    """Scan the mail that invites a reader and the page to which it leads; the plant writes a telling title."""
    with thrown_away():
        if planted:
            titled(scene, "Reading with a control")
        letters = invited(scene)
    found = [told(text) for text in letters]
    return sorted(set.union(*found)) if not planted or all(found) else []


def repeats(scene: Scene, planted: bool) -> list[str]:
    """Show a case again at the end; what the page is told must be as at the first time, but for id and place.

    The image must come in other bytes, of the same length and under the same headers.
    """

    def say(request: HttpRequest, response: HttpResponse) -> None:
        if request.path == "/read/chest/state/":
            state = json.loads(response.content)
            state["case"]["presentation"] = Assignment.objects.get(public_id=state["case"]["id"]).presentation
            response.content = json.dumps(state).encode()

    tattling(scene, planted, say)
    with thrown_away():
        reader = fresh(scene.stock).readers[0]
        client = Client()
        client.force_login(reader.person)
        first = client.get("/read/chest/state/").json()
        image = client.get(first["case"]["frame_url"])
        shown = Assignment.objects.get(public_id=first["case"]["id"])
        others = reader.assignments.exclude(pk=shown.pk).order_by("position")
        reader.assignments.filter(pk__in=[row.pk for row in others[1:]]).update(revision=1)
        last = Assignment.objects.create(
            study=shown.study, reader=reader, case=shown.case, position=10_001, presentation=2
        )
        reader.assignments.filter(pk=others[0].pk).update(position=10_002)
        reader.assignments.filter(pk=shown.pk).update(revision=1)
        again = client.get("/read/chest/state/").json()
        second = client.get(again["case"]["frame_url"])
    assert again["case"]["id"] == str(last.public_id)
    one, other = (json.dumps(state["case"]).replace(state["case"]["id"], "ID") for state in (first, again))
    found = [] if one == other else [other]
    if image.content == second.content or list(image.items()) != list(second.items()):
        found.append("the image is recognised")
    return found
