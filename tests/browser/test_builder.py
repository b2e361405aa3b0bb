"""An admin makes a study, builds its protocol and looks through a reader's eyes, in a real browser."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from readerstudy.audit.models import Event
from readerstudy.study.design.protocol_file import from_toml
from readerstudy.study.models import Rating, ReadingSession, Study
from readerstudy.study.protocol import Protocol
from tests.browser.conftest import LiveStudy, sign_in_without_form

pytestmark = [pytest.mark.browser, pytest.mark.django_db]


class _Admin:
    """In place of a reader: sign_in_without_form asks for a person only."""

    def __init__(self, person: Any) -> None:
        self.person = person


def test_admin_builds_a_protocol_and_previews_it(page: Page, live_study: LiveStudy) -> None:
    alice = live_study.study.memberships.get(role="study_admin").person
    sign_in_without_form(page, live_study.url, _Admin(alice))  # type: ignore[arg-type]
    page.goto(f"{live_study.url}/studies/new/")
    page.get_by_label("Title").fill("Built by hand")
    page.get_by_label("Short name").fill("built")
    page.get_by_label("which labels are wrong, which are missing").check()
    page.get_by_role("button", name="Create the draft").click()
    page.get_by_role("link", name="Protocol", exact=True).click()

    page.get_by_role("link", name="Edit texts").click()
    page.get_by_label("Instructions for readers").fill("# How to read\n\nTake your **time**.")
    page.get_by_label("Consent").fill("I take part of my own will.")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="How to read")).to_be_visible()

    expect(page.get_by_text("is answered with no").first).to_be_visible()

    page.get_by_text("Add a question").click()
    page.get_by_role("link", name="Scale").click()
    page.get_by_label("Question", exact=True).fill("How sure are you?")
    page.get_by_label("Name in exports").fill("sure")
    page.get_by_label("Levels").fill("1 = guess\n2 = fairly\n3 = certain")
    page.get_by_role("button", name="Save the question").click()
    page.get_by_role("button", name="Move “How sure are you?” up").click()

    page.get_by_role("link", name="Edit room").click()
    page.get_by_label("May readers go back?").select_option("last")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Edit rules").click()
    page.get_by_label("Stopping rule").fill("When every reader has finished.")
    page.get_by_role("button", name="Save").click()

    protocol = Protocol.from_json(Study.objects.get(slug="built").protocol)
    keys = [question.key for question in protocol.questions]
    assert keys == ["agree", "wrong_labels", "missing_labels", "quality", "sure", "difficulty"]
    assert (protocol.back, protocol.stopping) == ("last", "When every reader has finished.")

    with page.expect_download() as download:
        page.get_by_role("link", name="Download as TOML").click()
    assert from_toml(Path(download.value.path()).read_bytes()) == ("Built by hand", protocol)

    _preview(page)
    page.goto(f"{live_study.url}/studies/built/planning/")
    expect(page.get_by_text("Power by formula").first).to_be_visible()
    pictures = page.locator("figure img").all()
    assert len(pictures) == 2
    for picture in pictures:
        assert picture.evaluate("image => image.decode().then(() => image.naturalWidth > 0)")
    page.goto("about:blank")


def _preview(page: Page) -> None:
    before = (Rating.objects.count(), ReadingSession.objects.count(), Event.objects.count())
    page.get_by_role("link", name="Preview as a reader").click()
    page.get_by_role("button", name="I agree and take part").click()
    expect(page.locator("#stage-body").get_by_text("Take your time.")).to_be_visible()
    page.get_by_role("button", name="I have read this: go on").click()
    expect(page.locator("#case-title")).to_have_text("Case 1 of 1")
    expect(page.locator(".rail-notice").get_by_text("Preview: nothing is stored")).to_be_visible()
    expect(page.get_by_text("How sure are you?")).to_be_visible()
    page.keyboard.press("y")
    for key in ("3", "2", "4"):
        page.keyboard.press(key)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="End of the preview")).to_be_visible()
    expect(page.get_by_text("Nothing was stored.")).to_be_visible()
    expect(page.get_by_role("button", name="Sign out")).to_have_count(0)
    expect(page.locator("#stage").get_by_role("link", name="Back to the protocol")).to_have_attribute(
        "href", "/studies/built/protocol/"
    )
    assert (Rating.objects.count(), ReadingSession.objects.count(), Event.objects.count()) == before
    page.go_back()
