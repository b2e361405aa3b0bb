"""Every kind of question, the stages around the cases, going back, a reader's own keys: in a real Chromium."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from readerstudy.study.models import Rating, Reader
from readerstudy.study.protocol import Protocol
from readerstudy.study.protocol.questions import After, Level, Question
from tests.browser.chromium import drawn
from tests.browser.conftest import LiveStudy, sign_in_without_form
from tests.browser.served import made_study, served
from tests.browser.test_every_page import RULES

pytestmark = [pytest.mark.browser, pytest.mark.django_db]

NO = After("agree", (0,))
SIGNS = tuple(Level(value, label) for value, label in enumerate(("none", "edge", "texture", "shape"), 1))
QUALITY = tuple(Level(value, label) for value, label in enumerate(("poor", "fair", "good"), 1))
QUESTIONS = (
    Question("agree", "Do you agree?", "yes_no"),
    Question("wrong", "Which labels are wrong?", "wrong_labels", after=NO),
    Question("absent", "Which labels are missing?", "missing_labels", after=NO, required=False,
             vocabulary=("Nodule", "Mass", "Effusion"), other=False),
    Question("signs", "Which signs do you see?", "multiple_choice", SIGNS, fewest=2, most=3),
    Question("size", "How large is it?", "number", minimum=1, maximum=300, whole=True, unit="mm",
             help="The longest side."),
    Question("where", "Where is it?", "mark", shapes=("rectangle", "arrow"), most=2),
    Question("words", "Anything else?", "text", required=False, longest=50),
    Question("sharp", "Is it sharp?", "ordinal", QUALITY),
    Question("spot", "Where are they wrong?", "mark", after=NO, required=False, shapes=("ellipse",)),
)  # fmt: skip
PROTOCOL = Protocol(
    instructions="Read **every** case as in your practice.",
    consent="I take part of my own will.",
    ending="You have helped a lot.",
    questions=QUESTIONS,
    endpoints=("agree",),
    display_check="warn",
    back="session",
    break_cases=1,
)


@pytest.fixture(scope="module")
def kinds(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveStudy]:
    """Serve a study with a question of each kind, consent, instructions and a display check."""
    with django_db_blocker.unblock():
        study = made_study(tmp_path_factory.mktemp("kinds"), "kinds", pairs=4, protocol=PROTOCOL)
        with served(study) as live:
            yield live


@pytest.fixture
def kind_reader(kinds: LiveStudy) -> Reader:
    return kinds.reader()


@pytest.fixture
def room(page: Page, kinds: LiveStudy, kind_reader: Reader) -> Iterator[Page]:
    sign_in_without_form(page, kinds.url, kind_reader)
    page.goto(kinds.room)
    yield page
    page.goto("about:blank")


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def at_case(page: Page, number: int) -> None:
    expect(page.locator("#case-title")).to_have_text(f"Case {number} of 8")
    expect(page.locator("#answers")).to_be_visible()


def nothing(page: Page) -> None:
    """Look at nothing more."""


def through_the_stages(page: Page, look: Callable[[Page], None] = nothing) -> None:
    """By keyboard: consent, instructions, display check."""
    expect(page.get_by_role("heading", name="Before you begin")).to_be_visible()
    expect(page.locator("#viewer")).to_be_hidden()
    look(page)
    press(page, "Tab", "Enter")
    expect(page.get_by_role("heading", name="Instructions")).to_be_visible()
    expect(page.locator("#stage-body strong")).to_have_text("every")
    look(page)
    press(page, "Tab", "Enter")
    expect(page.get_by_role("heading", name="Check your display")).to_be_visible()
    look(page)
    press(page, "Tab", " ", "Tab", " ", "Tab", " ", "Tab", "Enter")
    at_case(page, 1)


def answer(page: Page) -> None:
    """Answer everything by keyboard alone; a mark is drawn with arrows and Enter."""
    press(page, "n", "1")  # wrong: the first label
    press(page, "Enter")  # leaves the list
    page.locator("#entry-absent").focus()
    page.keyboard.type("nodule")
    press(page, "Enter")
    page.locator("#case-title").focus()
    press(page, "2", "4", "Enter")  # signs
    press(page, "4", "2", "Escape")  # the first digit goes into the number's field, the rest is typed
    press(page, "b", "ArrowUp", "Enter", "ArrowRight", "ArrowRight", "ArrowDown", "ArrowDown", "Enter")
    press(page, "3")


def test_from_consent_to_a_saved_case_by_keyboard(room: Page, kind_reader: Reader) -> None:
    through_the_stages(room)
    answer(room)
    press(room, "Enter")
    at_case(room, 2)
    expect(room.locator("#break-text")).to_have_text("One case without a break.")
    rating = Rating.objects.get(assignment__reader=kind_reader)
    given = {key: (each["status"], each["value"]) for key, each in rating.answers.items()}
    labels = rating.assignment.case.labels
    assert given["wrong"] == ("answered", [labels[0]])
    assert given["absent"] == ("answered", ["Nodule"])
    assert given["signs"] == ("answered", [2, 4])
    assert given["size"] == ("answered", 42)
    assert given["where"][0] == "answered"
    assert given["words"][0] == "left_blank"
    assert given["sharp"] == ("answered", 3)
    kind_reader.refresh_from_db()
    assert kind_reader.consented_at is not None


def test_what_was_entered_is_saved_or_asked_about(room: Page, kind_reader: Reader) -> None:
    """A label that was typed and not added, and then an open list, when the button is clicked."""
    through_the_stages(room)
    answer(room)
    room.get_by_role("button", name="Take Nodule back").click()
    room.locator("#entry-absent").fill("Nodule")
    save = room.get_by_role("button", name="Save and go on")
    save.click()
    expect(room.locator("#form-note")).to_have_text(
        "Finish or clear what you entered: “Which labels are missing?”"
    )
    room.get_by_role("button", name="Add", exact=True).click()
    room.locator('[data-key="signs"] .choice').nth(2).click()
    save.click()
    at_case(room, 2)
    answers = Rating.objects.get(assignment__reader=kind_reader).answers
    assert (answers["absent"]["value"], answers["signs"]["value"]) == (["Nodule"], [2, 3, 4])


def axe_finds_nothing(page: Page) -> None:
    violations = Axe().run(page, options=RULES).response["violations"]
    assert [(each["id"], [node["target"] for node in each["nodes"]]) for each in violations] == []


def test_axe_finds_nothing_on_any_stage_question_or_dialog(room: Page) -> None:
    through_the_stages(room, axe_finds_nothing)
    press(room, "n", "1")
    axe_finds_nothing(room)
    for key, name in (("?", "Keys and mouse"), ("p", "Paused")):
        press(room, key)
        expect(room.get_by_role("dialog", name=name)).to_be_visible()
        axe_finds_nothing(room)
        press(room, "Escape")
    press(room, "Enter")
    at_case(room, 1)


def test_a_follow_up_is_asked_only_after_its_answer(room: Page, kind_reader: Reader) -> None:
    through_the_stages(room)
    wrong = room.locator('[data-key="wrong"]')
    expect(wrong).to_be_hidden()
    press(room, "n")
    expect(wrong).to_be_visible()
    press(room, "1", "Backspace", "Backspace", "y")
    expect(wrong).to_be_hidden()


def test_a_mark_can_be_drawn_only_while_it_is_asked_for(room: Page, kind_reader: Reader) -> None:
    through_the_stages(room)
    ellipse, cross = room.locator('.tools [data-tool="ellipse"]'), room.locator(".marks .mark-cursor")
    expect(ellipse).to_be_hidden()
    press(room, "n")
    expect(ellipse).to_be_visible()
    press(room, "e")
    expect(cross).to_have_count(1)
    expect(ellipse).to_have_attribute("aria-pressed", "true")
    yes = room.get_by_role("radio", name="Yes").first
    yes.check()
    expect(ellipse).to_be_hidden()
    expect(cross).to_have_count(0)
    expect(yes).to_be_focused()
    expect(room.locator('.tools [data-tool="rectangle"]')).to_be_visible()
    press(room, "e")
    expect(room.locator("#form-note")).to_have_text("No question asks for a mark of this kind.")


def nothing_overflows(page: Page) -> None:
    """Look at the widths at which the rail is narrowest for its contents."""
    before = page.viewport_size
    for width in (1280, 1366, 1440, 1920):
        page.set_viewport_size({"width": width, "height": 900})
        # Against the rail's own edge: an overflow may have scrolled the whole page aside.
        over, edge, broken = page.evaluate(
            """() => {
              const edge = document.querySelector(".rail").getBoundingClientRect().right;
              const over = [...document.querySelectorAll(".rail *")]
                .filter((each) => each.checkVisibility() && each.getBoundingClientRect().right > edge)
                .map((each) => each.id || each.className || each.tagName);
              const broken = [...document.querySelectorAll(".rail .button")]
                .filter((each) => each.checkVisibility() && /^\\w+$/.test(each.textContent.trim()))
                .filter((each) => {
                  const word = document.createRange();
                  word.selectNodeContents(each);
                  return new Set([...word.getClientRects()].map(({ top }) => top)).size > 1;
                })
                .map((each) => each.textContent.trim());
              return [over, edge, broken];
            }"""
        )
        assert edge == width
        assert over == [], width
        assert broken == [], width
    assert before is not None
    page.set_viewport_size(before)


def test_going_back_keeps_both_answers_and_comes_forward_again(room: Page, kind_reader: Reader) -> None:
    through_the_stages(room)
    answer(room)
    press(room, "Enter")
    at_case(room, 2)
    press(room, "PageUp")
    at_case(room, 1)
    expect(room.locator("#session")).to_contain_text("You went back")
    assert room.locator('[data-key="sharp"] input:checked').input_value() == "3"
    expect(room.locator(".marks .mark-line")).to_have_count(1)
    room.locator('[data-key="sharp"] .choice').first.click()
    press(room, "Enter")
    at_case(room, 2)
    ratings = Rating.objects.filter(assignment__reader=kind_reader).order_by("revision")
    assert [rating.answers["sharp"]["value"] for rating in ratings] == [3, 1]
    assert len(ratings[1].times["visits"]) >= 1


def test_both_ways_out_of_a_former_case_fit_into_the_rail(room: Page) -> None:
    through_the_stages(room)
    for number in (1, 2):
        answer(room)
        press(room, "Enter")
        at_case(room, number + 1)
    press(room, "PageUp")
    at_case(room, 2)
    expect(room.locator("#save-state")).to_have_text("Case 2 saved")
    for name in ("Back", "Forward", "Sign out"):
        expect(room.get_by_role("button", name=name, exact=True)).to_be_visible()
    nothing_overflows(room)


def test_a_pause_blanks_the_image_and_keeps_the_draft(room: Page) -> None:
    through_the_stages(room)
    press(room, "y", "p")
    expect(room.get_by_role("dialog", name="Paused")).to_be_visible()
    assert (
        room.evaluate(
            "document.querySelector('#viewer').getContext('2d').getImageData(500, 300, 1, 1).data[0]"
        )
        == 0
    )
    expect(room.get_by_text("Press Enter, or the pause key again")).to_be_visible()
    press(room, "n", "i", "ArrowUp", "1")
    expect(room.get_by_role("dialog", name="Paused")).to_be_visible()
    press(room, "p")
    at_case(room, 1)
    expect(room.get_by_role("dialog", name="Paused")).to_be_hidden()
    assert room.locator('[data-key="agree"] input:checked').input_value() == "1"
    press(room, "p")
    room.locator("#message-body").click()  # takes the focus from the button
    press(room, "Enter")
    at_case(room, 1)
    assert room.locator('[data-key="agree"] input:checked').input_value() == "1"


def test_a_tool_taken_by_key_shows_its_cross_and_the_first_enter_begins(room: Page) -> None:
    through_the_stages(room)
    cross, marks = room.locator(".marks .mark-cursor"), room.locator(".marks .mark-line")
    press(room, "b")
    expect(cross).to_have_count(1)
    image, middle = room.locator("#viewer").bounding_box(), cross.bounding_box()
    assert image is not None
    assert middle is not None
    for start, size in (("x", "width"), ("y", "height")):
        assert abs(image[start] + image[size] / 2 - middle[start] - middle[size] / 2) < 1
    press(room, "Enter", "ArrowRight", "ArrowRight", "ArrowDown", "Enter")
    expect(marks).to_have_count(1)
    expect(cross).to_have_count(0)
    press(room, "b", "b")
    expect(cross).to_have_count(0)
    room.get_by_role("button", name="Arrow", exact=True).first.click()
    expect(room.locator('.tools [data-tool="arrow"]')).to_have_attribute("aria-pressed", "true")
    expect(cross).to_have_count(0)  # a pointer needs none


def test_a_mark_is_moved_resized_and_removed(room: Page, kind_reader: Reader) -> None:
    """By pointer: pull its line, pull a corner. By keyboard: choose, arrows, Shift and arrows, Delete."""
    through_the_stages(room)
    press(room, "b", "Enter", *["ArrowRight"] * 6, *["ArrowDown"] * 6, "Enter")
    line, handles = room.locator(".marks .mark-line"), room.locator(".marks .mark-handle")
    expect(line).to_have_count(1)
    drawn(room)
    first = line.bounding_box()
    assert first is not None

    def pull(start: tuple[float, float], by: tuple[int, int]) -> dict[str, float]:
        room.mouse.move(*start)
        room.mouse.down()
        room.mouse.move(start[0] + by[0], start[1] + by[1], steps=4)
        room.mouse.up()
        drawn(room)
        box = line.bounding_box()
        assert box is not None
        return {name: float(value) for name, value in box.items()}

    moved = pull((first["x"] + first["width"] / 2, first["y"] + 1), (30, 20))
    expect(handles).to_have_count(4)
    assert moved["x"] - first["x"] == pytest.approx(30, abs=1.5)
    assert moved["width"] == pytest.approx(first["width"], abs=1.5)
    larger = pull((moved["x"] + moved["width"] - 1, moved["y"] + moved["height"] - 1), (24, 0))
    assert larger["width"] - moved["width"] == pytest.approx(24, abs=1.5)
    assert larger["x"] == pytest.approx(moved["x"], abs=1.5)
    press(room, "Escape")
    expect(handles).to_have_count(0)
    press(room, "s", "ArrowLeft", "ArrowLeft", "Shift+ArrowLeft")
    expect(handles).to_have_count(4)
    drawn(room)
    nudged = line.bounding_box()
    assert nudged is not None
    assert nudged["x"] - larger["x"] == pytest.approx(-8, abs=1.5)
    assert nudged["width"] - larger["width"] == pytest.approx(-4, abs=1.5)
    press(room, "Delete")
    expect(line).to_have_count(0)
    press(room, "x")
    expect(room.locator("#form-note")).to_have_text("There is no mark to undo.")


def test_a_key_that_does_nothing_says_why(room: Page) -> None:
    through_the_stages(room)
    expect(room.locator('.tools [data-tool="ellipse"]')).to_be_hidden()
    for key, why in (
        ("e", "No question asks for a mark of this kind."),
        ("9", "No open question has an answer of this number."),
        ("Backspace", "There is no answer to undo."),
        ("PageUp", "There is no earlier case that you can go back to."),
    ):
        press(room, key)
        expect(room.locator("#form-note")).to_have_text(why)


def test_a_technical_problem_throughout_is_asked_about_once(room: Page, kind_reader: Reader) -> None:
    through_the_stages(room)
    press(room, "t", "Enter")
    expect(room.locator("#form-note")).to_contain_text("Press Enter again")
    assert not Rating.objects.filter(assignment__reader=kind_reader).exists()
    press(room, "Enter")
    at_case(room, 2)


def test_own_keys_are_kept_on_the_server(room: Page, kinds: LiveStudy) -> None:
    through_the_stages(room)
    press(room, "?")
    room.get_by_role("button", name="Invert: I. Change the key").click()
    press(room, "y")
    expect(room.locator("#keymap-note")).to_contain_text("in use: Yes")
    room.get_by_role("button", name="Invert: I. Change the key").click()
    with room.expect_response("**/keys/"):
        press(room, "v")
    press(room, "Escape")
    room.reload()
    at_case(room, 1)
    invert = room.locator('[data-tool="invert"]')
    press(room, "i")
    expect(invert).to_have_attribute("aria-pressed", "false")
    press(room, "v")
    expect(invert).to_have_attribute("aria-pressed", "true")


def test_a_number_out_of_range_is_told_and_not_sent(room: Page, kind_reader: Reader) -> None:
    through_the_stages(room)
    room.locator("#entry-size").fill("301")
    expect(room.locator("#entry-size-note")).to_have_text("Expected at most 300 mm.")
    room.locator("#case-title").focus()
    press(room, "Enter")
    expect(room.locator("#form-note")).to_contain_text("still open")
    assert not Rating.objects.filter(assignment__reader=kind_reader).exists()
