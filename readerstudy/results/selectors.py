"""The only join of ratings and arms, and what is computed from it. Nothing here answers before unblinding."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pandas as pd
from django.conf import settings

from analysis.frames import RATINGS, check_table
from analysis.stats import Results, analyse
from readerstudy.accounts.models import User
from readerstudy.results.models import OpenedCase, Unblinding
from readerstudy.study.models import Assignment, Rating, Role, Study
from readerstudy.study.phases import Phase
from readerstudy.study.protocol import digest
from readerstudy.study.visibility import study_for_role

ENDPOINTS = ("agree", "quality", "difficulty")
ANALYSIS_SEED = 20230814
"""Of the permutation tests; a fixed number, so that the same ratings always give the same report."""


class SealedError(Exception):
    """The study's key is not open: there are no results yet."""


def study_for_results(user: User, slug: str) -> Study:
    """Return the study to its admins, researchers and statisticians; 404 to anybody else."""
    return study_for_role(user, slug, Role.STUDY_ADMIN, Role.RESEARCHER, Role.STATISTICIAN)


def unblinding_of(study: Study) -> Unblinding:
    """Return the unblinding of a study.

    Raises
    ------
    SealedError: the key is not open.
    """
    unblinding = Unblinding.objects.select_related("opened_by").filter(study=study).first()
    if study.phase != Phase.UNBLINDED or unblinding is None:
        raise SealedError(
            f"'{study.slug}' is {study.phase}: its key is not open, so there are no results yet"
        )
    return unblinding


def ratings_frame(study: Study) -> pd.DataFrame:
    """Return the tidy ratings (frames.RATINGS), one row per assignment, unread ones as missing.

    Raises
    ------
    SealedError: the key is not open.
    """
    unblinding_of(study)
    opened = {row.case_id: row for row in OpenedCase.objects.filter(study=study)}
    members = Counter(row.pair for row in opened.values())
    latest: dict[int, Rating] = {}
    for rating in Rating.objects.filter(study=study).order_by("revision"):
        latest[rating.assignment_id] = rating
    assignments = Assignment.objects.filter(study=study).select_related("reader", "case")
    rows = [
        _row(assignment, opened[assignment.case_id], members, latest.get(assignment.pk))
        for assignment in assignments.order_by("reader__pseudonym", "position")
    ]
    return check_table(pd.DataFrame(rows, columns=RATINGS.names), RATINGS)


def results_of(study: Study) -> Results:
    """Analyse the study; the result is kept by the digest of its ratings, since they change no more.

    Raises
    ------
    SealedError: the key is not open.
    NotComparableError: too little was answered for any comparison.
    """
    ratings = ratings_frame(study)
    stamp = digest({"ratings": ratings.to_csv(index=False), "seed": ANALYSIS_SEED})
    path = settings.EXPORTS_ROOT / str(study.key) / f"{stamp}.json"
    if path.exists():
        return _from_json(json.loads(path.read_text(encoding="utf-8")))
    results = analyse(ratings, seed=ANALYSIS_SEED, simulated=study.simulated_readers)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    scratch = path.with_suffix(".part")
    scratch.write_text(results.to_json(), encoding="utf-8")
    scratch.rename(path)
    return results


def _from_json(values: dict[str, Any]) -> Results:
    fields = {name: value for name, value in values.items() if name not in {"format", "warning"}}
    return Results(**fields)


def _row(
    assignment: Assignment, opened: OpenedCase, members: Mapping[int, int], rating: Rating | None
) -> dict[str, Any]:
    answers = rating.answers if rating else {}
    row: dict[str, Any] = {
        "reader": assignment.reader.pseudonym,
        "case": assignment.case.key,
        "arm": opened.arm,
        # A case that is matched to none has a number of its own: that is no pair.
        "pair": str(opened.pair) if members[opened.pair] > 1 else "",
        "batch": str(assignment.case.block),
        "presentation": assignment.presentation,
        "position": assignment.position,
        "time_s": rating.seconds if rating else None,
    }
    for name in ENDPOINTS:
        answer = answers.get(name, {"status": "missing", "value": None})
        row[name] = answer["value"]
        row[f"{name}_status"] = answer["status"]
    return row
