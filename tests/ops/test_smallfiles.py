"""What a browser is sent of the scripts: without comments, compressed, and little."""

import gzip
import re
import subprocess
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

ROOT = Path(__file__).resolve().parents[2] / "static"
LARGEST_PAGE = 46_000
"""Bytes of JavaScript that the reading page may load, gzipped file by file."""


def loaded_by(name: str, seen: set[str] | None = None) -> set[str]:
    """Return a module and all that it imports, by path below the static folder."""
    seen = set() if seen is None else seen
    if name not in seen:
        seen.add(name)
        source = ROOT / name
        for other in re.findall(r'from "(\.[^"]+)"', source.read_text(encoding="utf-8")):
            loaded_by((source.parent / other).resolve().relative_to(ROOT).as_posix(), seen)
    return seen


def small(name: str) -> Path:
    found = finders.find(name)
    assert isinstance(found, str)
    return Path(found)


def test_the_reading_page_loads_no_more_than_its_budget() -> None:
    modules = loaded_by("js/reading.mjs")
    assert {"js/reading/room.mjs", "js/viewer/webgl.mjs"} <= modules
    sizes = {name: small(name).with_suffix(".mjs.gz").stat().st_size for name in modules}
    print(f"reading page: {len(sizes)} modules, {sum(sizes.values()) / 1000:.1f} kB gzip")
    assert sum(sizes.values()) < LARGEST_PAGE


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.mjs")), ids=lambda path: path.name)
def test_a_small_copy_is_a_script_without_comments(path: Path, node: str) -> None:
    copy = small(path.relative_to(ROOT).as_posix())
    text = copy.read_text(encoding="utf-8")
    assert len(text) < len(path.read_text(encoding="utf-8"))
    assert "@param" not in text
    assert "@typedef" not in text
    assert gzip.decompress(copy.with_suffix(".mjs.gz").read_bytes()).decode() == text
    done = subprocess.run(
        [node, "--check", str(copy)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.django_db
def test_the_site_sends_the_compressed_copy() -> None:
    response = Client().get("/static/js/reading.mjs", headers={"accept-encoding": "gzip"})
    body = b"".join(response.streaming_content)
    response.close()
    assert response.headers["Content-Encoding"] == "gzip"
    assert response.headers["Content-Type"].startswith("text/javascript")
    assert gzip.decompress(body) == small("js/reading.mjs").read_bytes()


def test_nothing_outside_the_folder_is_copied() -> None:
    from readerstudy.ops.serve.smallfiles import SmallFiles

    for path in (
        "../tests/js/keys.test.mjs",
        "js/../../tests/js/keys.test.mjs",
        "css/base.css",
        "js/nothing.mjs",
    ):
        assert SmallFiles().find(path) == []


def test_a_changed_source_gets_a_new_copy(tmp_path: Path, settings: object) -> None:
    settings.STATICFILES_DIRS, settings.HOME = [tmp_path / "static"], tmp_path / "home"  # type: ignore[attr-defined]
    from readerstudy.ops.serve.smallfiles import SmallFiles

    source = tmp_path / "static" / "one.mjs"
    source.parent.mkdir()
    source.write_text("// why\nexport const one = 1;\n")
    finder = SmallFiles()
    assert Path(finder.find("one.mjs")).read_text() == "export const one=1;"
    source.write_text("export const one = 2;\n")
    assert Path(finder.find("one.mjs")).read_text() == "export const one=2;"
    assert [name for name, _ in finder.list(None)] == ["one.mjs", "one.mjs.gz"]
