"""The export: everything about an unblinded study that somebody needs to redo its analysis."""

import csv
import hashlib
import io
import json
import os
import shutil
import tempfile
import unicodedata
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from analysis.frames import RATINGS
from readerstudy.audit.models import Event
from readerstudy.results.figures import figures_of
from readerstudy.results.selectors import ENDPOINTS, ratings_frame, results_of, unblinding_of
from readerstudy.study.models import Study
from readerstudy.study.protocol import canonical
from readerstudy.study.services import locked_document

FORMULA_STARTS = ("=", "+", "-", "@")
ZIP_DATE = (1980, 1, 1, 0, 0, 0)
SIMULATED = "SIMULATED READERS: a program made these ratings; no radiologist gave them.\n"
SYNTHETIC = "SYNTHETIC IMAGES: a program drew these images; they show no patient.\n"


def export_files(study: Study) -> Iterator[tuple[str, bytes]]:
    """Yield each file of the export, name and bytes; the manifest of SHA-256 digests comes last.

    Raises
    ------
    SealedError: the key is not open.
    """
    # sha256sum -c passes over lines that begin with a hash sign.
    digests = [f"# {SIMULATED}"] if study.simulated_readers else []
    for name, data in _files(study):
        digests.append(f"{hashlib.sha256(data).hexdigest()}  {name}\n")
        yield name, data
    yield "MANIFEST.sha256", "".join(digests).encode()


def export_zip(study: Study) -> bytes:
    """Return the export as one zip; the same study gives the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in export_files(study):
            archive.writestr(zipfile.ZipInfo(f"{study.slug}/{name}", ZIP_DATE), data)
    return buffer.getvalue()


def write_export(study: Study, out: Path) -> None:
    """Write the export into a new folder, whole or not at all.

    Raises
    ------
    FileExistsError: the folder is there already.
    SealedError: the key is not open.
    """
    if out.exists():
        raise FileExistsError(f"{out}: expected a new folder, it exists already; choose another --out")
    files = list(export_files(study))
    out.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        for name, data in files:
            _write_durably(scratch / name, data)
        scratch.rename(out)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _write_durably(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _files(study: Study) -> Iterator[tuple[str, bytes]]:
    ratings, results = ratings_frame(study), results_of(study)
    yield "README.txt", _readme(study).encode()
    yield "ratings.csv", _csv(ratings.astype(dict.fromkeys(ENDPOINTS, "Int64")))
    yield "data_dictionary.csv", _csv(_marked(study, data_dictionary()))
    yield "results.json", results.to_json().encode()
    for table in ("comparisons", "multiplicity", "missing", "paper_compatible"):
        yield f"tables/{table}.csv", _csv(_marked(study, results.frame(table)))
    for name, svg in figures_of(results).items():
        yield f"figures/{name}.svg", svg
    yield "protocol.json", canonical(locked_document(study))
    yield "audit.csv", _csv(_audit(study))


def data_dictionary() -> pd.DataFrame:
    """Return name, kind, meaning and allowed values of each column of ratings.csv."""
    return pd.DataFrame(
        {
            "column": column.name,
            "kind": column.kind,
            "meaning": column.meaning,
            "lowest": column.low,
            "highest": column.high,
            "allowed": ", ".join(column.allowed),
            "may_be_blank": "yes" if column.blank else "no",
        }
        for column in RATINGS.columns
    )


def _marked(study: Study, frame: pd.DataFrame) -> pd.DataFrame:
    if study.simulated_readers:
        frame.insert(0, "simulated", "yes")
    return frame


def _audit(study: Study) -> pd.DataFrame:
    events = Event.objects.filter(study=study.key).order_by("sequence").select_related("actor")
    return pd.DataFrame(
        {
            "sequence": event.sequence,
            "at": event.at.isoformat(),
            "actor": "" if event.actor_id is None else str(event.actor_id),
            "kind": event.kind,
            "subject": guarded(event.subject),
            "values": json.dumps(event.values, sort_keys=True, ensure_ascii=False),
            "reason": guarded(event.reason),
            "digest": event.digest,
        }
        for event in events
    )


def guarded(text: str) -> str:
    """Put an apostrophe before what somebody wrote if a spreadsheet would take it for a formula."""
    return f"'{text}" if unicodedata.normalize("NFKC", text.lstrip()).startswith(FORMULA_STARTS) else text


def _csv(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(index=False, lineterminator="\n", quoting=csv.QUOTE_MINIMAL).encode()


def _readme(study: Study) -> str:
    unblinding = unblinding_of(study)
    warnings = (SIMULATED if study.simulated_readers else "") + (SYNTHETIC if study.synthetic_images else "")
    return (
        f"{warnings}{study.title}\n\n"
        f"Study key       {study.key}\n"
        f"Protocol digest {study.protocol_sha256}\n"
        f"Key digest      {unblinding.key_sha256}\n"
        f"Unblinded       {unblinding.opened_at.isoformat()}\n\n"
        "ratings.csv          one row per reader and case; data_dictionary.csv explains its columns\n"
        "results.json         every comparison; tables/ has the same as CSV, figures/ as pictures\n"
        "protocol.json        what was locked; its SHA-256 is the protocol digest\n"
        "audit.csv            every change of state\n"
        "MANIFEST.sha256      check with: sha256sum -c MANIFEST.sha256\n\n"
        "Redo the analysis:   python manage.py analyse_ratings ratings.csv --out again --seed {ANALYSIS_SEED}\n"
    )
