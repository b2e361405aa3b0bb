"""One Chromium for all browser tests of a process, a fresh context for each test."""

import os
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
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
def live_site(live_server: Any, transactional_db: None) -> Iterator[str]:
    """Serve the site on loopback with an empty database; return its address."""
    yield live_server.url
    _empty_the_audit_trail()


def _empty_the_audit_trail() -> None:
    """Remove the audit events, so that Django can flush the other tables: the database itself forbids it."""
    append_only = import_module("readerstudy.audit.migrations.0002_append_only")
    with connection.schema_editor() as editor:
        append_only.drop_triggers(apps, editor)
        editor.execute("DELETE FROM audit_event")
        append_only.add_triggers(apps, editor)
