"""Which Chromium the browser tests and the benches start, and how; waiting in a page under the strict policy."""

import os
import time

from playwright.sync_api import Page

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def until(page: Page, expression: str, *, seconds: float = 10) -> None:
    """Wait until the expression holds in the page.

    Not Playwright's wait_for_function: from its second look on it evaluates a string inside the page, which the
    strict content security policy refuses; page.evaluate comes through the debugger every time.
    """
    end = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < end, f"within {seconds} s it never held that {expression}"
        page.wait_for_timeout(20)
