"""The locked protocol: one canonical file that says everything a study has committed itself to.

Its SHA-256 can be published before reading (preregistration). Of the sealed half it holds only the digest, of every
secret seed only a commitment. It has the heads of the audit chains too: once published, they are fixed from outside.
"""

import hashlib
import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from readerstudy.accounts.access import knows_run
from readerstudy.audit.services import heads
from readerstudy.cases.models import CaseSet
from readerstudy.cases.selectors import cases_of
from readerstudy.environment import version
from readerstudy.study.design import signoff
from readerstudy.study.design.terms import locked_terms, sets_of
from readerstudy.study.duties import admins_document
from readerstudy.study.models import Membership, Study
from readerstudy.study.orders.drawing import commitment
from readerstudy.study.orders.order import ALGORITHM
from readerstudy.study.protocol import Protocol, canonical

FORMAT = 5
ANALYSIS = 5
"""The version of the analysis (`analysis.stats.plan`) that a lock commits a study to, in the words of METHOD. A study
that was locked before there were versions, up to format 3, has the first.
"""
WORDS: dict[str, str] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
METHOD = WORDS["method"]
TELLING = re.compile(
    r"\b(pies?|prun(?:e|ed|es|ing)|spars(?:e|ity)|exemplars?|arms?|controls?|compress(?:ed|ion)|matched)\b",
    re.IGNORECASE,
)
"""Words that could tell readers what is compared, where an admin writes them."""


def lock_file(study: Study) -> str:
    """Return the canonical text of the protocol that a lock freezes: sorted keys, one line, UTF-8.

    The study's cases, readers and protocol must be complete; the same state gives the same text.
    """
    return canonical(_document(study)).decode()


def locked_document(study: Study) -> dict[str, Any]:
    """Return what a locked study has committed itself to.

    Raises
    ------
    ValueError: the study is not locked.
    """
    document: dict[str, Any] = json.loads(study.locked_file)
    return document


def sha256_of(text: str) -> str:
    """Return the SHA-256 of a protocol file, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def warnings_of(study: Study) -> list[str]:
    """Say which texts that readers will see hold words that could tell them what is compared, and name every word."""
    found = []
    for place, text in _written(study):
        words = {match[0].lower(): match[0] for match in reversed(list(TELLING.finditer(text)))}
        if words:
            named = ", ".join(f"'{word}'" for word in reversed(words.values()))
            found.append(f"{place}: {named} could tell readers what is compared")
    return found


def picture_notes(study: Study) -> list[str]:
    """Say what may keep the first picture of a case from being the one that the networks saw."""
    loaded = CaseSet.objects.filter(study=study.key).first()
    if loaded is None:
        return []
    custody, looked = loaded.custody, loaded.custody.get("burned_in")
    there = {
        "unknown": not set(custody) - {"burned_in", "patients"},
        "unchecked": custody.get("unchecked"),
        "burned_in": looked,
        "patients": custody.get("patients"),
        "apart": loaded.apart,
    }
    told = {
        **custody, **(looked or {}), "cases": loaded.case_count, "apart": loaded.apart, "rule": loaded.window_rule,
    }  # fmt: skip
    return [WORDS[name].format_map(told) for name, holds in there.items() if holds]


def _document(study: Study) -> dict[str, Any]:
    members = Membership.objects.filter(study=study).select_related("person")
    loaded = CaseSet.objects.get(study=study.key)
    return {
        "format": FORMAT,
        "kind": "locked protocol",
        "study": str(study.key),
        "title": study.title,
        "software": {"readerstudy": version(), "order_algorithm": ALGORITHM},
        "analysis": ANALYSIS,
        "analysis_method": METHOD,
        "synthetic_images": study.synthetic_images,
        "simulated_readers": study.simulated_readers,
        "protocol": study.protocol,
        "cases_sha256": study.cases_sha256,
        "sealed_sha256": study.sealed_sha256,
        "practice_sha256": study.practice_sha256,
        "run_id": study.run_id,
        "terms": locked_terms(study),
        "custody": loaded.custody,
        "one_each": loaded.one_each,
        **_cases(study),
        "images_checked_for_names": asdict(signoff.progress_of(study)),
        "seed_commitments": {
            reader.pseudonym: commitment(bytes(reader.order_seed))
            for reader in study.readers.order_by("pseudonym")
        },
        "allotment_commitment": commitment(bytes(study.allotment_seed)) if study.allotment_seed else "",
        "study_admins": admins_document(study),
        "openers": study.openers,
        "audit_heads": heads(study.key),
        "unblinded_members": sum(knows_run(member.person, study.run_id) for member in members),
    }


def _cases(study: Study) -> dict[str, Any]:
    """Return how many cases there are, the digest of each frame, and one digest over the labels that are shown.

    No case is named: the file is for everybody, and cases.csv, whose digest is in it, names them.
    """
    cases = cases_of(study.key)
    labels = {case.key: case.labels for case in cases}
    return {
        "cases": len(labels),
        "frames_sha256": sorted(frame.sha256 for case in cases for frame in case.images),
        "labels_sha256": hashlib.sha256(canonical(labels)).hexdigest(),
    }


def _written(study: Study) -> Iterator[tuple[str, str]]:
    protocol = Protocol.from_json(study.protocol)
    yield "title", study.title
    yield "instructions", protocol.instructions
    yield "consent", protocol.consent
    yield "text at the end", protocol.ending
    for each in sets_of(study):
        if each.terms is not None:
            yield f"terms of use of {each.name.lower()}", f"{each.terms.text} {each.terms.credential}"
    for question in protocol.questions:
        yield f"question {question.key}", question.text
        for level in question.levels:
            yield f"question {question.key}, level {level.value}", level.label
