"""The locked protocol and analysis plan as a PDF: all of the lock, nothing that the lock does not hold."""

import json

import pytest
from django.test import Client

from analysis.report.pdf import pages_of
from readerstudy.results.export import registration_of
from tests.stock import Stock

pytestmark = pytest.mark.django_db


def test_it_has_the_whole_lock_and_does_not_change_when_the_key_is_open(closed: Stock) -> None:
    document, locked = registration_of(closed.study), json.loads(closed.study.locked_file)
    said = "\n".join(str(block) for section in document.sections for block in section.blocks)
    protocol = locked["protocol"]
    for value in (
        closed.study.protocol_sha256, locked["sealed_sha256"], locked["cases_sha256"], locked["analysis_method"],
        protocol["estimand"], protocol["consent"], str(protocol["planned_readers"]), "0.05, two-sided",
        *(question["text"] for question in protocol["questions"]), *locked["seed_commitments"].values(),
    ):  # fmt: skip
        assert value in said, value
    assert closed.study.protocol_sha256 in document.foot
    assert len(pages_of(document)) < 8


def test_admins_download_it_once_the_protocol_is_locked(stock: Stock) -> None:
    client = Client()
    client.force_login(stock.alice)
    answer = client.get("/results/chest/registration.pdf")
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/pdf")
    assert answer.content.startswith(b"%PDF")
    assert "/results/chest/registration.pdf" in client.get("/studies/chest/").content.decode()
