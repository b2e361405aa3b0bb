"""VIA's CSV exports of a reader study, one file per reader: read as tidy ratings, and written from them."""

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import pandas as pd

from analysis.columns import Table
from analysis.endpoints import PAPER, Endpoint
from analysis.errors import RefusedError
from analysis.frames import RATINGS, check_table, rated, without_repeats
from analysis.identity import Names, name_key, path_key, spelled
from analysis.tablefile import MAX_HEAD_BYTES, read_head
from analysis.vocabulary import decimal

Cases = Literal["shared", "own"]
"""Whether readers read the same images. The format does not say, and the degrees of freedom depend on it."""

# A bare `undefined` outside of quotes: VIA writes it for an attribute that was never set; JSON has no such word.
_UNDEFINED = re.compile(r'"(?:[^"\\]|\\.)*"|\bundefined\b')


@dataclass(frozen=True)
class ViaStudy:
    """Ratings read from VIA files, and what was tolerated on the way.

    `repeated` lists rows that came again for the same file name, `conflicts` those of them that answer a
    question differently (only with `paper`: the first answer counts), `unanswered` counts the questions without one.
    """

    ratings: pd.DataFrame
    repeated: tuple[str, ...]
    conflicts: tuple[str, ...]
    unanswered: Mapping[str, int]


def read_via(
    files: Sequence[Path],
    *,
    cases: Cases,
    key: pd.DataFrame | None = None,
    first_exemplars: int | None = None,
    paper: bool = False,
    endpoints: Sequence[Endpoint] = PAPER,
) -> ViaStudy:
    """Read one VIA CSV per reader; the file's name without suffix is the reader's pseudonym.

    Parameters
    ----------
    files: at least one.
    cases: "shared": one file name is one case for all readers; "own": the file names of each reader are cases
        of their own. VIA files do not say which; the published study's script does not either.
    key: columns case (file name, or READER/FILE NAME) and arm (1 = PIE, 0 = control), optionally pair.
    first_exemplars: without a key, the first file names, as many as given, of each reader, sorted, are the PIEs, as in
        the published script.
    paper: count yes/no questions as the published script did: exactly "yes" is 1, all else, also no answer, 0; of
        rows that contradict each other the first counts.
    endpoints: the questions; their words are the attributes' names, and their own names are understood too.

    Returns
    -------
    ViaStudy: ratings with the columns of `frames.ratings_table`; VIA knows neither order nor time, so position and
    time_s are blank; batch is the reader's file.

    Raises
    ------
    ViaError: not a VIA file, an answer that is none of the scale's, rows of one file name that contradict each
        other, a file name without an arm, readers in two spellings.
    FrameError: a key that is not in order. NameClashError: file names in two spellings (`analysis.identity`).
    """
    if (key is None) == (first_exemplars is None):
        raise ViaError("expected either a key or the number of first file names that are PIEs, not both")
    readers = [_reader(path) for path in files]
    if not readers or len(set(map(name_key, readers))) < len(readers):
        raise ViaError(f"expected VIA files with different names, one per reader; got {readers}")
    arms = None if key is None else _arms(key)
    repeated: list[str] = []
    conflicts: list[str] = []
    rows: list[dict[str, Any]] = []
    for path, reader in zip(files, readers, strict=True):
        answers = _answers(path, endpoints, paper, repeated, conflicts)
        if conflicts and not paper:
            raise ViaError(f"expected rows that agree for one file name: {conflicts[0]}; correct the file")
        firsts = set(sorted(answers)[:first_exemplars]) if first_exemplars is not None else set()
        for name, given in answers.items():
            case = name if cases == "shared" else f"{reader}/{name}"
            arm, pair = (int(name in firsts), "") if arms is None else _arm(arms, reader, name)
            rows.append(_row(reader, case, arm, pair, given))
    Names((row["case"] for row in rows), rows=False).refuse_spellings("file name")
    ratings = pd.DataFrame(rows, columns=rated(endpoints))
    if marked := {reader for path, reader in zip(files, readers, strict=True) if _simulated(path)}:
        ratings.insert(0, "simulated", ["yes" if name in marked else "no" for name in ratings["reader"]])
    unanswered = {each.name: int((ratings[each.status] == "missing").sum()) for each in endpoints}
    return ViaStudy(ratings, tuple(repeated), tuple(conflicts), unanswered)


def _reader(path: Path) -> str:
    """Return the pseudonym: the file's name without `.csv`; any other dot belongs to it."""
    return spelled(path.stem if path.suffix.lower() == ".csv" else path.name)


def _answers(
    path: Path, endpoints: Sequence[Endpoint], paper: bool, repeated: list[str], conflicts: list[str]
) -> dict[str, dict[str, float | None]]:
    """Return file name to answers; of repeated rows the first answer to each question counts."""
    found: dict[str, dict[str, float | None]] = {}
    said: dict[tuple[str, str], int] = {}
    for number, row in _rows(path):
        where = f"{path.name}, row {number}"
        name = spelled(row["filename"])
        if not name:
            raise ViaError(f"{where}: expected a file name, got a blank cell")
        given = _given(row["file_attributes"], endpoints, paper, where)
        if name in found:
            repeated.append(f"{where}: '{name}' is repeated")
        before = found.setdefault(name, dict.fromkeys(given))
        for question, value in given.items():
            if before[question] is None and value is not None:
                before[question], said[name, question] = value, number
            elif value is not None and value != before[question]:
                first = f"{before[question]:g} in row {said[name, question]}"
                conflicts.append(f"{where}: '{name}' {question} is {value:g} here, {first}")
    if not found:
        raise ViaError(f"{path.name}: expected at least one row below the header, found none")
    return found


def _simulated(path: Path) -> bool:
    """Say whether a file has the mark that an export of a simulated study writes."""
    rows = _rows(path)
    return any(
        _attributes(row["file_attributes"], f"{path.name}, row {number}").get("simulated") == "yes"
        for number, row in rows
    )


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    try:
        content = path.read_bytes()
        head = read_head(content[: MAX_HEAD_BYTES + 1], comments=False)
        if head.fault:
            raise ViaError(f"{path}: expected a VIA CSV with {head.fault}")
        text = io.StringIO(content[head.start :].decode("utf-8-sig"), newline="")
        table = list(csv.reader(text, delimiter=head.separator, skipinitialspace=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ViaError(f"{path}: expected a VIA CSV in UTF-8, got the error '{error}'") from error
    header = [name.strip().lstrip("#") for name in table[0]] if table else []
    missing = [name for name in COLUMNS[:3] if name not in header]
    if missing:
        raise ViaError(
            f"{path.name}: expected VIA's columns {', '.join(COLUMNS)}; missing: {', '.join(missing)}"
        )
    return [
        (number, dict(zip(header, [*cells, *[""] * len(header)], strict=False)))
        for number, cells in enumerate(table[1:], 1)
        if any(cell.strip() for cell in cells)
    ]


def _given(cell: str, endpoints: Sequence[Endpoint], paper: bool, where: str) -> dict[str, float | None]:
    attributes = _attributes(cell, where)
    return {
        each.name: _value(attributes.get(each.question, attributes.get(each.name)), each, paper, where)
        for each in endpoints
    }


def _attributes(cell: str, where: str) -> dict[str, Any]:
    def null(match: "re.Match[str]") -> str:
        return "null" if match.group() == "undefined" else match.group()

    text = _UNDEFINED.sub(null, cell.strip()) or "null"
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ViaError(f"{where}: expected JSON in file_attributes, got '{cell[:60]}'") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ViaError(f"{where}: expected a JSON object in file_attributes, got '{cell[:60]}'")
    return values


def _value(given: Any, endpoint: Endpoint, paper: bool, where: str) -> float | None:
    if endpoint.kind == "binary" and paper:
        return int(given == YES)
    text = "" if given is None else str(given).strip()
    if text in {"", "undefined"}:
        return None
    number = decimal(text) if endpoint.kind == "number" else None
    if number is not None:
        return number
    words = {NO: 0, YES: 1} if endpoint.kind == "binary" else {str(value): value for value in endpoint.values}
    if text.lower() in words:
        return words[text.lower()]
    wanted = f"one of {', '.join(words)}" if words else "a number"
    raise ViaError(f"{where}: expected {wanted} for {endpoint.name}, got '{text}'; correct the file")


def _arms(key: pd.DataFrame) -> dict[str, tuple[int, str]]:
    """Return arm and pair of each case, by what names of images are compared by."""
    wanted = [column for column in RATINGS.columns if column.name in {"case", "arm"}]
    for column in wanted:
        if column.name not in key.columns:
            raise ViaError(f"the key: expected the columns case and arm, '{column.name}' is missing")
    table = Table("the key", tuple(wanted), key=("case",), paths=("case",))
    key = without_repeats(key[[name for name in ("case", "arm", "pair") if name in key.columns]], table)
    check_table(key, table)
    pairs = key["pair"].fillna("").astype(str) if "pair" in key.columns else pd.Series("", index=key.index)
    return {
        path_key(case): (int(float(arm)), spelled(pair))
        for case, arm, pair in zip(key["case"], key["arm"], pairs, strict=True)
    }


def _arm(arms: Mapping[str, tuple[int, str]], reader: str, name: str) -> tuple[int, str]:
    found = [arms[key] for key in map(path_key, (f"{reader}/{name}", name)) if key in arms]
    if len(set(found)) > 1:
        raise ViaError(
            f"{reader}: expected one row of the key for '{name}', it has '{reader}/{name}' and '{name}', and they "
            "contradict each other; correct one of them"
        )
    if found:
        return found[0]
    raise ViaError(f"{reader}: expected '{name}' or '{reader}/{name}' in the key, it names neither")


def _row(reader: str, case: str, arm: int, pair: str, given: Mapping[str, float | None]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "reader": reader, "case": case, "arm": arm, "pair": pair, "batch": reader, "presentation": 1,
        "position": None, "time_s": np.nan,
    }  # fmt: skip
    for name, value in given.items():
        row[name] = value
        row[f"{name}_status"] = "missing" if value is None else "answered"
    return row


COLUMNS = (
    "filename",
    "file_size",
    "file_attributes",
    "region_count",
    "region_id",
    "region_shape_attributes",
    "region_attributes",
)
"""Columns of VIA's CSV export; `file_attributes` is a JSON object."""


YES, NO = "yes", "no"


class ViaError(RefusedError):
    """A VIA file cannot be read as a reader study: file, row, what was expected, what was found, what to do."""


def via_csv(
    ratings: pd.DataFrame,
    reader: str,
    *,
    endpoints: Sequence[Endpoint] = PAPER,
    suffix: str = "",
    extra: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Return one reader's first readings as VIA would export them.

    Parameters
    ----------
    ratings: columns of `frames.ratings_table`.
    reader: pseudonym.
    endpoints: the questions; their words are the attributes' names.
    suffix: follows the case's key in the file name, such as ".png".
    extra: attributes of every row, such as that the reader is simulated.

    Notes
    -----
    VIA has no word for cannot-assess: such a question has no attribute, as an unanswered one. Order, time and
    arm are not part of the format. Rows are sorted by file name, as VIA sorts them.
    """
    own = ratings[(ratings["reader"] == reader) & (ratings["presentation"].astype(float) == 1)]
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for _, row in own.sort_values("case").iterrows():
        attributes = dict(extra) | {
            each.question: _word(each, row[each.name]) for each in endpoints if pd.notna(row[each.name])
        }
        # A semicolon would let a spreadsheet cut the cell in two and run what follows; to JSON this is the same text.
        texts = json.dumps(attributes, ensure_ascii=False).replace(";", "\\u003b")
        writer.writerow([f"{row['case']}{suffix}", -1, texts, 0, 0, "{}", "{}"])
    return buffer.getvalue()


def _word(endpoint: Endpoint, value: float) -> str:
    return (YES if value else NO) if endpoint.kind == "binary" else f"{value:.15g}"
