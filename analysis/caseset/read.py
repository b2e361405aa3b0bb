"""Read the two halves back; each is checked against its definition before it is used."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from analysis import frames
from analysis.caseset.errors import CaseSetError, OtherKeyError
from analysis.caseset.files import CASES_FILE, PROVENANCE_FILE
from analysis.caseset.keys import NONCE_BYTES, case_key
from analysis.caseset.roles import check_roles
from analysis.columns import Table
from analysis.durable import sha256_bytes
from analysis.endpoints import GROUPS, LONGEST_GROUP, Groups, groups_from
from analysis.tablefile import read_table

TERMS = {"text": 20_000, "credential": 500, "ethics": 500}
"""Parts of the terms of use, with the most characters of each: the terms in markdown, what a person needs
to see the images (a data use agreement, a training), the reference of the ethics approval."""

LONGEST_ESTIMAND = 2_000
LONGEST_REASON = 500
"""Characters of the reason why images were handed over unchecked, or who looked for text in them."""

FORMAT = 2
"""Version of a case set that is written: its images are neutral files, which version 0.1.0, the reader of format 1
alone, would show as bare values without notice."""
FORMAT_OF_SEVERAL = 3
"""Version of a case set with several images to a case, which earlier versions would take for cases of one image."""
READABLE = (1, FORMAT, FORMAT_OF_SEVERAL)

GROUPS_COLUMN = "groups"
"""Column of a key that may name its groups, in the first row only."""

_NONCE = re.compile(rf"[0-9a-fA-F]{{{2 * NONCE_BYTES}}}")
_RANDOM_ID = re.compile(r"[0-9a-f]{32}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_RUN_ID = re.compile(r"[A-Za-z0-9_-]{0,64}")


@dataclass(frozen=True)
class BlindHalf:
    """The blind half: its folder, its images (frames.CASES, sorted by case) and its provenance."""

    folder: Path
    images: pd.DataFrame
    provenance: Mapping[str, Any]

    @property
    def cases(self) -> pd.DataFrame:
        """The cases: of each the row of its first image."""
        return self.images[~self.images["case"].duplicated()]

    @property
    def key_digest(self) -> str:
        """SHA-256 of the only key that opens this set."""
        return str(self.provenance["key_sha256"])

    @property
    def synthetic(self) -> bool:
        """Whether the images are not of patients."""
        return bool(self.provenance["synthetic"])

    @property
    def colour(self) -> bool:
        """Whether every image is red, green and blue; else every one is grey."""
        return bool(self.provenance.get("colour", False))

    @property
    def custody(self) -> Mapping[str, Any]:
        """How the images were compared with those that the networks saw (`check_record`); empty if not said."""
        return dict(self.provenance.get("custody") or {})

    @property
    def one_each(self) -> bool:
        """Whether the writer attests one case with arm 1 in each matched set; it says so of all sets together."""
        return self.provenance.get("one_each") is True

    @property
    def estimand(self) -> str:
        """What a comparison of the groups estimates, as the selection says; blank if it does not."""
        return str((self.provenance.get("selection") or {}).get("estimand", ""))[:LONGEST_ESTIMAND]

    @property
    def terms(self) -> Mapping[str, str]:
        """The terms of use that came with the images (`TERMS`), or none."""
        return dict(self.provenance.get("terms") or {})


@dataclass(frozen=True)
class SealedHalf:
    """The sealed half: a row per case (frames.KEY without the nonce), the nonce, the file's SHA-256, the groups' names.

    `images` has the rows of all images; those of a case say the same of it.
    """

    path: Path
    rows: pd.DataFrame
    images: pd.DataFrame
    nonce: bytes
    digest: str
    groups: Groups = GROUPS


def report_path(key: Path) -> Path:
    """Return where the sealed report of a key lies: beside it, `<stem>.report.json`."""
    return key.with_name(f"{key.stem}.report.json")


def read_blind_half(folder: Path) -> BlindHalf:
    """Read cases.csv and provenance.json, checked against each other; `verify_case_set` checks the images.

    Raises
    ------
    CaseSetError: a missing or damaged file, another format, another digest of cases.csv.
    FrameError: a cell that frames.CASES does not allow.
    """
    provenance = _read_json(folder / PROVENANCE_FILE)
    path = folder / CASES_FILE
    data = _read(path)
    wanted, came = provenance["cases_sha256"], sha256_bytes(data)
    if came != wanted:
        raise CaseSetError(f"{path}: expected SHA-256 {wanted} ({PROVENANCE_FILE}), got {came}")
    cases = _table(data, frames.CASES, path)
    if list(cases["case"]) != sorted(cases["case"]):
        raise CaseSetError(f"{path}: expected rows sorted by case")
    for column in ("case", "separation_group"):
        for row, value in enumerate(cases[column], start=1):
            if not _RANDOM_ID.fullmatch(str(value)):  # the value is not repeated: it may be a name
                raise CaseSetError(f"{path}, row {row}: expected 32 hexadecimal digits in {column}")
    check_roles(cases, cases["case"], str(path))
    if (provenance["format"] == FORMAT_OF_SEVERAL) != (format_of(cases) == FORMAT_OF_SEVERAL):
        raise CaseSetError(
            f"{path}: expected format {format_of(cases)} with these columns, {PROVENANCE_FILE} says "
            f"{provenance['format']}"
        )
    return BlindHalf(folder, cases, provenance)


def format_of(images: pd.DataFrame) -> int:
    """Return the version in which a set of these images is written."""
    return FORMAT_OF_SEVERAL if "role" in images.columns else FORMAT


def check_terms(terms: Any, where: str) -> dict[str, str]:
    """Return terms of use with every part of `TERMS`, stripped; credential and ethics may be blank.

    Raises
    ------
    CaseSetError: another form, a text that is missing or too long.
    """
    if not isinstance(terms, Mapping) or not set(terms) <= set(TERMS):
        raise CaseSetError(f"{where}: expected {', '.join(TERMS)} in the terms of use")
    whole = {name: terms.get(name, "") for name in TERMS}
    for name, value in whole.items():
        if not isinstance(value, str) or len(value) > TERMS[name]:
            raise CaseSetError(f"{where}: expected a text of at most {TERMS[name]} characters as {name}")
    if not whole["text"].strip():
        raise CaseSetError(f"{where}: expected the terms themselves as text")
    return {name: value.strip() for name, value in whole.items()}


def check_record(record: Any, where: str) -> dict[str, Any]:
    """Return what a handover says of its images.

    How they were compared with the evaluated ones: counts (`definition`, `equal`, `alike`), or `unchecked`, the reason
    why not. `burned_in`: how many may show text, and who looked (`checked`). `patients`: of how many patients they
    are, where a patient has several.

    Raises
    ------
    CaseSetError: another form.
    """
    if isinstance(record, Mapping):
        compared = dict(record)
        looked = compared.pop("burned_in", {"images": 0, "checked": "not needed"})
        patients = compared.pop("patients", 1)
        whole = all(map(_is_count, compared.values())) and set(compared) == {"definition", "equal", "alike"}
        unchecked = set(compared) == {"unchecked"} and _is_reason(compared["unchecked"])
        told = (
            isinstance(looked, Mapping) and set(looked) == {"images", "checked"}
            and _is_count(looked["images"]) and _is_reason(looked["checked"]) and _is_count(patients)
        )  # fmt: skip
        if (whole or unchecked or not compared) and told:
            return dict(record)
    raise CaseSetError(
        f"{where}: expected custody with definition, equal and alike as whole numbers, or with the reason why the "
        f"images are unchecked, 1 to {LONGEST_REASON} characters; and, if any, burned_in with images and checked, and "
        "patients as a whole number"
    )


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**31


def _is_reason(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value.strip()) <= LONGEST_REASON


def read_key(path: Path, digest: str | None = None) -> SealedHalf:
    """Read a key; refuse it if its SHA-256 is another than the given one.

    Raises
    ------
    OtherKeyError: another digest.
    CaseSetError: no such file, no nonce in the first row, a case key that does not match the nonce and the source,
        names of groups that cannot be read.
    FrameError: a cell that frames.KEY does not allow.
    """
    data = _read(path)
    came = sha256_bytes(data)
    if digest is not None and came != digest:
        raise OtherKeyError(path, digest, came)
    rows = _table(data, frames.KEY, path)
    nonce = _nonce(rows, path)
    check_roles(rows, rows["case"], str(path))
    images = rows.drop(columns=["nonce", GROUPS_COLUMN], errors="ignore")
    first = images[~images["case"].duplicated()]
    for number, case, source in zip(first.index, first["case"], first["source"], strict=True):
        if case_key(nonce, str(source)) != case:
            raise CaseSetError(
                f"{path}, row {number + 1}: the case key does not match the nonce and the source"
            )
    return SealedHalf(path, first.reset_index(drop=True), images, nonce, came, _groups(rows, path))


def read_report(key: Path) -> dict[str, Any]:
    """Read the sealed report beside a key: the selection with its seeds, balance, unmatched, leaks.

    Raises
    ------
    CaseSetError: no such file, damaged, or another format.
    """
    return _load_json(report_path(key))


def groups_text(groups: Groups) -> str:
    """Write the names of groups as the key's column holds them.

    Raises
    ------
    CaseSetError: a name that could not be read back: blank, longer than 60 characters, or with a semicolon.
    """
    names = list(asdict(groups).values())
    if not all(0 < len(name) <= LONGEST_GROUP and ";" not in name and name == name.strip() for name in names):
        raise CaseSetError(
            f"expected names of groups of 1 to {LONGEST_GROUP} characters without a semicolon and outer blanks, "
            f"got {names}"
        )
    return "; ".join(names)


def _groups(rows: pd.DataFrame, path: Path) -> Groups:
    """Return what a key calls its groups, from its first row: one and several with arm 1, then with arm 0."""
    text = "" if GROUPS_COLUMN not in rows.columns else str(rows[GROUPS_COLUMN].iloc[0]).strip()
    names = text.split("; ") if text else list(asdict(GROUPS).values())
    try:
        return groups_from(dict(zip(asdict(GROUPS), names, strict=True)))
    except ValueError as error:
        raise CaseSetError(
            f"{path}, row 1, column '{GROUPS_COLUMN}': expected four names of groups of cases, one and several of "
            f"either, such as '{groups_text(GROUPS)}', got {text!r}"
        ) from error


def _nonce(rows: pd.DataFrame, path: Path) -> bytes:
    texts = list(rows["nonce"])
    if not texts or not _NONCE.fullmatch(texts[0]) or any(texts[1:]):
        raise CaseSetError(f"{path}: expected a nonce of {2 * NONCE_BYTES} hex digits in the first row only")
    return bytes.fromhex(texts[0])


def _table(data: bytes, table: Table, path: Path) -> pd.DataFrame:
    frame = read_table(
        data, error=CaseSetError, where=str(path), dtype=str, keep_default_na=False, encoding="utf-8"
    )
    frames.check_table(frame, table, str(path))
    for column in table.columns:
        if column.name in frame.columns and column.kind != "text":
            numbers = pd.to_numeric(frame[column.name])
            frame[column.name] = numbers if column.kind == "number" else numbers.astype(int)
    return frame


def _read_json(path: Path) -> dict[str, Any]:
    content = _load_json(path)
    missing = [name for name in ("cases_sha256", "key_sha256", "synthetic", "cases") if name not in content]
    if missing:
        raise CaseSetError(f"{path}: missing: {', '.join(missing)}")
    for name in ("cases_sha256", "key_sha256"):
        if not isinstance(content[name], str) or not _SHA256.fullmatch(content[name]):
            raise CaseSetError(f"{path}: expected 64 hexadecimal digits as {name}")
    if type(content["synthetic"]) is not bool or type(content["cases"]) is not int:
        raise CaseSetError(f"{path}: expected synthetic as true or false, and cases as a whole number")
    run = content.get("run")
    if run is not None and not (isinstance(run, dict) and _RUN_ID.fullmatch(str(run.get("run_id", "")))):
        raise CaseSetError(f"{path}: expected run with a run_id of at most 64 letters, digits, - and _")
    if run is not None and not _is_window(run.get("window", [0, 100])):
        raise CaseSetError(f"{path}: expected the window of run as two rising percentiles from 0 to 100")
    if content.get("colour", True) is not True:
        raise CaseSetError(f"{path}: expected colour as true, or nothing of colour in a grey set")
    if "custody" in content:
        content["custody"] = check_record(content["custody"], str(path))
    if "terms" in content:
        content["terms"] = check_terms(content["terms"], str(path))
    return content


def _is_window(value: Any) -> bool:
    numbers = (
        isinstance(value, list) and len(value) == 2 and all(type(each) in (int, float) for each in value)
    )
    return bool(numbers and 0 <= value[0] < value[1] <= 100)


def _load_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(_read(path))
    except (ValueError, RecursionError) as error:
        raise CaseSetError(f"{path}: expected JSON ({error})") from error
    if not isinstance(content, dict) or content.get("format") not in READABLE:
        came = content.get("format") if isinstance(content, dict) else type(content).__name__
        raise CaseSetError(f"{path}: expected format {' or '.join(map(str, READABLE))}, got {came!r}")
    return content


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CaseSetError(f"{path}: expected a readable file ({error.strerror})") from error
