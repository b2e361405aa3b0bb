"""An admin looks at every image for names in a real browser, part by part, and then locks the study."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from readerstudy.study.models import ImageCheck
from tests import stock
from tests.browser.conftest import _empty_the_audit_trail, lock, sign_in_as

pytestmark = [pytest.mark.browser, pytest.mark.django_db]


@pytest.fixture(scope="module")
def site(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Serve a draft of two images that are larger than the window."""
    large = stock.picture
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(stock, "picture", lambda number: np.kron(large(number), np.ones((30, 30), np.uint16)))
        stock.make_stock(tmp_path_factory.mktemp("looked"), pairs=4, reading=False, locked=False)
        rows = ImageCheck.objects.values_list("pk", flat=True)[:2]
        ImageCheck.objects.filter(pk__in=list(rows)).delete()
        server = LiveServer("127.0.0.1")
        yield server.url
        server.stop()
        _empty_the_audit_trail()
        call_command("flush", verbosity=0, interactive=False)


def test_each_part_is_shown_before_an_image_is_signed_off(page: Page, site: str) -> None:
    sign_in_as(page, site, "alice@example.org")
    page.goto(f"{site}/studies/chest/")
    page.get_by_role("link", name="Look at the images").click()
    for left in (2, 1):
        expect(page.get_by_text(f"{left} of 8 images left")).to_be_visible()
        clear = page.get_by_role("button", name="No name is visible")
        expect(page.locator("#parts-state")).to_have_text("0 % was shown", timeout=30_000)
        expect(clear).to_be_disabled()
        for _ in range(20):
            if page.locator("#parts-state").inner_text() == "every part was shown":
                break
            page.locator("#viewer").press(" ")
            page.wait_for_timeout(200)
        expect(page.locator("#parts-state")).to_have_text("every part was shown")
        clear.click()
    expect(page.get_by_text("Every image is signed off.")).to_be_visible()
    page.get_by_role("link", name="Go on to the lock").click()
    page.wait_for_url("**/lock/")
    lock(page)
    expect(page.get_by_text("The protocol is locked.")).to_be_visible()
    assert all(scale >= 1 for scale in ImageCheck.objects.values_list("scale", flat=True))
