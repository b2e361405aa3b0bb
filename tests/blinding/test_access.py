"""Every address, method and role against the written matrix; not yours looks like not there."""

import re
from collections.abc import Iterator
from itertools import cycle

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, resolve

from tests.blinding.access import ADMIN_PREFIX, METHODS, PHASES, ROLES, refused, rules
from tests.blinding.crowd import Answer, Crowd, read_all, to_phase
from tests.stock import Stock

pytestmark = pytest.mark.django_db

RULES = rules()
ADDRESSES = sorted({rule.address for rule in RULES})
PLACEHOLDERS = {"run": "0123456789abcdef"}


def routes(resolver: URLResolver, prefix: str = "") -> Iterator[str]:
    """Walk every pattern of the site."""
    for pattern in resolver.url_patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern, route)
        elif isinstance(pattern, URLPattern):
            yield route


def filled(address: str) -> str:
    return re.sub(
        r"\{(\w+)\}", lambda m: PLACEHOLDERS.get(m[1], "00000000-0000-4000-8000-000000000000"), address
    )


def test_every_address_of_the_site_is_in_the_matrix() -> None:
    listed = {resolve(filled(address)).route for address in ADDRESSES}
    site = {route for route in routes(get_resolver()) if not route.startswith(ADMIN_PREFIX)}
    assert site == listed


def test_no_two_lines_contradict() -> None:
    cells = [(phase, rule.method, rule.address) for rule in RULES for phase in rule.phases]
    assert sorted(cells) == sorted(set(cells))


def of_the_study(address: str) -> bool:
    """Whether the phase of the study could change what an address gives: it shows the study, or all studies."""
    return address in {"/", "/studies/"} or "/chest" in address or "{" in address


@pytest.mark.parametrize("phase", PHASES)
def test_matrix(crowd: Crowd, phase: str) -> None:
    for reader in crowd.stock.readers if phase == "unblinded" else ():
        read_all(reader, answer=_varied)
    to_phase(crowd.stock, phase)
    wrong = []
    for rule in RULES:
        if phase not in (rule.phases if of_the_study(rule.address) else rule.phases[-1:]):
            continue
        for role in ROLES:
            came = crowd.try_out(role, rule.method, rule.address).status
            if came != rule.expected(role):
                wrong.append(
                    f"{rule.method} {rule.address} as {role}: expected {rule.expected(role)}, got {came}"
                )
    assert not wrong, "\n".join(wrong)


def _varied(key: str) -> dict[str, object]:
    value = int(key[0], 16) % 5 + 1
    answers = {
        "agree": {"status": "answered", "value": value % 2},
        "quality": {"status": "answered", "value": value},
        "difficulty": {"status": "answered", "value": 6 - value},
    }
    return {"answers": answers}


def test_methods_that_the_matrix_does_not_name_are_refused(crowd: Crowd) -> None:
    """A method is refused before anybody is looked at: nobody and two others in turn try each."""
    named = {(rule.method, rule.address) for rule in RULES}
    wrong, turn = [], cycle(ROLES[1:])
    for address in ADDRESSES:
        for method in METHODS:
            if (method, address) in named:
                continue
            for role in ("anonymous", next(turn), next(turn)):
                came = crowd.try_out(role, method, address).status
                if came != refused(role, address):
                    wrong.append(f"{method} {address} as {role}: {came}")
    assert not wrong, "\n".join(wrong)


def test_every_post_needs_a_token(crowd: Crowd) -> None:
    guarded = Client(enforce_csrf_checks=True, raise_request_exception=False)
    crowd.client = guarded
    posts = [rule.address for rule in RULES if rule.method == "POST"]
    answers = {(role, address): crowd.try_out(role, "POST", address) for address in posts for role in ROLES}
    assert {response.status for response in answers.values()} == {403}
    assert all(b"This form is out of date" in response.body for response in answers.values())


def without_token(answer: Answer) -> tuple[object, ...]:
    headers = {name: value for name, value in answer.headers.items() if name != "Expires"}
    body = re.sub(rb'name="csrfmiddlewaretoken" value="\w{64}"', b"", answer.body)
    return answer.status, headers, body


@pytest.mark.parametrize("role", ROLES[1:])
@pytest.mark.parametrize(
    ("yours_not", "there_not"),
    [
        ("/read/chest/", "/read/nothing/"),
        ("/read/chest/state/", "/read/nothing/state/"),
        ("/read/chest/frames/{bella}/", "/read/chest/frames/{nowhere}/"),
        ("/read/chest/frames/{current}/", "/read/chest/frames/{nowhere}/"),
        ("/studies/chest/", "/studies/nothing/"),
        ("/results/chest/", "/results/nothing/"),
        ("/results/chest/export.zip", "/results/nothing/export.zip"),
        ("/results/chest/report.html", "/results/nothing/report.html"),
        ("/results/chest/figures/forest.svg", "/results/nothing/figures/forest.svg"),
    ],
)
def test_not_yours_looks_like_not_there(crowd: Crowd, role: str, yours_not: str, there_not: str) -> None:
    refusal = crowd.try_out(role, "GET", yours_not)
    if refusal.status == 404:
        assert without_token(refusal) == without_token(crowd.try_out(role, "GET", there_not))
    else:
        assert {rule.expected(role) for rule in RULES if rule.address == yours_not} & {200, 302}


def test_admin_site_shows_no_case_answer_time_or_key() -> None:
    """What it shows, and that it is read-only, is tested in tests/ops/test_admin.py."""
    shown = {model._meta.label for model in admin.site._registry}
    assert not [label for label in shown if label.startswith("analysis.")]
    assert not shown & {
        "cases.Case", "cases.Frame", "study.Rating", "study.Assignment", "study.PracticeReading", "study.Allotment",
        "study.ReadingSession", "study.DisplayCheck", "results.OpenedCase", "accounts.OpenSession",
    }  # fmt: skip


def test_admin_site_lets_nobody_in_but_the_superuser(crowd: Crowd) -> None:
    addresses = [
        "/" + route for route in routes(get_resolver()) if route.startswith(ADMIN_PREFIX) and "<" not in route
    ]
    assert len(addresses) > 5
    for role in ROLES[:-1]:
        for address in addresses:
            response = crowd.try_out(role, "GET", address)
            signing_in = address in {"/admin/login/", "/admin/logout/", "/admin/jsi18n/"}
            assert response.status in ({302, 403, 405} if signing_in else {302, 404}), (role, address)
            if response.status == 302:
                place = response.headers["Location"]
                assert "in/?next=" in place or address == "/admin/logout/", (role, address, place)


def test_answers_and_times_show_to_nobody_before_unblinding(crowd: Crowd, stock: Stock) -> None:
    words = ("canarycomment", "7731.125", "7731125", str(stock.readers[0].assignments.first().public_id))
    given = {"comment": "canarycomment", "times": {"visible_ms": 7731125.0}}
    read_all(stock.readers[0], answer=lambda key: given)
    keys = [row.case.key for row in stock.readers[0].assignments.select_related("case")]
    tables = [f"/admin/{model._meta.app_label}/{model._meta.model_name}/" for model in admin.site._registry]
    admin_pages = ["/admin/", *tables, *(f"{table}1/change/" for table in tables)]
    gets = [rule.address for rule in RULES if rule.method == "GET"]
    shown = 0
    for phase in ("reading", "closed"):
        to_phase(stock, phase)
        for role in ROLES:
            if role == "bob":
                continue
            for address in gets + admin_pages:
                response = crowd.try_out(role, "GET", address)
                text = response.text.replace(crowd.address(address), "")
                assert not [word for word in (*words, *keys) if word in text], (phase, role, address)
                shown += response.status == 200
    assert shown > 50
