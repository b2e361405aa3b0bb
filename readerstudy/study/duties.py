"""Who counts as one of two admins who open a key together; the lock writes it down, and nothing later adds to it.

An admin counts whose account and role nobody else can have had in hand. A link to an account, a role or a new password
can be read by whoever sent it, by whoever reads the site's mail or its console, and by whoever handed it over; so an
admin behind such a link may be the other admin once more. The operator, who knows people by other ways, gives or
confirms the role on the server (`give_role`), before the lock. What comes after the lock only takes away.

All of it is read from the audit trail, in the order in which events were written: clocks have no part in it.
"""

from collections.abc import Callable
from typing import Any

from django.db.models import Q, QuerySet

from readerstudy.accounts.models import User
from readerstudy.audit.models import Event
from readerstudy.study.models import Role, Study
from readerstudy.study.phases import Phase
from readerstudy.study.unblinded import admins_of, is_unblinded

IN_OTHER_HANDS = {
    "invitation.accepted": "took the role up by an invitation, whose link others could read",
    "person.added": "made the account behind an invitation, whose link others could read",
    "person.recovery_begun": "was given a link to a new password, which others could read",
    "person.password_set": "has a password that somebody else drew",
}
"""Kind of event to what it says of the person, after their name."""

LATE = "became study admin after the protocol was locked"
GONE = "has no role as study admin here, or may not sign in"
CAME_BACK = "lost the role after the protocol was locked"

open_requests: list[Callable[[Study], bool]] = []
"""Apps above this one say here whether a request to open a study's key stands."""


def doubt_about(person: User, study: Study) -> str:
    """Return why a person may be another admin once more, as of now, or ""; the operator's word settles it."""
    by_operator = _events(
        study, kind__in=("study.role_given", "study.role_confirmed"), subject=str(person.pk)
    )
    settled = by_operator.filter(actor=None, values__role=Role.STUDY_ADMIN.value).last()
    return _other_hands(person, study, 0 if settled is None else settled.pk)


def openers_of(study: Study) -> dict[str, Any]:
    """Return what a lock freezes: whether two must open the key, and which admins count, by number, and why not."""
    admins = []
    for person in admins_of(study):
        doubt = doubt_about(person, study)
        admins.append({"actor": person.pk, "counts": not doubt, "because": doubt})
    return {"two": len(admins) > 1, "admins": admins}


def needs_two(study: Study) -> bool:
    """Say whether two admins must open a locked study's key: it had more than one when it was locked."""
    return bool(study.openers.get("two"))


def why_not(person: User, study: Study) -> str:
    """Return why a person does not count as one of the two who open a key, to follow their name; "" if they do."""
    if person not in admins_of(study):
        return GONE
    if study.phase == Phase.DRAFT:
        return doubt_about(person, study)
    frozen = {each["actor"]: each["because"] for each in study.openers.get("admins", ())}
    if person.pk not in frozen:
        return LATE
    locked = _events(study, kind="study.locked").last()
    since = 0 if locked is None else locked.pk
    left = _events(study, kind="study.role_ended", subject=str(person.pk), pk__gt=since)
    if left.filter(values__old=Role.STUDY_ADMIN.value).exists():
        return CAME_BACK
    return frozen[person.pk] or _other_hands(person, study, since)


def counting(study: Study) -> list[User]:
    """Return the study's admins of today who count."""
    return [person for person in admins_of(study) if not why_not(person, study)]


def openers_context(study: Study) -> dict[str, Any]:
    """Return what pages tell of the opening of the key: who counts and why not, and whether enough do."""
    admins = [(person, why_not(person, study)) for person in admins_of(study)]
    two = len(admins) > 1 if study.phase == Phase.DRAFT else needs_two(study)
    return {"openers": admins, "two": two, "enough": not two or sum(not why for _, why in admins) > 1}


def request_stands(study: Study) -> bool:
    """Say whether somebody has asked for the key of a closed study to be opened, and nobody has opened or declined."""
    return study.phase == Phase.CLOSED and any(stands(study) for stands in open_requests)


def had_unblinded_admin(study: Study) -> bool:
    """Say whether an admin whom the study has or had can see where its cases come from."""
    given = _events(study, kind="study.role_given", values__role=Role.STUDY_ADMIN.value)
    numbers = {int(number) for number in given.values_list("subject", flat=True)}
    people = {*admins_of(study), *User.objects.filter(pk__in=numbers)}
    return any(is_unblinded(person, study) for person in people)


def _events(study: Study, **which: Any) -> QuerySet[Event]:
    found: QuerySet[Event] = Event.objects.filter(study=study.key, **which).order_by("pk")
    return found


def _other_hands(person: User, study: Study, since: int) -> str:
    """Return the first of `IN_OTHER_HANDS` that holds for a person's role or account after an event, or ""."""
    role = Q(study=study.key, kind="invitation.accepted", actor=person, values__role=Role.STUDY_ADMIN.value)
    own = Q(study=None, kind="person.added", actor=person, subject=str(person.pk))
    password = Q(
        study=None, kind__in=("person.recovery_begun", "person.password_set"), subject=str(person.pk)
    )
    found = Event.objects.filter(role | own | password, pk__gt=since).order_by("pk").first()
    return "" if found is None else IN_OTHER_HANDS[found.kind]
