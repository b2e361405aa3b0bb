"""Time the reading room end to end: python -m bench.reading [--runs 5] [--images 2]. Prints medians; asserts nothing.

Serves a study of synthetic radiographs of 2048 x 2500 pixels and 12 bit on loopback by gunicorn, signs in as a
reader, and reads by keyboard in Chromium without a GPU. Then the workstation page measures the same viewer.
Needs requirements-dev.txt and a Chromium.
"""

import argparse
import gzip
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

CASES = 12
ROWS, COLUMNS = 2500, 2048
WINDOW = {"width": 1920, "height": 1080}
SINCE = """() => {
  const at = (name) => performance.getEntriesByName(name).at(-1)?.startTime ?? 0;
  return at("case-painted") - at("case-submitted");
}"""
ROLES = ("L-CC", "R-CC", "L-MLO", "R-MLO")
DRAG = """async () => {
  const times = [];
  for (let step = 0; step < 30; step += 1) {
    const began = performance.now();
    document.dispatchEvent(new KeyboardEvent("keydown", { key: step % 2 ? "ArrowUp" : "ArrowDown", bubbles: true }));
    await new Promise((done) => requestAnimationFrame(done));
    times.push(performance.now() - began);
  }
  return times;
}"""
"""Change the window of the active image by arrow keys, which drag it; from the event to the frame that shows it."""
Figures = dict[str, list[float]]


def make_site(home: Path, images: int) -> None:
    """Make a site with a study of full-size synthetic images that is being read, so many to a case."""
    os.environ |= {"READERSTUDY_HOME": str(home), "SECRET_KEY": "only for a bench", "AUDIT_KEY": "00" * 32}
    os.environ |= {"DJANGO_SETTINGS_MODULE": "readerstudy.settings", "DJANGO_ALLOW_ASYNC_UNSAFE": "1"}
    (home / "static").mkdir(parents=True)
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    from readerstudy.audit.epochs import begin_first_epoch
    from readerstudy.ops.serve.workstation import synthetic
    from tests import stock
    from tests.browser.served import made_study

    begin_first_epoch()
    # The bench's image in place of the small one: smooth, with noise in its lowest bits.
    stock.picture = lambda number, **_: synthetic(number)  # type: ignore[assignment]
    from readerstudy.study.protocol import Protocol

    several = {"roles": ROLES[:images], "protocol": Protocol(layout="side_by_side")} if images > 1 else {}
    made_study(home / "made", "bench", pairs=CASES // 2, **several)  # type: ignore[arg-type]


def serve(home: Path) -> tuple[subprocess.Popen[bytes], str]:
    """Start gunicorn on a free port; return the process and the address once it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "readerstudy.wsgi:application",
        "--bind",
        f"127.0.0.1:{port}",
    ]
    server = subprocess.Popen([*command, "--workers", "1", "--threads", "8", "--log-level", "error"])
    url = f"http://127.0.0.1:{port}"
    for _ in range(100):
        try:
            urllib.request.urlopen(f"{url}/healthz/").close()  # noqa: S310 (loopback)
            return server, url
        except OSError:
            time.sleep(0.2)
    server.terminate()
    raise RuntimeError("the server did not answer within 20 s")


def read_once(page: Any, url: str, figures: Figures) -> None:
    """Read a new reader's cases by keyboard."""
    from playwright.sync_api import expect

    from readerstudy.study.models import Study
    from readerstudy.study.people.members import enrol_reader
    from tests import stock
    from tests.browser.conftest import sign_in_without_form

    study = Study.objects.get(slug="bench")
    name = f"Reader{study.readers.count()}"
    sign_in_without_form(page, url, enrol_reader(study=study, person=stock.person(name), actor=None))
    page.goto(f"{url}/read/bench/")
    for number in range(1, CASES + 1):
        expect(page.locator("#case-title")).to_have_text(f"Case {number} of {CASES}")
        expect(page.locator("#answers")).to_be_visible()
        painted = page.evaluate("performance.getEntriesByName('case-painted').at(-1).startTime")
        if number == 1:
            figures.setdefault("first image, from navigation", []).append(painted)
        else:
            figures.setdefault("next image, from submit", []).append(page.evaluate(SINCE))
        page.wait_for_timeout(1_500)  # a reader looks; the next image comes meanwhile
        figures.setdefault("window by keys, event to frame", []).extend(page.evaluate(DRAG))
        for key in ("y", "3", "3"):
            page.keyboard.press(key)
        page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="All cases are read")).to_be_visible()


def measure_workstation(page: Any, url: str, figures: Figures) -> str:
    """Let the workstation page measure; return what it says of the grey levels."""
    import json

    page.goto(f"{url}/workstation/")
    page.get_by_role("button", name="Measure").click()
    page.wait_for_selector("body[data-measured]", timeout=180_000)
    told = json.loads(page.locator("#measure-text").input_value())
    for name, words in (
        ("window", "window/level drag, event to frame"),
        ("pan", "moving the image, event to frame"),
    ):
        figures.setdefault(words, []).append(told["ms"][name]["median"])
    return f"canvas {told['canvas']}, {told['renderer']}, grey levels wrong: {told['wrong_greys']}"


def script_size() -> int:
    """Return the bytes of the reading page's scripts as they are sent: each without comments, gzipped."""
    from tests.ops.test_smallfiles import loaded_by, small

    return sum(len(gzip.compress(small(name).read_bytes(), 9)) for name in loaded_by("js/reading.mjs"))


def main() -> None:
    """Print the medians of some runs, and the machine."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--images", type=int, default=1, choices=range(1, 5), help="images to a case")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-reading-") as folder:
        make_site(Path(folder) / "site", asked.images)
        server, url = serve(Path(folder))
        try:
            report(url, asked.runs, asked.images)
        finally:
            server.terminate()
            server.wait(30)


def report(url: str, runs: int, images: int) -> None:
    """Run and print."""
    from playwright.sync_api import sync_playwright

    from tests.browser.chromium import CHROMIUM, FLAGS

    figures: Figures = {}
    said = ""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for _ in range(runs):
            page = browser.new_context(viewport=WINDOW).new_page()
            read_once(page, url, figures)
            said = measure_workstation(page, url, figures)
            page.context.close()
        version = browser.version
        browser.close()
    when = datetime.now(UTC).date()
    print(f"{when}, {platform.machine()}, {os.cpu_count()} cores, Chromium {version}, no GPU, {runs} runs")
    print(f"{images} to a case, each {COLUMNS} x {ROWS}, 12 bit; {said}")
    print(f"scripts of the reading page: {script_size() / 1000:.1f} kB gzip")
    for name, values in figures.items():
        print(
            f"  {name:36s} median {statistics.median(values):7.1f} ms   longest {max(values):7.1f}   n {len(values)}"
        )


if __name__ == "__main__":
    main()
