"""Unblinded admins: those of a study who can see where its cases come from. They are marked, and do not act alone."""

from typing import Any

from readerstudy.accounts.access import has_opened_run, knows_run, may_open_runs
from readerstudy.accounts.models import User
from readerstudy.study.models import Membership, Role, Study


def is_unblinded(person: User, study: Study) -> bool:
    """Say whether a person may open sweeps or has opened the one behind the study's cases, by roles and access log."""
    return knows_run(person, study.run_id)


def admins_of(study: Study) -> list[User]:
    """Return the study's admins who can sign in, in the order in which they got the role."""
    found = Membership.objects.filter(study=study, role=Role.STUDY_ADMIN, person__is_active=True)
    return [each.person for each in found.select_related("person").order_by("pk")]


def unblinded_among(study: Study) -> set[int]:
    """Return the numbers (`actor` in the audit trail) of the study's unblinded admins."""
    return {person.pk for person in admins_of(study) if is_unblinded(person, study)}


def admins_document(study: Study) -> list[dict[str, Any]]:
    """Return the study's admins as the protocol file tells them: by number, no names; unblinded or not, and why."""
    return [
        {"actor": person.pk, "unblinded": is_unblinded(person, study), "because": _why(person, study)}
        for person in admins_of(study)
    ]


def _why(person: User, study: Study) -> str:
    if study.run_id and has_opened_run(person, study.run_id):
        return "has opened the sweep behind the cases"
    return "may open sweeps" if may_open_runs(person) else ""
