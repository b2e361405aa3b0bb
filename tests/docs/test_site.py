"""The documentation as a site: a link that leads nowhere ends the build, and a page loads nothing from elsewhere."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.drawn import ROOT


def build(source: Path, target: Path) -> subprocess.CompletedProcess[str]:
    """Build as `make docs` does."""
    recipe = (
        (ROOT / "Makefile")
        .read_text(encoding="utf-8")
        .split("\ndocs:")[1]
        .split("-m sphinx ")[1]
        .splitlines()[0]
    )
    options = recipe.removesuffix("docs var/docs").split()
    return subprocess.run(
        [sys.executable, "-m", "sphinx", *options, str(source), str(target)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    "link", ["[x](nowhere.md)", "[x](other.md#nothing)", "[x](#nothing)", "![x](images/none.png)"]
)
def test_a_link_that_leads_nowhere_ends_the_build(tmp_path: Path, link: str) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    shutil.copy(ROOT / "docs" / "conf.py", docs)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (docs / "other.md").write_text("# Other\n\n## Part\n", encoding="utf-8")
    start = "# Start\n\n[good](other.md#part) LINK\n\n```{toctree}\nother\n```\n"
    (docs / "index.md").write_text(start.replace("LINK", ""), encoding="utf-8")
    assert (sound := build(docs, tmp_path / "sound")).returncode == 0, sound.stderr
    (docs / "index.md").write_text(start.replace("LINK", link), encoding="utf-8")
    broken = build(docs, tmp_path / "broken")
    assert broken.returncode != 0
    assert "index.md" in broken.stderr


def test_every_page_is_built_can_be_searched_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    done = build(ROOT / "docs", tmp_path)
    assert done.returncode == 0, done.stderr
    pages = {path.relative_to(tmp_path).with_suffix("").as_posix() for path in tmp_path.rglob("*.html")}
    sources = {
        path.relative_to(ROOT / "docs").with_suffix("").as_posix() for path in (ROOT / "docs").rglob("*.md")
    }
    assert sources <= pages
    found = {
        address
        for path in tmp_path.rglob("*.html")
        for address in re.findall(r'<(?:script|img|iframe)[^>]+src="(\w+:[^"]*)|<link[^>]+href="(\w+:[^"]*)',
                                  path.read_text(encoding="utf-8"))
    }  # fmt: skip
    assert found == set()
    assert "exemplar" in (tmp_path / "searchindex.js").read_text(encoding="utf-8")
