"""Second factors in a browser: an app's real codes, and a passkey in Chromium's virtual authenticator."""

import io
import os
import re
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.core import mail
from django.core.management import call_command
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from readerstudy.accounts.factors import factors
from readerstudy.accounts.models import User
from readerstudy.accounts.services import begin_recovery, mail_link
from tests.accounts.test_second_factor import code_of, forget_code
from tests.browser.conftest import _empty_the_audit_trail
from tests.browser.test_design_language import ROOT
from tests.browser.test_every_page import RULES
from tests.stock import PASSWORD, person

pytestmark = [pytest.mark.browser, pytest.mark.django_db]


@pytest.fixture
def site(django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    """Serve on loopback; passkeys need the name, so the address is that of localhost."""
    with django_db_blocker.unblock():
        person("Alice")
        server = LiveServer("localhost")
        yield server.url
        server.stop()
        _empty_the_audit_trail()
        call_command("flush", verbosity=0, interactive=False)


def sign_in(page: Page, url: str) -> None:
    page.goto(f"{url}/accounts/sign-in/")
    page.get_by_label("Email").fill("alice@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def clean(page: Page, name: str, *, rules: list[str] | None = None, whole: bool = False) -> None:
    """Ask axe about the page; with SCREENSHOTS=1 keep its picture."""
    page.wait_for_load_state("networkidle")
    # Preloading, axe copies style sheets that take in others into <style>, which the policy refuses.
    options = RULES if rules is None else {**RULES, "runOnly": rules, "preload": False}
    found = Axe().run(page, options=options).response["violations"]
    assert [(each["id"], each["nodes"][0]["target"]) for each in found] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 1366
    if os.environ.get("SCREENSHOTS") == "1":
        page.evaluate("document.activeElement?.blur()")
        shown = Image.open(io.BytesIO(page.screenshot(full_page=whole))).convert("RGB")
        shown.quantize(64, dither=Image.Dither.NONE).save(
            ROOT / "docs" / "images" / "pages" / f"{name}.png", optimize=True
        )


def set_up_app(page: Page, url: str) -> str:
    page.goto(f"{url}/accounts/me/second-factor/")
    clean(page, "second-factor-none")
    page.get_by_role("link", name="Set up an app").click()
    qr = page.locator("img.qr")
    expect(qr).to_be_visible()
    clean(page, "second-factor-app")
    assert qr.evaluate("image => image.complete && image.naturalWidth > 0")
    secret = re.sub(r"\s", "", page.locator(".digest").inner_text())
    code = code_of(secret)
    page.get_by_label("Code that the app shows now").fill(code)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Set up the app").click()
    page.wait_for_url("**/recovery-codes/")
    forget_code(User.objects.get().pk, code)
    return secret


def test_an_authenticator_app(page: Page, site: str) -> None:
    sign_in(page, site)
    secret = set_up_app(page, site)
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    expect(page.locator(".codes li")).to_have_count(10)
    clean(page, "second-factor-codes")
    page.get_by_role("button", name="I have saved them").click()
    expect(page.get_by_text("10 recovery codes left")).to_be_visible()
    clean(page, "second-factor")
    page.get_by_role("button", name="Sign out").click()
    sign_in(page, site)
    expect(page.get_by_role("heading", name="Second step")).to_be_visible()
    expect(page.get_by_label("Code from your app")).to_be_focused()
    clean(page, "second-step-app")
    page.get_by_label("Code from your app").fill("000000" if code_of(secret) != "000000" else "1")
    page.get_by_role("button", name="Sign in with the code").click()
    expect(page.get_by_role("alert")).to_contain_text("was not valid")
    clean(page, "second-step-wrong")
    page.get_by_label("Code from your app").fill(code_of(secret))
    page.get_by_role("button", name="Sign in with the code").click()
    page.wait_for_url(f"{site}/")
    page.goto("about:blank")


def test_the_account_lists_sessions_and_a_new_start_leads_back_in(
    page: Page, browser: Browser, site: str
) -> None:
    other = browser.new_context(
        user_agent="Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X) Safari/604.1"
    ).new_page()
    for each in (other, page):
        sign_in(each, site)
        each.wait_for_url(f"{site}/")
    page.goto(f"{site}/accounts/me/")
    expect(page.get_by_role("row")).to_have_count(3)
    clean(page, "account", whole=True)
    page.get_by_role("button", name="End Safari on iPad").click()
    expect(page.get_by_text("That session is ended")).to_be_visible()
    other.goto(f"{site}/")
    expect(other.get_by_role("heading", name="Sign in")).to_be_visible()
    other.context.close()

    _, token = begin_recovery(email="alice@example.org", reason="lost", actor=None)
    page.goto(f"{site}/accounts/recover/{token}/")
    clean(page, "recovery")
    page.get_by_label("New password", exact=True).fill("moraine-valley-82")
    page.get_by_label("New password confirmation").fill("moraine-valley-82")
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", name="Second factor")).to_be_visible()
    page.goto(f"{site}/accounts/recover/{token}/")
    expect(page.get_by_role("heading", name="This link is no longer valid")).to_be_visible()
    clean(page, "recovery-over")
    page.goto("about:blank")


def test_the_admin_site_in_the_sites_colours(page: Page, site: str) -> None:
    User.objects.update(is_superuser=True, is_staff=True)
    sign_in(page, site)
    page.wait_for_url(f"{site}/")
    for place in ("", "accounts/user/", f"accounts/user/{User.objects.get().pk}/change/", "audit/event/"):
        page.goto(f"{site}/admin/{place}")
        clean(
            page,
            f"admin-{place.strip('/').replace('/', '-')}",
            rules=["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"],
        )
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(16, 17, 19)"
    page.goto("about:blank")


def test_a_passkey(page: Page, site: str) -> None:
    debugger = page.context.new_cdp_session(page)
    debugger.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
        "isUserVerified": True, "automaticPresenceSimulation": True,
    }  # fmt: skip
    device = debugger.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]
    sign_in(page, site)
    page.goto(f"{site}/accounts/me/second-factor/passkey/")
    clean(page, "second-factor-passkey")
    page.get_by_label("Name of this passkey").fill("blue key")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Add the passkey").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    kept = debugger.send("WebAuthn.getCredentials", {"authenticatorId": device})["credentials"]
    assert [each["rpId"] for each in kept] == ["localhost"]
    page.get_by_role("button", name="I have saved them").click()
    expect(page.get_by_role("rowheader", name="Passkey: blue key")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()

    sign_in(page, site)
    clean(page, "second-step-passkey")
    debugger.send("WebAuthn.setUserVerified", {"authenticatorId": device, "isUserVerified": True})
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url(f"{site}/")
    assert factors(User.objects.get()).get().last_used_at is not None
    page.get_by_role("button", name="Sign out").click()

    # Another device's key of the same name and site does not sign in.
    debugger.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": device})
    debugger.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    sign_in(page, site)
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_text("No passkey was used")).to_be_visible(timeout=90_000)
    page.goto(f"{site}/")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.goto("about:blank")


def test_a_forgotten_password(page: Page, site: str, settings: Settings) -> None:
    settings.EMAIL_BACKEND = "tests.accounts.test_by_mail.EmailBackend"
    page.goto(f"{site}/accounts/sign-in/")
    page.get_by_role("link", name="Have a link mailed to you").click()
    clean(page, "forgotten")
    page.get_by_label("E-mail address").fill("alice@example.org")
    for wide in (390, 1920, 1366):
        page.set_viewport_size({"width": wide, "height": 768})
        assert page.evaluate("document.documentElement.scrollWidth") <= wide
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("a mail is on its way")
    clean(page, "forgotten-asked")
    mail_link("alice@example.org")  # the worker's part
    page.goto(re.sub(r"http://localhost:8000", site, re.search(r"http\S+", mail.outbox[-1].body)[0]))  # type: ignore[index]
    expect(page.get_by_role("heading", name="A new password")).to_be_visible()
    clean(page, "forgotten-choose")
    page.get_by_label("New password", exact=True).fill("moraine-valley-82")
    page.get_by_label("New password confirmation").fill("moraine-valley-82")
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.goto("about:blank")
