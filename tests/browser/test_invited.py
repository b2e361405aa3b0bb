"""A whole study in real browsers on a real site: an admin builds it from nothing, three strangers read it by keyboard,
two admins open its key. The site is a process of its own with a database of its own; only what a browser does and
what commands print is looked at.
"""

import csv
import hashlib
import io
import json
import re
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from analysis.caseset import CaseSet
from tests.browser.conftest import lock
from tests.browser.test_study_life import tab_to
from tests.servers.site import Site
from tests.stock import PASSWORD, make_case_set

pytestmark = pytest.mark.browser

CASES = 8
NAMES = ("Nora", "Otto", "Paula")
TERMS = {
    "text": "## For this study only\n\nDo not copy an image.",
    "credential": "A signed agreement",
    "ethics": "EC 7",
}
PEOPLE = """
import django
django.setup()
from readerstudy.study.protocol import Protocol
from readerstudy.study.design.lifecycle import create_study
from tests.stock import person
create_study(slug="earlier", title="An earlier study", protocol=Protocol(), actor=person("Ada"))
"""
"""Ada administers a study, so that she may make another; a superuser, who may open sweeps, would be unblinded."""


class Hall:
    """The served site, with a browser for each person."""

    def __init__(self, browser: Browser, site: Site, url: str, case_set: CaseSet) -> None:
        self.browser, self.site, self.url, self.case_set = browser, site, url, case_set

    def visitor(self) -> Page:
        context = self.browser.new_context(viewport={"width": 1366, "height": 768}, accept_downloads=True)
        context.set_default_timeout(60_000)
        return context.new_page()

    def sign_in(self, email: str) -> Page:
        page = self.visitor()
        page.goto(f"{self.url}/accounts/sign-in/")
        page.get_by_label("Email").fill(email)
        page.get_by_label("Password").fill(PASSWORD)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Your work")).to_be_visible()
        return page


@pytest.fixture(scope="module")
def hall(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hall]:
    """Set up a site with one person and a handover, its key elsewhere, and serve it."""
    folder = tmp_path_factory.mktemp("invited")
    # A second factor at the sign-in has browser tests of its own.
    site = Site(folder / "site", {"MFA_REQUIRED": "none"})
    site.manage("setup")
    site.run("-c", PEOPLE)
    made = make_case_set(folder / "made", pairs=CASES // 2)
    provenance = made.folder / "provenance.json"
    provenance.write_text(json.dumps(json.loads(provenance.read_text()) | {"terms": TERMS}))
    (site.home / "case-sets").mkdir()
    shutil.move(made.folder, site.home / "case-sets" / "chests")
    yield Hall(browser, site, f"http://{site.serve()}", made)
    site.stop()


def test_a_study_from_nothing_to_its_export(hall: Hall) -> None:
    ada = hall.sign_in("ada@example.org")
    _build(ada, hall)
    _preview(ada, hall)
    ben = _register(hall, _invite(ada, hall, "ben@example.org", "study admin"), "Ben", reader=False)
    ada.goto(f"{hall.url}/studies/new-chest/")
    ada.get_by_role("link", name="Look at the images").click()
    ada.get_by_text("The images were drawn by a program").click()
    ada.get_by_role("button", name="Record that no review is needed").click()
    ada.get_by_role("link", name="Go on to the lock").click()
    expect(
        ada.get_by_text("Ben made the account behind an invitation, whose link others could read.")
    ).to_be_visible()
    told = hall.site.manage("give_role", "new-chest", "ben@example.org", "study_admin").stdout
    assert "as one of the two who open its key: eligible" in told
    ada.reload()
    lock(ada)
    expect(ada.get_by_text("The protocol is locked.")).to_be_visible()
    with ada.expect_download() as download:
        ada.get_by_role("link", name="Download the locked protocol").click()
    locked = Path(download.value.path()).read_bytes()
    links = [_invite(ada, hall, f"{name.lower()}@example.org", "reader") for name in NAMES]
    readers = [_register(hall, link, name) for link, name in zip(links, NAMES, strict=True)]
    ada.goto(f"{hall.url}/studies/new-chest/")
    ada.get_by_role("button", name="Open the reading room").click()
    for reader in readers:
        _read(reader, hall)
    _monitor_and_close(ada, hall)
    _open_the_key(ada, ben, hall)
    with ada.expect_download() as download:
        ada.get_by_role("link", name="Download the export").click()
    _check(Path(download.value.path()).read_bytes(), locked, hall)
    for page in (ada, ben, *readers):
        page.context.close()


def _build(page: Page, hall: Hall) -> None:
    """Make a draft; give it questions, texts, a design, sessions and rules; load its cases."""
    page.get_by_role("link", name="New study").click()
    page.get_by_label("Title").fill("A new chest study")
    page.get_by_label("Short name").fill("new-chest")
    page.get_by_role("button", name="Create the draft").click()
    page.get_by_role("link", name="Load cases", exact=True).click()
    page.get_by_label("Case set", exact=True).select_option("chests")
    page.get_by_role("button", name="Load the case set").click()
    page.get_by_role("link", name="A new chest study").click()
    page.get_by_role("link", name="Protocol", exact=True).click()
    page.get_by_role("link", name="Edit texts").click()
    page.get_by_label("Instructions for readers").fill("# How to read\n\nTake your **time**.")
    page.get_by_label("Consent").fill("I take part of my own will.")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Add a question").click()
    page.get_by_role("link", name="Scale").click()
    page.get_by_label("Question", exact=True).fill("How sure are you?")
    page.get_by_label("Name in exports").fill("sure")
    page.get_by_label("Levels").fill("1 = guess\n2 = fairly\n3 = certain")
    page.get_by_role("button", name="Save the question").click()
    page.get_by_role("link", name="Edit design").click()
    page.get_by_label("Planned readers").fill("3")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Edit room").click()
    page.get_by_label("Cases of a session, at most").fill(str(CASES))
    page.get_by_label("Hours from one session to the next, at least").fill("1")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Edit rules").click()
    page.get_by_label("Stopping rule").fill("When every reader has finished.")
    page.get_by_role("button", name="Save").click()


def _preview(page: Page, hall: Hall) -> None:
    """Wait for the cases; confirm their terms; go through a reader's steps."""
    page.goto(f"{hall.url}/studies/new-chest/load/")
    expect(page.get_by_text("All cases are loaded.")).to_be_visible(timeout=60_000)
    page.goto(f"{hall.url}/studies/new-chest/preview/")
    expect(page.locator(".terms-text").get_by_text("Do not copy an image.")).to_be_visible()
    page.get_by_role(
        "button", name="I meet these terms and agree to follow them: go on to the preview"
    ).click()
    page.get_by_role("button", name="I agree and take part").click()
    page.get_by_role("button", name="I meet these terms and agree to follow them").click()
    page.get_by_role("button", name="I have read this: go on").click()
    expect(page.locator("#case-title")).to_have_text("Case 1 of 3")
    expect(page.locator("#answers")).to_be_visible()
    for key in ("y", "4", "2", "3", "Enter"):
        page.keyboard.press(key)
    expect(page.locator("#case-title")).to_have_text("Case 2 of 3")


def _invite(page: Page, hall: Hall, email: str, role: str) -> str:
    page.goto(f"{hall.url}/studies/new-chest/people/")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Role", exact=True).select_option(label=role)
    page.get_by_role("button", name="Create the invitation").click()
    return str(re.findall(r"http\S+/invitations/\S+", page.locator(".messages").inner_text())[0])


def _register(hall: Hall, link: str, name: str, *, reader: bool = True) -> Page:
    page = hall.visitor()
    page.goto(link)
    page.get_by_label("Your name").fill(name)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password again").fill(PASSWORD)
    if reader:
        page.get_by_label("Specialty").fill("Thoracic radiology")
        page.get_by_label("Years of reading radiographs").fill("7")
    page.get_by_role("button", name="Create the account").click()
    expect(page.get_by_role("heading", name="Your work")).to_be_visible()
    return page


def _read(page: Page, hall: Hall) -> None:
    """Consent, terms, instructions and every case, without the mouse."""
    page.goto(f"{hall.url}/")
    tab_to(page, "Begin reading")
    page.keyboard.press("Enter")
    for title, button in (
        ("Before you begin", "I agree and take part"),
        ("Terms of use", "I meet these terms and agree to follow them"),
        ("Instructions", "I have read this: go on"),
    ):
        expect(page.locator("#stage-title")).to_have_text(title)
        tab_to(page, button)
        page.keyboard.press("Enter")
    for number in range(1, CASES + 1):
        expect(page.locator("#case-title")).to_have_text(f"Case {number} of {CASES}")
        expect(page.locator("#answers")).to_be_visible()
        for key in ("y" if number % 2 else "n", str(number % 5 + 1), "3", "2", "Enter"):
            page.keyboard.press(key)
    expect(page.get_by_role("heading", name="All cases are read")).to_be_visible()


def _monitor_and_close(page: Page, hall: Hall) -> None:
    page.goto(f"{hall.url}/studies/new-chest/people/")
    expect(page.get_by_text(f"{CASES} of {CASES}")).to_have_count(len(NAMES))
    expect(page.get_by_text("finished", exact=True)).to_have_count(len(NAMES))
    page.goto(f"{hall.url}/studies/new-chest/")
    page.get_by_label("Reason").fill("all three have finished")
    page.get_by_role("button", name="Close reading").click()
    page.get_by_role("link", name="Open the key").click()


def _open_the_key(ada: Page, ben: Page, hall: Hall) -> None:
    """One admin asks, with the password; the other opens, with the file and the password."""
    ada.get_by_label("Reason").fill("reading is over")
    ada.get_by_label("Password").fill("not the password")
    ada.get_by_role("button", name="Ask to open the key").click()
    expect(ada.get_by_text("This is not your password.")).to_be_visible()
    ada.get_by_label("Reason").fill("reading is over")
    ada.get_by_label("Password").fill(PASSWORD)
    ada.get_by_role("button", name="Ask to open the key").click()
    expect(ada.get_by_text("Another admin of the study must open the key", exact=False)).to_be_visible()
    ben.goto(f"{hall.url}/results/new-chest/")
    ben.get_by_label("Sealed file (key.csv)").set_input_files(hall.case_set.key)
    ben.get_by_label("Password").fill(PASSWORD)
    ben.get_by_role("button", name="Open the key").click()
    expect(ben.get_by_role("heading", name="Primary comparison", exact=False)).to_be_visible(timeout=60_000)
    ada.goto(f"{hall.url}/results/new-chest/")


def _check(data: bytes, locked: bytes, hall: Hall) -> None:
    """Compare the export with the key, the locked protocol and what the commands say."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    assert files["protocol.json"] == locked
    protocol = json.loads(locked)
    assert protocol["terms"]["cases"]["credential"] == TERMS["credential"]
    assert [question["key"] for question in protocol["protocol"]["questions"]][-1] == "sure"
    assert hashlib.sha256(locked).hexdigest().encode() in files["README.txt"]
    rows = _rows(files, "ratings.csv")
    assert len(rows) == len(NAMES) * CASES
    assert {row["quality_status"] for row in rows} == {"answered"}
    key = {row["case"]: row["arm"] for row in csv.DictReader(hall.case_set.key.read_text().splitlines())}
    assert all(row["arm"] == key[row["case"]] for row in rows)
    profiles = {(row["years_reading"], row["specialty"]) for row in _rows(files, "readers.csv")}
    assert profiles == {("7", "Thoracic radiology")}
    trail = _rows(files, "audit.csv")
    confirmed = [row for row in trail if row["kind"] == "terms.confirmed"]
    assert len(confirmed) == 1 + len(NAMES)
    assert {json.loads(row["values"])["sha256"] for row in confirmed} == {
        protocol["terms"]["cases"]["sha256"]
    }
    asked, opened = (
        next(row["actor"] for row in trail if row["kind"] == kind)
        for kind in ("study.unblinding_asked", "study.unblinded")
    )
    assert asked != opened
    kept = hall.site.home / "heads.json"
    kept.write_bytes(files["audit_heads.json"])
    assert "are in their chains" in hall.site.manage("verify_audit", "--heads", str(kept)).stdout
    replayed = hall.site.manage("replay_ratings", "new-chest").stdout
    assert f"{len(NAMES) * CASES} saved answers match the audit trail" in replayed


def _rows(files: dict[str, bytes], name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(files[name].decode())))
