"""The findings of a run as files in its folder, for its pages: which there are, and how one is read.

None of it is in the database: anyone who may open a run's gallery cannot read a study made from it.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.durable import text_of, write_whole
from analysis.models import Run
from analysis.report.findings import FIGURES, QUESTIONS
from analysis.services.findings import Choices, analyse_folder
from analysis.tablefolder import restored

Row = dict[str, Any]

FOLDER = "findings"
FAULT = "last-fault.txt"
FILES = re.compile(r"(figures/)?[a-z_]+(-dark)?\.(svg|png|pdf|csv|json|html)")
KINDS: Mapping[str, str] = {
    "svg": "image/svg+xml", "png": "image/png", "pdf": "application/pdf", "csv": "text/csv; charset=utf-8",
    "json": "application/json", "html": "text/html; charset=utf-8",
}  # fmt: skip
SET = re.compile(r"[a-z][A-Za-z0-9_-]{0,199}")


@dataclass(frozen=True)
class FindingsFolder:
    """One set of findings of a run, as `analyse_run` writes it."""

    name: str
    folder: Path

    def results(self) -> Row:
        """Read results.json."""
        content: Row = json.loads((self.folder / "results.json").read_text(encoding="utf-8"))
        return content

    def file(self, name: str) -> Path | None:
        """Return a file of the set; None for a name that no set has, or that this one lacks."""
        path = self.folder / name
        return path if FILES.fullmatch(name) and path.is_file() else None

    def classes(self) -> list[str]:
        """Name the classes of the run in column order."""
        return [str(name) for name in self.table("classes")["class"]]

    def table(self, name: str) -> pd.DataFrame:
        """Read one table; texts stay texts."""
        path = self.folder / f"{name}.csv"
        text = {"image": str, "labels": str, "class": str, "sex": str, "view": str}
        table = pd.read_csv(
            path, dtype=text, keep_default_na=False, na_values={"inclusion": [""], "age": [""], "label": [""]}
        )
        return restored(table)


def folder_of(run: Run) -> Path:
    """Return where the sets of findings of a run lie."""
    return Path(run.folder) / FOLDER


def sets_of(run: Run) -> list[FindingsFolder]:
    """List the finished sets of a run, the newest first."""
    found = [path.parent for path in folder_of(run).glob("*/results.json") if SET.fullmatch(path.parent.name)]
    found.sort(key=lambda folder: (-(folder / "results.json").stat().st_mtime, folder.name))
    return [FindingsFolder(folder.name, folder) for folder in found]


def find_set(run: Run, name: str) -> FindingsFolder | None:
    """Return one set of a run by its name; None where there is none."""
    return next((found for found in sets_of(run) if found.name == name), None)


def make_set(*, run: Run, choices: Choices) -> FindingsFolder:
    """Compute a set and write it into the run's folder; one that is there is returned as it is.

    Raises
    ------
    FindingsError, SelectionError, FrameError: the run cannot be analysed.
    """
    there = find_set(run, choices.name)
    if there:
        return there
    analysed = analyse_folder(Path(run.folder), choices)
    folder = folder_of(run) / choices.name
    folder.parent.mkdir(exist_ok=True)
    analysed.write(folder)
    return FindingsFolder(choices.name, folder)


def fault_of(run: Run) -> str:
    """Return why the last analysis that was asked for failed; empty when it did not."""
    return text_of(folder_of(run) / FAULT)


def note_fault(run: Run, words: str) -> None:
    """Write down why an analysis failed, for the page; empty words take the note away."""
    path = folder_of(run) / FAULT
    if words:
        write_whole(path, words.encode())
    else:
        path.unlink(missing_ok=True)


def panels_of(found: FindingsFolder) -> list[Row]:
    """Return the four panels of a set, with what it has of them.

    Returns
    -------
    anchor, question, sentence, figures (name, words, title), of which `lead` is on the first screen and `more` are
    below, and tables (names of CSV files).
    """
    content = found.results()
    panels = []
    for anchor, question, figures, tables in QUESTIONS:
        drawn = [
            {"name": name, "words": FIGURES[name], "title": FIGURES[name].removesuffix(".")}
            for name in figures
            if found.file(f"figures/{name}.svg")
        ]
        panels.append({
            "anchor": anchor, "question": question, "sentence": content["answers"][anchor], "figures": drawn,
            "lead": drawn[0] if drawn else None, "more": drawn[1:],
            "tables": [name for name in tables if content.get(name)],  # older sets lack some
        })  # fmt: skip
    return panels
