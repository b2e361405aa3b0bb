"""The page that measures a workstation: it measures, says whether every grey level is right, and stores nothing."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from readerstudy.audit.models import Event
from readerstudy.ops.serve import workstation
from tests import stock
from tests.browser.conftest import _empty_the_audit_trail, sign_in_as

pytestmark = [pytest.mark.browser, pytest.mark.django_db]


@pytest.fixture(scope="module")
def site(django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch:
        # A quarter of the size: the figures are not looked at here.
        patch.setattr(workstation, "ROWS", 625)
        patch.setattr(workstation, "COLUMNS", 512)
        workstation._frame.cache_clear()
        stock.person("Alice")
        server = LiveServer("127.0.0.1")
        yield server.url
        server.stop()
        workstation._frame.cache_clear()
        _empty_the_audit_trail()
        call_command("flush", verbosity=0, interactive=False)


def test_it_measures_and_checks_every_grey_level(page: Page, site: str) -> None:
    sign_in_as(page, site, "alice@example.org")
    events = Event.objects.count()
    page.goto(f"{site}/")
    page.get_by_role("link", name="Measure this workstation").click()
    page.get_by_role("button", name="Measure").click()
    expect(page.locator("#measure-state")).to_have_text("measured; every grey level is right", timeout=60_000)
    expect(page.locator("#measure-rows tr")).to_have_count(4)
    told = json.loads(page.locator("#measure-text").input_value())
    assert told["renderer"] == "canvas2d"
    assert told["wrong_greys"] == 0
    assert {name: figures["n"] for name, figures in told["ms"].items()} == {
        "first": 5, "next": 15, "window": 200, "pan": 200,
    }  # fmt: skip
    assert all(0 < figures["median"] <= figures["longest"] for figures in told["ms"].values())
    assert Event.objects.count() == events
    page.goto("about:blank")


def test_a_wrong_grey_level_would_be_found(page: Page, site: str) -> None:
    sign_in_as(page, site, "alice@example.org")
    page.goto(f"{site}/workstation/")
    wrong = page.evaluate("""async () => {
      const { Viewer } = await import("/static/js/viewer/viewer.mjs");
      const { wrongGreys } = await import("/static/js/viewer/measuring.mjs");
      const [source] = JSON.parse(document.querySelector("#sources").dataset.sources);
      const viewer = new Viewer(document.querySelector("#viewer"));
      const draw = viewer.screen.draw.bind(viewer.screen);
      viewer.screen.draw = (frame, view, table, draft) => {
        const off = table.slice();
        off[1800] = 0xff000000;
        draw(frame, view, off, draft);
      };
      return wrongGreys(viewer, source);
    }""")
    assert wrong > 0
    page.goto("about:blank")
