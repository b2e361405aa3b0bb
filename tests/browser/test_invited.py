"""Three readers who are strangers to the site: invited from the page, they make accounts and read to the end."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from readerstudy.study.models import Rating, Reader
from tests import stock
from tests.browser.conftest import _empty_the_audit_trail
from tests.browser.test_study_life import at_case, rate, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db]

CASES = 8
NAMES = ("Nora", "Otto", "Paula")


@pytest.fixture(scope="module")
def site(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, stock.Stock]]:
    """Serve a draft study whose cases are loaded."""
    with django_db_blocker.unblock():
        people = stock.make_stock(
            tmp_path_factory.mktemp("invited"), pairs=CASES // 2, reading=False, locked=False
        )
        server = LiveServer("127.0.0.1")
        yield server.url, people
        server.stop()
        _empty_the_audit_trail()
        call_command("flush", verbosity=0, interactive=False)


def test_three_invited_readers_from_draft_to_results(
    browser: Browser, page: Page, site: tuple[str, stock.Stock]
) -> None:
    url, people = site
    sign_in(page, url, people.alice)
    page.goto(f"{url}/studies/chest/preview/")
    expect(page.get_by_text("nothing is stored", exact=False).first).to_be_visible()
    links = [_invite(page, url, name) for name in NAMES]
    readers = [_register(browser, link, name) for link, name in zip(links, NAMES, strict=True)]
    page.goto(f"{url}/studies/chest/")
    page.get_by_role("button", name="Lock the protocol").click()
    page.get_by_role("button", name="Open the reading room").click()
    for reader in readers:
        _read(reader, url)
    page.goto(f"{url}/studies/chest/people/")
    expect(page.get_by_text(f"{CASES} of {CASES}")).to_have_count(3)
    expect(page.get_by_text("finished", exact=True)).to_have_count(3)
    for pseudonym in ("R01", "R02"):
        row = page.get_by_role("row", name=re.compile(pseudonym))
        row.get_by_text("Withdraw", exact=True).click()
        row.get_by_label("Reason").fill("never began")
        row.get_by_role("button", name=f"{pseudonym} withdraws").click()
        expect(page.get_by_text(f"{pseudonym} has withdrawn", exact=False)).to_be_visible()
    page.goto(f"{url}/studies/chest/")
    page.get_by_label("Reason").fill("all three have finished")
    page.get_by_role("button", name="Close reading").click()
    page.get_by_role("link", name="Open the key").click()
    page.get_by_label("Reason").fill("reading is over")
    page.get_by_label("Password").fill(stock.PASSWORD)
    page.get_by_role("button", name="Ask to open the key").click()
    page.get_by_label("Sealed file (key.csv)").set_input_files(people.case_set.key)
    page.get_by_label("Password").fill(stock.PASSWORD)
    page.get_by_role("button", name="Open the key").click()
    expect(page.get_by_role("heading", name="Primary comparison", exact=False)).to_be_visible()
    assert Rating.objects.count() == len(NAMES) * CASES
    for reader in readers:
        reader.context.close()


def _invite(page: Page, url: str, name: str) -> str:
    page.goto(f"{url}/studies/chest/people/")
    page.get_by_label("E-mail address").fill(f"{name.lower()}@example.org")
    page.get_by_role("button", name="Send the invitation").click()
    said = page.locator(".messages").inner_text()
    return re.findall(r"http\S+/invitations/\S+", said)[0]


def _register(browser: Browser, link: str, name: str) -> Page:
    page = browser.new_context(viewport={"width": 1366, "height": 768}).new_page()
    page.goto(link)
    page.get_by_label("Your name").fill(name)
    page.get_by_label("Password", exact=True).fill(stock.PASSWORD)
    page.get_by_label("Password again").fill(stock.PASSWORD)
    page.get_by_label("Years of reading radiographs").fill("7")
    page.get_by_role("button", name="Make the account and begin").click()
    expect(page.get_by_role("heading", name="Your work")).to_be_visible()
    assert Reader.objects.get(person__name=name).person.years_reading == 7
    return page


def _read(page: Page, url: str) -> None:
    page.goto(f"{url}/read/chest/")
    for number in range(1, CASES + 1):
        at_case(page, number)
        rate(page, "y" if number % 2 else "n", str(number % 5 + 1), "3", "Enter")
    expect(page.get_by_role("heading", name="All cases are read")).to_be_visible()
