"""Faults 4 and 6: two devices, a new token in another tab."""

import uuid
from typing import Any

import pytest
from django.test import Client

from readerstudy.study.models import Rating
from tests.blinding.crowd import payload
from tests.stock import PASSWORD, Stock

pytestmark = pytest.mark.django_db


def room(stock: Stock, **choices: Any) -> Client:
    client = Client(raise_request_exception=False, **choices)
    client.force_login(stock.bob)
    return client


def save(client: Client, case: dict[str, Any], **changes: Any) -> Any:
    return client.post(case["answer_url"], payload(**changes), content_type="application/json")


def test_two_devices_of_one_reader_share_one_place(stock: Stock) -> None:
    desk, ward = room(stock), room(stock)
    first = desk.get("/read/chest/state/").json()["case"]
    assert ward.get("/read/chest/state/").json()["case"]["id"] == first["id"]
    assert save(desk, first).status_code == 200
    refused = save(ward, first)
    assert refused.status_code == 409
    assert refused.json()["stored"]["revision"] == 1
    second = ward.get("/read/chest/state/").json()["case"]
    assert second["id"] != first["id"]
    assert save(ward, second).status_code == 200
    assert desk.get("/read/chest/state/").json()["position"] == 3
    assert Rating.objects.count() == 2


def test_the_same_key_with_other_answers_is_told_what_is_stored(stock: Stock) -> None:
    desk = room(stock)
    case = desk.get("/read/chest/state/").json()["case"]
    body = payload()
    for _ in range(2):
        assert desk.post(case["answer_url"], body, content_type="application/json").status_code == 200
    other = desk.post(case["answer_url"], {**body, "comment": "another"}, content_type="application/json")
    assert (other.status_code, other.json()["stored"]["comment"]) == (409, "")
    assert Rating.objects.get().comment == ""


def test_a_token_changed_by_another_tab_refuses_and_the_new_one_saves_once(stock: Stock) -> None:
    client = room(stock, enforce_csrf_checks=True)
    client.get("/read/chest/")
    old = client.cookies["csrftoken"].value
    case = client.get("/read/chest/state/").json()["case"]
    other = Client(enforce_csrf_checks=True)
    token = other.get("/accounts/sign-in/").cookies["csrftoken"].value
    form = {"username": "bob@example.org", "password": PASSWORD, "csrfmiddlewaretoken": token}
    assert other.post("/accounts/sign-in/", form).status_code == 302
    client.cookies = other.cookies  # one browser: the tabs share their cookies
    body = payload()
    asked = {"content_type": "application/json"}
    refused = client.post(case["answer_url"], body, headers={"X-CSRFToken": old}, **asked)
    assert (refused.status_code, Rating.objects.count()) == (403, 0)
    new = client.cookies["csrftoken"].value
    assert new != old
    for _ in range(2):
        assert client.post(case["answer_url"], body, headers={"X-CSRFToken": new}, **asked).status_code == 200
    assert Rating.objects.get().idempotency_key == uuid.UUID(body["idempotency_key"])
