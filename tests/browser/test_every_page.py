"""Every page of the site, out of the access matrix: axe finds nothing, nothing sticks out, the policy refuses nothing.

The matrix names every address and who may see it (a test fails for one that it lacks), so that no page is
forgotten here. With SCREENSHOTS=1 the pictures are written to docs/images/pages/.
"""

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from PIL import Image
from playwright.sync_api import Browser, Page
from pytest_django.live_server_helper import LiveServer

from readerstudy.study.design.lifecycle import create_study
from readerstudy.study.protocol import Protocol
from tests.blinding.access import ROLES, rules
from tests.blinding.crowd import Crowd, gather, make_bystanders, read_all, to_phase
from tests.browser.conftest import _empty_the_audit_trail
from tests.browser.test_design_language import ROOT
from tests.stock import decoded_here, make_stock

pytestmark = [pytest.mark.browser, pytest.mark.django_db]

SIZE = {"width": 1366, "height": 768}
OTHER_WIDTHS = (390, 1920)
"""A phone, and a wide screen: nothing sticks out there either."""
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}
NO_PAGES = (
    "frames/",
    "/state/",
    "studies/chest/cases/",
    "/loading/",
    "healthz",
    "readyz",
    "images/",
    "static/",
)
"""Parts of addresses that answer with JSON, pixels or a word."""


@dataclass(frozen=True)
class Site:
    """A served site, and everybody's session by role."""

    url: str
    crowd: Crowd


@pytest.fixture(scope="module")
def site(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("pages")
    with django_db_blocker.unblock(), decoded_here():
        stock = make_stock(folder, pairs=4)
        make_bystanders(stock, folder / "others")
        crowd = gather(stock)
        server = LiveServer("127.0.0.1")
        yield Site(server.url, crowd)
        server.stop()
        _empty_the_audit_trail()
        call_command("flush", verbosity=0, interactive=False)


def pages_of(phase: str) -> list[tuple[str, str]]:
    """Return (address, role) of everything that somebody may get in a phase."""
    found = {}
    for rule in rules():
        allowed = [role for role, status in zip(ROLES, rule.statuses, strict=True) if status == 200]
        if rule.method != "GET" or phase not in rule.phases or not allowed:
            continue
        if not any(part in rule.address for part in NO_PAGES):
            # An admin sees most of a page; a reader's pages only a reader may see.
            role = next((each for each in ("alice", "rita", "olga", "bob") if each in allowed), allowed[0])
            found[rule.address] = role
    return sorted(found.items())


def is_page(site: Site, address: str, role: str) -> bool:
    client = Client()
    name, _, value = site.crowd.sessions[role].partition("=")
    if value:
        client.cookies[name] = value
    response = client.get(address)
    response.close()
    kept = "attachment" in response.headers.get("Content-Disposition", "")
    return (
        response.status_code == 200 and response.headers["Content-Type"].startswith("text/html") and not kept
    )


@pytest.fixture(scope="module")
def visitors(browser: Browser, site: Site) -> Iterator[dict[str, Page]]:
    """One tab for each role, signed in; what the policy refuses or nobody catches is noted on it."""
    pages = {}
    for role in ROLES:
        context = browser.new_context(viewport=SIZE, reduced_motion="reduce")
        value = site.crowd.sessions[role].partition("=")[2]
        if value:
            context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": value, "url": site.url}])
        pages[role] = context.new_page()
    yield pages
    for page in pages.values():
        page.goto("about:blank")
        page.context.close()


def look(page: Page, url: str) -> list[str]:
    """Open a page; return what is wrong with it."""
    faults: list[str] = []

    def refused(message: Any) -> None:
        if "Content Security Policy" in message.text:
            faults.append(message.text)

    def failed(error: Any) -> None:
        faults.append(str(error))

    page.on("console", refused)
    page.on("pageerror", failed)
    page.goto(url)
    page.wait_for_load_state("networkidle")
    for violation in Axe().run(page, options=RULES).response["violations"]:
        places = [" ".join(map(str, node["target"])) for node in violation["nodes"]]
        faults.append(f"{violation['id']}: {violation['help']} {places[:4]}")
    for width in (*OTHER_WIDTHS, SIZE["width"]):
        page.set_viewport_size({**SIZE, "width": width})
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide > width:
            faults.append(f"the page is {wide} px wide in a window of {width}")
    page.remove_listener("console", refused)
    page.remove_listener("pageerror", failed)
    return faults


def keep_picture(page: Page, name: str) -> None:
    if os.environ.get("SCREENSHOTS") != "1":
        return
    folder = ROOT / "docs" / "images" / "pages"
    folder.mkdir(parents=True, exist_ok=True)
    page.evaluate("document.activeElement?.blur()")
    shown = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
    shown.crop((0, 0, shown.width, min(shown.height, 1600))).quantize(64, dither=Image.Dither.NONE).save(
        folder / f"{name}.png", optimize=True
    )


def name_of(address: str) -> str:
    return "-".join(part for part in address.split("/") if part and "{" not in part) or "start"


def test_a_fault_is_found(page: Page, site: Site) -> None:
    """What axe is asked must be able to fail: a field without a name, and grey on grey."""
    page.goto(f"{site.url}/accounts/sign-in/")
    page.evaluate("""() => {
      document.querySelector("label").remove();
      document.querySelector("h1").style.color = "#333";
    }""")
    found = {violation["id"] for violation in Axe().run(page, options=RULES).response["violations"]}
    page.goto("about:blank")
    assert {"label", "color-contrast"} <= found


def test_long_words_stick_out_of_no_page(site: Site, visitors: dict[str, Page]) -> None:
    """A title that is one word, and one that is a sentence; pages of a draft, its lock and its trail among them."""
    page, people = visitors["alice"], site.crowd.stock
    titles = {"one": "Vergleichslesung" * 8, "more": "A comparison of radiographs " * 6}
    for slug, title in titles.items():
        create_study(
            slug=slug, title=title.strip(), protocol=Protocol(instructions=titles["one"]), actor=people.alice
        )
    wide = {}
    places = (
        "",
        "load/",
        "lock/",
        "audit/",
        "people/",
        "terms/",
        "protocol/",
        "protocol/parts/texts/",
        "preview/",
    )
    for address in ["/", *(f"/studies/{slug}/{place}" for slug in titles for place in places)]:
        page.set_viewport_size({**SIZE, "width": OTHER_WIDTHS[0]})
        page.goto(site.url + address)
        if (found := page.evaluate("document.documentElement.scrollWidth")) > OTHER_WIDTHS[0]:
            wide[address] = found
    page.set_viewport_size(SIZE)
    assert wide == {}


def test_every_page_is_clean_while_the_study_is_read(site: Site, visitors: dict[str, Page]) -> None:
    wrong = {}
    seen = 0
    for template, role in pages_of("reading"):
        address = site.crowd.address(template)
        if not is_page(site, address, role):
            continue
        seen += 1
        faults = look(visitors[role], site.url + address)
        if faults:
            wrong[address] = faults
        keep_picture(visitors[role], name_of(template))
    print(f"{seen} pages looked at by axe")
    assert seen >= 8
    assert wrong == {}


def test_every_page_is_clean_when_the_key_is_open(site: Site, visitors: dict[str, Page]) -> None:
    for reader in site.crowd.stock.readers:
        read_all(reader)
    to_phase(site.crowd.stock, "unblinded")
    wrong = {}
    before = dict(pages_of("reading"))
    others = [
        ("/results/chest/", "alice"),
        ("/studies/chest/", "alice"),
        ("/read/chest/", "bob"),
        ("/", "bob"),
    ]
    more = [page for page in pages_of("unblinded") if page[0] not in before]
    for template, role in [*others, *more]:
        address = site.crowd.address(template)
        if not is_page(site, address, role):
            continue
        faults = look(visitors[role], site.url + address)
        if faults:
            wrong[address] = faults
        keep_picture(visitors[role], name_of(template) + "-unblinded")
    assert wrong == {}
