"""The locked protocol and analysis plan as a PDF, for a registry: all of it from the file that the lock froze."""

import json
from collections.abc import Iterator
from typing import Any

from analysis.report.comparison import METHODS
from analysis.report.document import Document, Named, Points, Section, Text
from analysis.report.reliability import times_rule
from analysis.stats.conclusions import SEVERAL, in_units
from analysis.stats.results import SIMULATED
from readerstudy.results.background import design_of, question_of
from readerstudy.results.computed import plan_of
from readerstudy.study.design.locking import locked_document
from readerstudy.study.models import Study

OWN = ("format", "kind", "title", "protocol", "analysis_method", "simulated_readers", "synthetic_images")
"""What of the locked file has a place of its own in the document."""


def registration_of(study: Study) -> Document:
    """Return the document of a locked study; it does not change.

    Raises
    ------
    ValueError: the study is not locked.
    """
    warnings = (f"{SIMULATED}.",) if study.simulated_readers else ()
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
    texts = [
        Section(name, title, (Text(protocol[name]),))
        for name, title in (("instructions", "Instructions to readers"), ("consent", "Consent of readers"))
        if protocol.get(name)
    ]
    yield from texts
    rest = ((name, value) for name, value in locked.items() if name not in OWN)
    named = tuple((name.replace("_", " ").capitalize(), _told(value)) for name, value in rest)
    yield Section("rest", "What else was locked", (Named(named),))


def _told(value: Any) -> str:
    """Write a value of the locked file; a list of digests by their number, which its digest covers."""
    if isinstance(value, list) and len(value) > MOST:
        return f"{len(value)} values, in the file"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


MOST = 12
"""Values of a list that are printed."""
