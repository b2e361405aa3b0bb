"""Two people in real browsers on a real site, neither with a shell: a researcher from files on their own disk to a case
set whose key they saved, and a study admin from nothing to an export. The site, its database and its workers are what
`serve` starts; only what a browser does is looked at.
"""

import io
import re
import shutil
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from readerstudy.environment import BASE
from tests.browser.conftest import lock
from tests.browser.test_handover import look
from tests.browser.test_study_life import tab_to
from tests.servers.process import Server, free_port
from tests.servers.site import Site, _answers
from tests.stock import PASSWORD, make_case_set
from tests.sweep.tiny import SMALL, write_images, write_labels

pytestmark = pytest.mark.browser

SPLITS = {"test": 40, "train": 24, "val": 12}
PAIRS, PRACTICE = 4, 2
READERS = ("nora@example.org", "otto@example.org")
MOST_CLICKS = 28
PEOPLE = """
import django
django.setup()
from readerstudy.study.protocol import Protocol
from readerstudy.study.design.lifecycle import create_study
from tests.stock import grant_researcher, person
create_study(slug="earlier", title="An earlier study", protocol=Protocol(), actor=person("Ada"))
grant_researcher(user=person("Rita"), actor=None)
"""
"""The accounts, as the operator of the server makes them."""
COUNT = """
addEventListener("click", (event) => {
  if (event.isTrusted && event.detail > 0) sessionStorage.clicks = Number(sessionStorage.clicks ?? 0) + 1;
}, true);
addEventListener("change", (event) => {
  if (event.target.matches("select")) sessionStorage.clicks = Number(sessionStorage.clicks ?? 0) + 2;
}, true);
"""
"""Every click of the mouse is counted; a choice out of a list is two, one to open it and one to choose."""


class Place:
    """The served site, a browser for each person, and a disk with the researcher's files."""

    def __init__(self, browser: Browser, url: str, disk: Path) -> None:
        self.browser, self.url, self.disk = browser, url, disk

    def visitor(self, *, counted: bool = False) -> Page:
        context = self.browser.new_context(viewport={"width": 1366, "height": 900}, accept_downloads=True)
        context.set_default_timeout(60_000)
        if counted:
            context.add_init_script(COUNT)
        return context.new_page()

    def sign_in(self, name: str, *, counted: bool = False) -> Page:
        page = self.visitor(counted=counted)
        page.goto(f"{self.url}/accounts/sign-in/")
        page.get_by_label("Email").fill(f"{name}@example.org")
        page.get_by_label("Password").fill(PASSWORD)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Your work")).to_be_visible()
        return page


@pytest.fixture(scope="module")
def place(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("two")
    site = Site(folder / "site", {"MFA_REQUIRED": "none", "DISK_FREE_GB": "0", "OMP_NUM_THREADS": "1"})
    site.manage("setup")
    site.run("-c", PEOPLE)
    (site.home / "case-sets").mkdir()
    made = make_case_set(folder / "practice", pairs=PRACTICE // 2, nonce=b"\x09" * 32)
    shutil.move(made.folder, site.home / "case-sets" / "practice")
    for number, (split, count) in enumerate(SPLITS.items()):
        names = [f"{split}{image:03d}.png" for image in range(count)]
        write_images(folder / "chests" / "images", names, size=64, seed=number)
        write_labels(folder / "chests" / f"{split}.csv", names, seed=number)
    port = free_port()
    server = Server(
        "site", "root", [sys.executable, "manage.py", "serve", "--port", str(port)], site.home, port,
        f"http://127.0.0.1:{port}",
    )  # fmt: skip
    server.ready = lambda: _answers(f"http://127.0.0.1:{port}/healthz/")
    server.start_in(BASE, site.environment)
    yield Place(browser, server.url, folder)
    server.stop()


def test_two_people_without_a_shell(place: Place) -> None:
    rita = place.sign_in("rita")
    _upload(rita, place)
    _train_and_sweep(rita)
    key = _hand_over(rita, place)
    ada = place.sign_in("ada", counted=True)
    links = _build_and_lock(ada)
    readers = [_join(place, link) for link in links]
    ada.get_by_role("button", name="Open the reading room").click()
    expect(ada.get_by_role("button", name="Close reading")).to_be_visible()
    for reader in readers:
        _read(reader, place)
    files = _close_and_export(ada, place, key)
    rows = pd.read_csv(io.BytesIO(files["ratings.csv"]))
    assert (len(rows), rows["reader"].nunique(), rows["case"].nunique()) == (4 * PAIRS, 2, 2 * PAIRS)
    arms = pd.read_csv(key, comment="#").set_index("case")["arm"]
    assert rows["arm"].tolist() == arms.loc[rows["case"]].tolist()
    clicks = int(ada.evaluate("sessionStorage.clicks"))
    print(f"{clicks} clicks from New study to the export")
    assert 20 < clicks < MOST_CLICKS
    ada.context.close()
    _analyse(rita, place, files["ratings.csv"])
    rita.context.close()


def _upload(page: Page, place: Place) -> None:
    page.get_by_role("link", name="Data sets").click()
    page.get_by_role("link", name="Upload a data set").click()
    page.locator("#folder").set_input_files(place.disk / "chests")
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(
        page.get_by_text(f"{sum(SPLITS.values()) + 3} files have arrived. Say what they are")
    ).to_be_visible()
    page.get_by_label("Name", exact=True).fill("chests")
    page.get_by_label("Synthetic images").check()
    for split, label in (("test", "Test"), ("train", "Training"), ("val", "Validation")):
        page.get_by_label(f"{label} labels").fill(f"chests/{split}.csv")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("heading", name="What would be registered")).to_be_visible()
    page.get_by_role("button", name="Check and register").click()
    expect(page.get_by_role("heading", name="chests")).to_be_visible()


def _train_and_sweep(page: Page) -> None:
    page.get_by_role("link", name="train an ensemble").click()
    page.get_by_label("Name of the ensemble").fill("nets")
    page.get_by_label("Data set").select_option(label="chests")
    page.get_by_label("Architecture").fill(SMALL)
    for label, value in (
        ("Seeds", "0, 1"), ("At most epochs", "1"), ("Patience, epochs", "1"), ("Batch size", "8"),
        ("Image size, pixels", "32"), ("Threads", "1"),
    ):  # fmt: skip
        page.get_by_label(label, exact=True).fill(value)
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_text("finished", exact=True)).to_be_visible(timeout=240_000)
    page.get_by_role("link", name="Ensembles").first.click()
    page.get_by_role("link", name="nets").click()
    page.get_by_role("link", name="Sweep this ensemble").click()
    page.get_by_label("Shares of removed weights").fill("0, 0.9")
    page.get_by_label("Batch size").fill("8")
    page.get_by_label("Engine").select_option("torch")
    page.get_by_label("Threads").fill("1")
    page.get_by_role("button", name="Start the sweep").click()
    expect(page.get_by_text("finished", exact=True)).to_be_visible(timeout=240_000)


def _hand_over(page: Page, place: Place) -> Path:
    page.get_by_role("link", name="What it found").click()
    page.get_by_role("button", name="Begin a handover").click()
    page.get_by_label("Fraction").fill("0.4")
    page.get_by_label("Size", exact=True).fill(str(PAIRS))
    page.get_by_label("Controls", exact=True).select_option("random")
    page.get_by_label("Nearest").fill("")
    page.get_by_label("Same patient allowed").check()  # the data set has no metadata
    page.get_by_role("button", name="Draw", exact=True).click()
    expect(page.get_by_text(re.compile(rf"^{2 * PAIRS} cases in "))).to_be_visible(timeout=120_000)
    page.get_by_label("Name of the case set").fill("exemplars")
    page.get_by_role("button", name="Write the case set").click()
    expect(page.get_by_role("heading", name="Save the key")).to_be_visible(timeout=120_000)
    with page.expect_download() as waiting:
        page.get_by_role("link", name="key.csv").click()
    key = place.disk / "key.csv"
    waiting.value.save_as(key)
    page.get_by_label("The saved key").set_input_files(key)
    page.get_by_role("button", name="Confirm that the key is saved").click()
    expect(page.get_by_role("heading", name="The case set exemplars is ready")).to_be_visible()
    return key


def _build_and_lock(page: Page) -> list[str]:
    """From the first click to the lock; return the links of the invited readers."""
    page.get_by_role("link", name="New study").click()
    page.get_by_label("Title").fill("Exemplars")
    page.get_by_label("Short name").fill("exemplars")
    page.get_by_role("button", name="Create the draft").click()
    page.get_by_role("link", name="Load cases", exact=True).click()
    _load(page, "exemplars", "All cases are loaded.")
    page.get_by_role("radio", name="practice cases").check()
    _load(page, "practice", "All cases are loaded.")
    page.get_by_role("link", name="Exemplars", exact=True).click()
    page.get_by_role("link", name="People", exact=True).click()
    page.get_by_label("E-mail addresses").fill("\n".join(READERS))
    page.get_by_role("button", name="Create the invitation").click()
    links = re.findall(r"http\S+/invitations/[^\s<]+", page.locator(".messages").inner_text())
    assert len(links) == len(READERS)
    page.get_by_role("link", name="Images", exact=True).click()
    page.get_by_text("The images were drawn by a program").click()
    page.get_by_role("button", name="Record that no review is needed").click()
    page.get_by_role("link", name="Go on to the lock").click()
    lock(page)
    expect(page.get_by_role("button", name="Open the reading room")).to_be_visible()
    return links


def _load(page: Page, name: str, done: str) -> None:
    page.get_by_label("Case set", exact=True).select_option(name)
    page.get_by_role("button", name="Load the case set").click()
    expect(page.get_by_text(done)).to_be_visible(timeout=120_000)


def _join(place: Place, link: str) -> Page:
    """Follow an invitation and make an account."""
    page = place.visitor()
    page.goto(link)
    page.get_by_label("Your name").fill("A reader")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password again").fill(PASSWORD)
    page.get_by_label("Specialty").fill("Thoracic radiology")
    page.get_by_label("Years of reading radiographs").fill("7")
    page.get_by_role("button", name="Create the account").click()
    expect(page.get_by_role("heading", name="Your work")).to_be_visible()
    return page


def _read(page: Page, place: Place) -> None:
    """Practise and read every case, without the mouse."""
    page.goto(f"{place.url}/")
    tab_to(page, "Begin reading")
    page.keyboard.press("Enter")
    for number in range(1, PRACTICE + 1):
        _answer(page, f"Practice {number} of {PRACTICE}", number)
    expect(page.get_by_role("dialog", name="Practice is over")).to_be_visible()
    page.keyboard.press("Enter")
    for number in range(1, 2 * PAIRS + 1):
        _answer(page, f"Case {number} of {2 * PAIRS}", number)
    expect(page.get_by_role("heading", name="All cases are read")).to_be_visible()
    page.context.close()


def _answer(page: Page, title: str, number: int) -> None:
    expect(page.locator("#case-title")).to_have_text(title)
    expect(page.locator("#answers")).to_be_visible()
    for key in ("y" if number % 2 else "n", str(number % 5 + 1), "3", "Enter"):
        page.keyboard.press(key)


def _choose(field: Locator, file: Path) -> None:
    """Choose a file as a person does: by a click."""
    with field.page.expect_file_chooser() as chooser:
        field.click()
    chooser.value.set_files(file)


def _close_and_export(page: Page, place: Place, key: Path) -> dict[str, bytes]:
    page.get_by_label("Reason").fill("both have finished")
    page.get_by_role("button", name="Close reading").click()
    page.get_by_role("link", name="Open the key").click()
    page.get_by_label("Reason").fill("reading is over")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Ask to open the key").click()
    _choose(page.get_by_label("Sealed file (key.csv)"), key)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Open the key").click()
    expect(page.get_by_role("heading", name="Primary comparison", exact=False)).to_be_visible(timeout=120_000)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the export").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        files = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    page.get_by_role("link", name="Cases", exact=True).click()
    expect(page.get_by_text(f"{2 * PAIRS} ").first).to_be_visible()
    return files


def _analyse(page: Page, place: Place, ratings: bytes) -> None:
    """Have the exported ratings analysed as those of any other study, and take the report home."""
    page.get_by_role("link", name="Sweeps").click()
    page.get_by_role("link", name="Analyse ratings").click()
    look(page, "ratings")
    form = page.get_by_role("region", name="A table of ratings")
    wrong = form.get_by_label("Ratings", exact=True)
    wrong.set_input_files({"name": "wrong.csv", "mimeType": "text/csv", "buffer": b"reader,case\n"})
    form.get_by_role("button", name="Analyse", exact=True).click()
    expect(page.get_by_role("heading", name="The ratings could not be analysed")).to_be_visible()
    look(page, "ratings-refused")
    page.get_by_role("button", name="Upload again").click()
    wrong.set_input_files({"name": "ratings.csv", "mimeType": "text/csv", "buffer": ratings})
    form.get_by_role("button", name="Analyse", exact=True).click()
    expect(page.get_by_role("heading", name="The ratings are being analysed")).to_be_visible()
    look(page, "ratings-waiting")
    expect(page.get_by_role("heading", name="What was found")).to_be_visible(timeout=120_000)
    look(page, "ratings-done")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download everything, then delete it here").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert {"report.html", "results.json", "ratings.csv"} <= set(archive.namelist())
        assert archive.read("ratings.csv") == ratings
    assert not list(place.disk.glob("site-handovers/.*"))
