"""The export: everything about an unblinded study that somebody needs to redo its analysis.

And the locked protocol and analysis plan as a PDF, for a registry: all of it from the file that the lock froze.
"""

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from django.db import DEFAULT_DB_ALIAS

from analysis.durable import whole_folder
from analysis.endpoints import FILE, GROUPS, Endpoint, Groups, endpoints_file
from analysis.exchange.imrmc import imrmc_list
from analysis.exchange.via import via_csv
from analysis.frames import ratings_table
from analysis.report import reader_study_report, standalone
from analysis.report.comparison import METHODS
from analysis.report.document import Document, Named, Points, Section, Text
from analysis.report.pdf import pdf_of
from analysis.report.reliability import times_rule
from analysis.stats.columns import COLUMNS
from analysis.stats.conclusions import SEVERAL, in_units
from analysis.stats.results import SIMULATED as SIMULATED_TOLD
from analysis.stats.results import TABLES
from analysis.tablefolder import csv_text, guarded
from readerstudy.audit.models import Event
from readerstudy.audit.services import heads
from readerstudy.results import recompute
from readerstudy.results.background import design_of, opening_told, question_of
from readerstudy.results.computed import Computed, computed, environment, plan_of, sources
from readerstudy.results.ratings import EXPORT_TABLES, ORDER, PLANNED, READERS, answers_frame, wide_frame
from readerstudy.results.snapshot import snapshot
from readerstudy.results.values import unblinding_of
from readerstudy.study.design.locking import locked_document
from readerstudy.study.models import Study
from readerstudy.study.orders.drawing import orders_document
from readerstudy.study.protocol import canonical

ZIP_DATE = (1980, 1, 1, 0, 0, 0)
SIMULATED = "SIMULATED READERS: a program made these ratings; no radiologist gave them.\n"
SYNTHETIC = "SYNTHETIC IMAGES: a program drew these images; they show no patient.\n"

OWN = ("format", "kind", "title", "protocol", "analysis_method", "simulated_readers", "synthetic_images")
"""What of the locked file has a place of its own in the document."""
_GROUP = re.compile(r"\b(pruning-identified exemplar|PIEs?|[Cc]ontrols?)\b")
"""What the groups are called where nobody gives them names."""
MOST = 12
"""Values of a list that are printed."""


def export_files(study: Study) -> Iterator[tuple[str, bytes]]:
    """Yield each file of the export, name and bytes; the manifest of SHA-256 digests comes last.

    Raises
    ------
    SealedError: the key is not open.
    """
    # sha256sum -c passes over lines that begin with a hash sign.
    digests = [f"# {SIMULATED}"] if study.simulated_readers else []
    for name, data in bundle_files(study, computed(study)):
        digests.append(f"{hashlib.sha256(data).hexdigest()}  {name}\n")
        yield name, data
    yield "MANIFEST.sha256", "".join(digests).encode()


def export_zip(study: Study) -> bytes:
    """Return the export as one zip; the same study gives the same bytes but for the audit trail."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in export_files(study):
            archive.writestr(zipfile.ZipInfo(f"{study.slug}/{name}", ZIP_DATE), data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def write_export(study: Study, out: Path) -> None:
    """Write the export into a new folder, whole or not at all.

    Raises
    ------
    FileExistsError: the folder is there already.
    SealedError: the key is not open.
    """
    if out.exists():
        raise FileExistsError(f"{out}: expected a new folder, it already exists; choose another --out")
    files = list(export_files(study))
    with whole_folder(out, mode=0o700) as folder:
        for name, data in files:
            _write_durably(folder / name, data)


def _write_durably(path: Path, data: bytes) -> None:
    """Write a file of a folder that `whole_folder` pushes to the disk before it has a name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def bundle_files(study: Study, made: Computed) -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes of each file but the manifest; the study's own documents are as they are now."""
    results = made.results
    yield "README.txt", _readme(study).encode()
    yield "report.html", _report(made)
    yield from _data(made)
    yield "results.json", results.to_json().encode()
    for table in TABLES:
        yield f"tables/{table}.csv", _csv(made.simulated, results.frame(table))
    for name, svg in made.figures("light").items():
        yield f"figures/{name}.svg", svg
    yield "protocol.json", study.locked_file.encode()
    yield "registration.pdf", pdf_of(registration_of(study))
    mark = {"simulated": True} if made.simulated else {}
    yield "orders.json", canonical({**orders_document(study), **mark})
    yield "audit.csv", _csv(made.simulated, _audit(study))
    yield "audit_heads.json", _heads(study)
    yield from _exchange(made)
    yield "environment.txt", ((SIMULATED if made.simulated else "") + environment()).encode()
    yield "recompute.py", Path(recompute.__file__).read_bytes()
    for name, path in sources("analysis.stats").items():  # what recompute.py imports; the rest stays out
        yield f"code/{name}", path.read_bytes()


def data_dictionary(asked: Iterable[Endpoint], groups: Groups) -> pd.DataFrame:
    """Return file, column, kind, meaning and allowed values of every table of an export, in the names of its groups."""
    rows = [
        {
            "file": table.name, "column": column.name, "kind": column.kind, "meaning": column.meaning,
            "lowest": column.low, "highest": column.high,
            "allowed": ", ".join(column.allowed or map(str, column.levels)),
            "may_be_blank": "yes" if column.blank or column.optional else "no",
        }
        for table in (ratings_table(asked), *EXPORT_TABLES)
        for column in table.columns
    ]  # fmt: skip
    rows += [
        {"file": f"tables/{table}.csv", "column": name, "meaning": meaning, "may_be_blank": "yes"}
        for table, columns in COLUMNS.items()
        for name, meaning in columns.items()
    ]
    frame = pd.DataFrame(rows).astype(object)
    if groups != GROUPS:
        frame["meaning"] = frame["meaning"].map(
            lambda text: _GROUP.sub(lambda said: _called(said[0], groups), text)
        )
    return frame


def _called(said: str, groups: Groups) -> str:
    one, several = (
        (groups.other, groups.others) if said.lower().startswith("control") else (groups.one, groups.ones)
    )
    return several if said.endswith("s") else one


def _data(made: Computed) -> Iterator[tuple[str, bytes]]:
    asked = made.plan.questions
    whole = {each.name: "Int64" for each in asked if each.kind != "number"}
    yield "ratings.csv", _csv(made.simulated, made.ratings.astype(whole))
    yield PLANNED.name, _csv(made.simulated, made.planned)
    yield FILE, endpoints_file(asked, simulated=made.simulated).encode()
    yield "wide.csv", _csv(made.simulated, wide_frame(made.ratings, asked))
    yield "answers.csv", _csv(made.simulated, answers_frame(made.protocol, made.readings))
    yield "cases.csv", _csv(made.simulated, made.cases)
    yield "order.csv", _csv(made.simulated, ORDER.frame(made.readings))
    yield "readers.csv", _csv(made.simulated, READERS.frame(made.readers))
    if made.subgroups is not None:
        yield "subgroups.csv", _csv(made.simulated, made.subgroups)
    yield "data_dictionary.csv", _csv(made.simulated, data_dictionary(asked, made.plan.groups))


def _exchange(made: Computed) -> Iterator[tuple[str, bytes]]:
    asked = made.plan.questions
    extra = {"simulated": "yes"} if made.simulated else {}
    for reader in made.ratings["reader"].unique():
        yield f"via/{reader}.csv", via_csv(made.ratings, reader, endpoints=asked, extra=extra).encode()
    title = f"{SIMULATED.strip()} {made.title}" if made.simulated else made.title
    yield "imrmc/ratings.imrmc", imrmc_list(made.ratings, endpoints=asked, title=title).encode()


def _report(made: Computed) -> bytes:
    return standalone(reader_study_report(made.results, made.background), made.figures("light")).encode()


def _csv(simulated: bool, frame: pd.DataFrame) -> bytes:
    if simulated:
        frame = frame.copy()
        frame.insert(0, "simulated", "yes")
    return csv_text(frame, gaps=True).encode()


def _audit(study: Study) -> pd.DataFrame:
    with snapshot() as using:
        events = Event.objects.using(using).filter(study=study.key).order_by("sequence")
        return pd.DataFrame(
            {
                "sequence": event.sequence,
                "at": event.at.isoformat(),
                "actor": "" if event.actor_id is None else str(event.actor_id),
                "kind": event.kind,
                "subject": event.subject,
                "values": json.dumps(event.values, sort_keys=True, ensure_ascii=False),
                "reason": event.reason,
                "digest": event.digest,
            }
            for event in events
        )


def _heads(study: Study) -> bytes:
    return canonical(
        {
            "format": 1, "study": str(study.key), "simulated_readers": study.simulated_readers,
            "audit_heads": heads(study.key),
        }
    )  # fmt: skip


def _readme(study: Study) -> str:
    unblinding = unblinding_of(study)
    warnings = (SIMULATED if study.simulated_readers else "") + (SYNTHETIC if study.synthetic_images else "")
    return warnings + (Path(__file__).parent / "readme.txt").read_text("utf-8").format(
        title=guarded(study.title),
        key=study.key,
        protocol=study.protocol_sha256,
        sealed=unblinding.key_sha256,
        opened_at=unblinding.opened_at.isoformat(),
        opened_by=opening_told(study, unblinding, DEFAULT_DB_ALIAS),
    )


def registration_of(study: Study) -> Document:
    """Return the document of a locked study; it does not change.

    Raises
    ------
    ValueError: the study is not locked.
    """
    warnings = (f"{SIMULATED_TOLD}.",) if study.simulated_readers else ()
    foot = f"SHA-256 of the locked protocol: {study.protocol_sha256}"
    return Document(study.title, tuple(_sections(study, locked_document(study))), warnings, foot)


def _sections(study: Study, locked: dict[str, Any]) -> Iterator[Section]:
    protocol, plan = locked["protocol"], plan_of(study)
    facts = [
        ("Locked", f"{study.locked_at:%Y-%m-%d %H:%M} UTC"),
        ("SHA-256", study.protocol_sha256),
        (
            "Images",
            "synthetic: a program drew them" if study.synthetic_images else "as loaded, under random keys",
        ),
    ]
    about = "Locked before any reading. The digest is that of the file of the locked protocol, which holds all of this."
    yield Section("registered", "Protocol and analysis plan", (Text(about), Named(tuple(facts))))
    yield Section("estimand", "What is compared", (Text(protocol.get("estimand") or "Not stated."),))
    design = tuple((name, value) for name, value in design_of(protocol) if value)
    yield Section("design", "Design", (Named(design),))
    yield Section("questions", "Questions", (Named(tuple(map(question_of, protocol["questions"]))),))
    aims = [
        f"{each.question} ({each.aim}{f', margin {in_units(each, each.margin)}' if each.margin else ''})"
        for each in plan.endpoints
    ]
    rules = (
        ("Primary method", METHODS[plan.primary][0]),
        ("Level", f"{plan.alpha:g}, two-sided; intervals at {100 * plan.level:g} %"),
        ("Several endpoints", SEVERAL[plan.multiplicity]),
        ("Times left out", times_rule(plan.shortest, plan.longest)),
        ("Version of the analysis", str(plan.version)),
        ("Method", locked.get("analysis_method", "")),
    )
    yield Section("analysis", "Analysis plan: endpoints in their order", (Points(tuple(aims)), Named(rules)))
    for name, title in (("instructions", "Instructions to readers"), ("consent", "Consent of readers")):
        if protocol.get(name):
            yield Section(name, title, (Text(protocol[name]),))
    rest = ((name, value) for name, value in locked.items() if name not in OWN)
    named = tuple((name.replace("_", " ").capitalize(), _told(value)) for name, value in rest)
    yield Section("rest", "What else was locked", (Named(named),))


def _told(value: Any) -> str:
    """Write a value of the locked file; a list of digests by their number, which its digest covers."""
    if isinstance(value, list) and len(value) > MOST:
        return f"{len(value)} values, in the file"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
