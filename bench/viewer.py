"""Time the viewer on a full-size image: python -m bench.viewer [--runs 5]. Prints medians; asserts nothing.

Needs requirements-dev.txt and a Chromium. The figures are of software drawing, without a GPU.
"""

import argparse
import os
import platform
import statistics
from datetime import UTC, datetime

import numpy as np
from playwright.sync_api import Page, sync_playwright

from tests.browser.chromium import CHROMIUM, FLAGS
from tests.browser.viewer_site import ViewerSite

WIDTH, HEIGHT, ROWS, COLUMNS, BITS = 1600, 1168, 2500, 2048, 12

OPEN = """async () => {
  const { Viewer } = await import("/static/js/viewer/viewer.mjs");
  window.viewer = new Viewer(document.querySelector("#viewer"));
  await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 50)));
}"""
SHOW = """async (source) => {
  const asked = performance.now();
  return (await window.viewer.show(source)) - asked;
}"""
DRAG = """async ([button, steps]) => {
  const canvas = document.querySelector("#viewer");
  const send = (kind, x, y) => canvas.dispatchEvent(
    new PointerEvent(kind, { clientX: x, clientY: y, button, buttons: 1, pointerId: 1, bubbles: true }));
  canvas.setPointerCapture = () => {};
  const times = [];
  const work = [];
  send("pointerdown", 800, 600);
  for (let step = 1; step <= steps; step += 1) {
    await new Promise((resolve) => setTimeout(resolve, 0));
    const sent = performance.now();
    let began = 0;
    requestAnimationFrame(() => { began = performance.now(); });
    send("pointermove", 800 + step * 3, 600 - step * 2);
    await new Promise((resolve) => requestAnimationFrame(() => {
      work.push(performance.now() - began);
      resolve();
    }));
    times.push(performance.now() - sent);
  }
  send("pointerup", 800, 600);
  await new Promise((resolve) => setTimeout(resolve, 300));
  return { times, work };
}"""


def radiograph(seed: int) -> np.ndarray:
    """Return a smooth image with noise in its lowest bits, as compressible as a radiograph."""
    y, x = np.mgrid[0:ROWS, 0:COLUMNS] / max(ROWS, COLUMNS)
    smooth = 1800 + 1200 * np.sin(3 * x + seed) * np.cos(4 * y)
    noisy = smooth + np.random.default_rng(seed).normal(0, 12, smooth.shape)
    return noisy.clip(0, 2**BITS - 1).astype(np.uint16)


def one_run(page: Page, site: ViewerSite, sources: list[dict[str, object]]) -> dict[str, float]:
    """Open the page again and time it; milliseconds."""
    page.goto(site.url)
    page.evaluate(OPEN)
    figures = {"first image: fetch, decode, paint": page.evaluate(SHOW, sources[0])}
    page.evaluate("source => { window.viewer.prefetch(source); }", sources[1])
    page.wait_for_timeout(1500)
    figures["next image, fetched ahead, to painted"] = page.evaluate(SHOW, sources[1])
    for name, button in (("window/level drag", 0), ("pan drag", 1), ("zoom drag", 2)):
        drag = page.evaluate(DRAG, [button, 40])
        figures[f"{name}, event to frame"] = statistics.median(drag["times"])
        figures[f"{name}, work in a frame"] = statistics.median(drag["work"])
    return figures


def main() -> None:
    """Print the medians of some runs, and the machine."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    site = ViewerSite(WIDTH, HEIGHT)
    sources = [site.add(str(seed), radiograph(seed), BITS, (400, 3400)) for seed in (1, 2)]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        all_runs = [one_run(page, site, sources) for _ in range(runs)]
        version = browser.version
        browser.close()
    site.close()
    when = datetime.now(UTC).date()
    print(
        f"{when}, {platform.machine()}, {os.cpu_count()} cores, Chromium {version}, no GPU, median of {runs}"
    )
    print(f"image {COLUMNS} x {ROWS}, {BITS} bit; canvas {WIDTH} x {HEIGHT}")
    for name in all_runs[0]:
        values = [run[name] for run in all_runs]
        print(f"  {name:40s} {statistics.median(values):7.1f} ms   (max {max(values):.1f})")


if __name__ == "__main__":
    main()
