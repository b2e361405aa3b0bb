"""Links lead somewhere, and no file names a path of a machine."""

import re
import subprocess
from pathlib import Path

import pytest

from readerstudy.__main__ import WITHOUT_SITE
from tests.docs.drawn import ROOT, documents

LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
# A path of somebody's machine: a home or a working folder.
MACHINE = re.compile(r"(?<![\w.$}<>])/(?:home|work|root|Users|mnt|media)/[\w.-]+")


def anchor(heading: str) -> str:
    """Return the anchor of a heading, as repository hosts make it."""
    plain = re.sub(r"[^\w\- ]", "", heading.strip().lower().replace("`", ""))
    return plain.replace(" ", "-")


def anchors(path: Path) -> set[str]:
    return {
        anchor(line.lstrip("#"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.startswith("#")
    }


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    lost = []
    for target in LINK.findall(path.read_text(encoding="utf-8")):
        if target.startswith("https://"):
            continue
        place, _, part = target.partition("#")
        file = (path.parent / place).resolve() if place else path
        if not file.exists() or (part and part not in anchors(file)):
            lost.append(target)
    assert lost == []


def test_every_document_can_be_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        path = waiting.pop()
        if path in seen or path.suffix != ".md":
            continue
        seen.add(path)
        for target in LINK.findall(path.read_text(encoding="utf-8")):
            if not target.startswith("https://") and (place := target.partition("#")[0]):
                waiting.append((path.parent / place).resolve())
    assert set(documents()) - seen == set()


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_says_why_and_names_code_that_exists(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    title, date, status = re.findall(r"\A# (.+)\n\nDate: (\d{4}-\d\d-\d\d)\. Status: (.+)\.\n", text)[0]
    listed = (path.parent / "README.md").read_text(encoding="utf-8")
    assert f"| [{path.stem[:3]}]({path.name}) | {title} | {date} | {status} |" in listed
    assert re.findall(r"^\*\*(.+?)\.\*\*", text, re.MULTILINE) == ["Decided", "Why", "Alternatives", "Where"]
    named = re.findall(r"`([^`]+)`", text.partition("**Where.**")[2])
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


def tracked() -> list[Path]:
    """Return every text file of the repository, or of the folders where there is no repository."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if done.returncode == 0:
        names = [name for name in done.stdout.decode().split("\0") if name]
        return [ROOT / name for name in names if (ROOT / name).is_file()]
    return [path for path in ROOT.rglob("*") if path.is_file() and not {".venv", "var"} & set(path.parts)]


def machine_paths(text: str) -> list[str]:
    return MACHINE.findall(text)


def test_no_file_names_a_path_of_a_machine() -> None:
    found = []
    for path in tracked():
        if path.suffix in {".png", ".svg"} or path == Path(__file__):
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(ROOT)}: {hit}" for hit in machine_paths(text)]
    assert found == []


@pytest.mark.parametrize("text", ["see /home/ann/study", "'/work/ann/x.py'", "=/Users/ann/x"])
def test_the_scan_of_paths_fires(text: str) -> None:
    assert machine_paths(text)


@pytest.mark.parametrize(
    "text", ["https://example.org/home/ann", "<folder>/work/x", "/etc/ssl/study.pem", "a/home/b"]
)
def test_the_scan_of_paths_lets_others_through(text: str) -> None:
    assert not machine_paths(text)


def test_pictures_that_are_shown_are_there() -> None:
    shown = {
        (path.parent / target).resolve()
        for path in documents()
        for target in LINK.findall(path.read_text(encoding="utf-8"))
        if target.endswith(".png")
    }
    assert shown
    assert all(picture.stat().st_size > 1_000 for picture in shown)


def test_commands_without_a_site_are_those_that_the_guide_names() -> None:
    line = next(
        line for line in (ROOT / "docs" / "researcher.md").read_text(encoding="utf-8").splitlines()
        if "those that only touch files" in line
    )  # fmt: skip
    named = set(re.findall(r"`([a-z_]+)`", line.partition("those that only touch files")[2]))
    assert named == WITHOUT_SITE - {"help"}
