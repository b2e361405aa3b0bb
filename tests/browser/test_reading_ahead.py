"""The next image while the save travels; forty cases by keyboard; memory; network cuts. Timings are printed only."""

import statistics
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from readerstudy.study.models import Rating, Reader
from tests.browser.chromium import intercept, until
from tests.browser.conftest import LiveStudy, sign_in_as, sign_in_without_form
from tests.browser.served import made_study, served

pytestmark = [pytest.mark.browser, pytest.mark.django_db]

CASES = 40
SINCE = """() => {
  const at = (name) => performance.getEntriesByName(name).at(-1)?.startTime ?? 0;
  return at("case-painted") - at("case-submitted");
}"""
INK = """() => {
  const canvas = document.querySelector("#viewer");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let sum = 0;
  for (let index = 0; index < data.length; index += 4) sum = (sum * 31 + data[index]) % 2147483647;
  return sum;
}"""
MEGABYTE = 2**20


@pytest.fixture(scope="module")
def forty(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveStudy]:
    with django_db_blocker.unblock():
        study = made_study(tmp_path_factory.mktemp("forty"), "forty", pairs=CASES // 2)
        with served(study) as live:
            yield live


@pytest.fixture
def forty_reader(forty: LiveStudy) -> Reader:
    return forty.reader()


@pytest.fixture
def room(page: Page, forty: LiveStudy, forty_reader: Reader) -> Iterator[Page]:
    sign_in_without_form(page, forty.url, forty_reader)
    page.goto(forty.room)
    yield page
    page.goto("about:blank")


def at_case(page: Page, number: int, of: int = CASES) -> None:
    expect(page.locator("#case-title")).to_have_text(f"Case {number} of {of}")
    expect(page.locator("#answers")).to_be_visible()


def rate(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def fetched_ahead(page: Page) -> None:
    """Wait until the next image has come, been decoded and prepared."""
    until(page, "performance.getEntriesByType('resource').filter((e) => /frames/.test(e.name)).length >= 2")
    page.wait_for_timeout(100)


def heap(page: Page) -> float:
    """Return the bytes of JavaScript that live after a collection."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    size = session.send("Runtime.getHeapUsage")
    session.detach()
    return float(size["usedSize"]) + float(size.get("backingStorageSize", 0))


def test_the_next_image_stands_there_before_the_save_has_come_through(
    room: Page, forty_reader: Reader
) -> None:
    at_case(room, 1)
    fetched_ahead(room)
    first = room.evaluate(INK)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    intercept(room, "**/answers/**", hold)
    rate(room, "y", "4", "2", "Enter")
    expect(room.locator("#case-title")).to_have_text("Case 2 of 40")
    until(room, f"({SINCE})() > 0")
    early = room.evaluate(INK)
    assert early != first
    # No form under it and no word of being saved until the server says so.
    expect(room.locator("#answers")).to_be_hidden()
    expect(room.locator("#save-state")).to_have_text("Saving …")
    assert not Rating.objects.filter(assignment__reader=forty_reader).exists()
    print(f"submit to next image painted: {room.evaluate(SINCE):.1f} ms")
    room.wait_for_timeout(300)
    held[0].continue_()
    at_case(room, 2)
    expect(room.locator("#save-state")).to_have_text("Case 1 saved")
    assert room.evaluate(INK) == early
    rate(room, "n", "1", "1", "Enter")
    room.wait_for_timeout(50)
    held[1].continue_()
    at_case(room, 3)
    second = Rating.objects.get(assignment__reader=forty_reader, assignment__position=2)
    # The clock of the second case runs from its pixels, not from its form.
    assert second.times["visible_ms"] >= 300


def test_a_save_that_fails_brings_the_case_back_with_its_answers(room: Page, forty_reader: Reader) -> None:
    at_case(room, 1)
    fetched_ahead(room)
    first = room.evaluate(INK)
    intercept(room, "**/answers/**", lambda route: route.abort())
    rate(room, "n", "3", "5", "Enter")
    expect(room.locator("#save-state")).to_have_text("Not saved yet, retrying")
    at_case(room, 1)
    assert room.evaluate(INK) == first
    chosen = room.eval_on_selector_all("#answers input:checked", "all => all.map((one) => one.value)")
    assert chosen == ["0", "3", "5"]
    room.unroute("**/answers/**")
    at_case(room, 2)
    # Having seen the second image for a moment is a visit to it.
    rate(room, "y", "2", "2", "Enter")
    at_case(room, 3)
    ratings = Rating.objects.filter(assignment__reader=forty_reader).order_by("assignment__position")
    assert [len(rating.times["visits"]) for rating in ratings] == [1, 2]


def test_forty_cases_by_keyboard_alone(room: Page, forty_reader: Reader) -> None:
    times, heaps = [], {}
    for number in range(1, CASES + 1):
        at_case(room, number)
        if number in (5, CASES):
            heaps[number] = heap(room)
        rate(room, "n" if number % 3 else "y", str(1 + number % 5), str(5 - number % 5), "Enter")
        if number < CASES:
            expect(room.locator("#save-state")).to_have_text(f"Case {number} saved")
            times.append(room.evaluate(SINCE))
    expect(room.get_by_role("heading", name="All cases are read")).to_be_visible()
    ratings = list(Rating.objects.filter(assignment__reader=forty_reader).order_by("assignment__position"))
    assert [rating.answers["quality"]["value"] for rating in ratings] == [
        1 + n % 5 for n in range(1, CASES + 1)
    ]
    assert [rating.answers["agree"]["value"] for rating in ratings] == [
        0 if n % 3 else 1 for n in range(1, CASES + 1)
    ]
    print(
        f"submit to next image: median {statistics.median(times):.1f} ms, longest {max(times):.1f} ms, 39 cases"
    )
    print(
        f"live JavaScript: {heaps[5] / MEGABYTE:.2f} MB at case 5, {heaps[CASES] / MEGABYTE:.2f} MB at case {CASES}"
    )
    assert heaps[CASES] < heaps[5] + 2 * MEGABYTE


@pytest.mark.parametrize("seconds", [3, pytest.param(20, marks=pytest.mark.drill)])
def test_a_cut_network_loses_nothing(room: Page, forty_reader: Reader, seconds: int) -> None:
    at_case(room, 1)
    rate(room, "y", "4", "2")
    room.context.set_offline(True)
    rate(room, "Enter")
    expect(room.locator("#save-state")).to_have_text("Not saved yet, retrying")
    room.wait_for_timeout(1000 * seconds)
    assert not Rating.objects.filter(assignment__reader=forty_reader).exists()
    room.context.set_offline(False)
    expect(room.locator("#case-title")).to_have_text("Case 2 of 40", timeout=30_000)
    at_case(room, 2)
    rate(room, "n", "1", "1", "Enter")
    at_case(room, 3)
    saved = Rating.objects.filter(assignment__reader=forty_reader).order_by("assignment__position")
    assert [rating.answers["quality"]["value"] for rating in saved] == [4, 1]


@pytest.mark.drill
def test_memory_is_flat_over_a_hundred_large_cases(
    page: Page, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with django_db_blocker.unblock():
        study = made_study(tmp_path_factory.mktemp("hundred"), "hundred", pairs=50, rows=1250, columns=1024)
        with served(study) as live:
            sign_in_as(page, live.url, "first-hundred@example.org")
            page.goto(live.room)
            heaps = {}
            for number in range(1, 101):
                at_case(page, number, 100)
                if number % 10 == 0:
                    heaps[number] = heap(page) / MEGABYTE
                rate(page, "y", "3", "3", "Enter")
            expect(page.get_by_role("heading", name="All cases are read")).to_be_visible()
            page.goto("about:blank")
    print("live JavaScript, MB by case:", {number: round(size, 1) for number, size in heaps.items()})
    assert max(heaps.values()) < heaps[10] + 8
