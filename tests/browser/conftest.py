"""One Chromium for all browser tests of a process, a fresh context for each test."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test import Client
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Playwright,
    expect,
    sync_playwright,
)
from pytest_django.live_server_helper import LiveServer

from readerstudy.accounts.models import User
from readerstudy.study.models import Reader, Study
from readerstudy.study.people.members import enrol_reader
from tests import stock
from tests.browser.chromium import CHROMIUM, FLAGS
from tests.guards import drop_guards


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """Start the browser, which waits as long as a machine that others use too may take; no test is about time."""
    expect.set_options(timeout=30_000)
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
    make = browser.new_context

    def patient(**choices: Any) -> BrowserContext:
        context = make(**choices)
        context.set_default_navigation_timeout(120_000)
        context.set_default_timeout(60_000)
        return context

    browser.new_context = patient  # type: ignore[method-assign]
    yield browser
    browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Open a page; a refused script or style, or an error nobody caught, fails the test."""
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    page = context.new_page()
    faults: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            faults.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: faults.append(str(error)))
    yield page
    context.close()
    assert faults == []


@pytest.fixture
def _django_db_helper() -> None:
    """Neither a transaction nor a flush around each test here: live_study holds the database for a module.

    Stands in for pytest-django's own. Tests still carry its django_db mark, so that a database is made.
    """


@dataclass
class LiveStudy:
    """A served site with a study of eight cases that is being read; every test brings readers of its own."""

    url: str
    study: Study
    readers: int = 0

    @property
    def room(self) -> str:
        """The reading room's address."""
        return f"{self.url}/read/{self.study.slug}/"

    def reader(self) -> Reader:
        """Enrol one more reader, who has read nothing yet."""
        self.readers += 1
        person = stock.person(f"Reader{self.readers}")
        return enrol_reader(study=self.study, person=person, actor=None)


@pytest.fixture(scope="module")
def live_study(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveStudy]:
    """Serve the stock study on loopback for all tests of a module; the database is emptied afterwards."""
    with django_db_blocker.unblock():
        study = stock.make_stock(tmp_path_factory.mktemp("live"), pairs=4).study
        server = LiveServer("127.0.0.1")
        yield LiveStudy(server.url, study)
        server.stop()
        _empty_the_audit_trail()
        call_command("flush", verbosity=0, interactive=False)


@pytest.fixture
def reader(live_study: LiveStudy) -> Reader:
    """Return a reader for one test."""
    return live_study.reader()


@pytest.fixture
def room(page: Page, live_study: LiveStudy, reader: Reader) -> Iterator[Page]:
    """Open the reading room at the reader's first case."""
    sign_in_without_form(page, live_study.url, reader)
    page.goto(live_study.room)
    yield page
    # The page's own requests end before the database goes.
    page.goto("about:blank")


def sign_in_without_form(page: Page, url: str, reader: Reader) -> None:
    """Give the browser a reader's session, as a sign-in would."""
    sign_in_as(page, url, reader.person.email)


def sign_in_as(page: Page, url: str, email: str) -> None:
    """Give the browser a session of the person with this address."""
    client = Client()
    client.force_login(User.objects.get(email=email))
    value = client.cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": value, "url": url}])


def _empty_the_audit_trail() -> None:
    """Remove what keeps Django from flushing the tables: the audit events, and the guards of locked studies."""
    drop_guards()  # `flush` puts them back
    append_only = import_module("readerstudy.audit.migrations.0002_append_only")
    with connection.schema_editor() as editor:
        append_only.drop_triggers(apps, editor)
        editor.execute("DELETE FROM audit_event")
        append_only.add_triggers(apps, editor)


def lock(page: Page) -> None:
    """Go from a draft's page to the lock if need be, type the short name that it asks for, and lock."""
    if not page.url.endswith("/lock/"):
        page.get_by_role("link", name="See what is frozen, and lock").click()
    field = page.get_by_label("Type the short name of the study")
    field.fill((field.evaluate("field => field.labels[0].textContent") or "").split(", ")[-1].strip())
    page.get_by_role("button", name="Lock the protocol").click()
