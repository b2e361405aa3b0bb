"""Which Chromium the browser tests and the benches start, and how; waiting in a page under the strict policy."""

import os
import time
from collections.abc import Callable

from playwright.sync_api import Page, Route

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


def drawn(page: Page) -> None:
    """Wait for the frame that shows what was done so far, however slow the machine: a frame begins after the input."""
    page.evaluate(
        "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))"
    )


def intercept(
    page: Page, pattern: str, handler: Callable[[Route], None], *, times: int | None = None
) -> None:
    """Hand the page's requests under this pattern to the handler, from the moment this returns.

    After page.route alone the next request may still go past: Chromium tells an open page of the interception a
    moment later. A request of the test's own is asked for until the page's requests do come here.
    """
    page.route(pattern, handler, times=times)
    page.route("**/is-intercepted/", lambda route: route.fulfill(status=204))
    until(page, "fetch('/is-intercepted/').then((answer) => answer.status === 204)")
    page.unroute("**/is-intercepted/")
