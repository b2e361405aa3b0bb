"""The page's modules under node: the one that Playwright brings, so that no machine skips them."""

import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.parametrize("path", sorted(HERE.glob("*.test.mjs")), ids=lambda path: path.name)
def test_module(path: Path, node: str) -> None:
    done = subprocess.run(
        [node, "--test", str(path)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    # A file without a test would pass: the runner must have counted some, and none of them skipped.
    assert "# skipped 0" in done.stdout or "ℹ skipped 0" in done.stdout
    assert "# tests 0" not in done.stdout


def test_every_pure_module_is_tested() -> None:
    """A module without the page's document is tested here; the others in a browser."""
    tested = "".join(path.read_text(encoding="utf-8") for path in HERE.glob("*.test.mjs"))
    scripts = HERE.parents[1] / "static" / "js"
    pure = [
        path.name for path in scripts.rglob("*.mjs") if "document" not in path.read_text(encoding="utf-8")
    ]
    assert [name for name in pure if f"/{name}" not in tested and name not in IN_THE_BROWSER] == []


IN_THE_BROWSER = {
    "viewer.mjs",
    "webgl.mjs",
    "planes.mjs",
    "painted.mjs",
    "size.mjs",
    "room.mjs",
    "measuring.mjs",
    "heading.mjs",
    "stages.mjs",
    "display.mjs",
    "keyeditor.mjs",
    "widgets.mjs",
    "screen.mjs",
    "renderer.mjs",
    "lens.mjs",
    "form.mjs",
    "dialogs.mjs",
    "toolbar.mjs",
    "state.mjs",
    "status.mjs",
}
"""Modules that touch the page through others; tests/browser opens them."""
