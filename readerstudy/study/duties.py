"""Who is eligible as one of two admins who open a key together; the lock writes it down, and nothing later adds to it.

An admin is eligible if nobody else can have had access to the account and the role. A link to an account, a role or a
new password can be read by its sender, by anyone who reads the site's mail or its console, and by anyone who passed it
on; so an admin behind such a link may be the other admin in disguise. The operator, who knows people from outside the
site, gives or confirms the role on the server (`give_role`), before the lock. Later events only take away.

All of it is read from the audit trail, in the order in which events were written: clocks have no part in it.
"""

from collections.abc import Callable, Collection
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from readerstudy.accounts.access import has_opened_run, knows_run, may_open_runs
from readerstudy.accounts.models import User
from readerstudy.audit.models import Event
from readerstudy.audit.services import record
from readerstudy.cases.selectors import share_pixels
from readerstudy.study.models import Membership, Reader, Role, Study
from readerstudy.study.phases import Phase, PhaseError, StudyError

IN_OTHER_HANDS = {
    "invitation.accepted": "took the role up by an invitation, whose link others could read",
    "person.added": "made the account behind an invitation, whose link others could read",
    "person.recovery_begun": "was given a link to a new password, which others could read",
    "person.password_set": "has a password that somebody else drew",
    "person.password_reset": "chose a new password behind a mailed link, which others could read",
}
"""Kind of event to what it says of the person, after their name."""

LATE = "became study admin after the protocol was locked"
GONE = "has no role as study admin here, or may not sign in"
CAME_BACK = "lost the role after the protocol was locked"

open_requests: list[Callable[[Study], bool]] = []
"""Apps above this one say here whether there is a request to open a study's key."""


def locked_row(study: Study, phases: Collection[Phase], refusal: str) -> Study:
    """Lock a study's row for a step that is possible in some phases, and return it.

    Raises
    ------
    PhaseError: `refusal`, and the phase in which the study is.
    """
    fresh = Study.objects.select_for_update().get(pk=study.pk)
    if fresh.phase not in phases:
        raise PhaseError(f"{refusal} {fresh.phase}")
    return fresh


def locked_draft(study: Study, what: str) -> Study:
    """Lock a draft's row for a step that is possible before the lock only, and return it.

    Raises
    ------
    PhaseError: the study is no draft.
    """
    return locked_row(study, {Phase.DRAFT}, f"{what} only while the study is a draft; it is")


def doubt_about(person: User, study: Study) -> str:
    """Return why a person may be another admin once more, as of now, or ""; the operator's word settles it."""
    by_operator = _events(
        study, kind__in=("study.role_given", "study.role_confirmed"), subject=str(person.pk)
    )
    settled = by_operator.filter(actor=None, values__role=Role.STUDY_ADMIN.value).last()
    return _other_hands(person, study, settled)


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
    locked = _events(study, kind="study.locked").latest("pk")
    left = _events(study, kind="study.role_ended", subject=str(person.pk), pk__gt=locked.pk)
    if left.filter(values__old=Role.STUDY_ADMIN.value).exists():
        return CAME_BACK
    return frozen[person.pk] or _other_hands(person, study, locked)


def counting(study: Study) -> list[User]:
    """Return the study's admins of today who count."""
    return [person for person in admins_of(study) if not why_not(person, study)]


def openers_context(study: Study) -> dict[str, Any]:
    """Return what pages tell of the opening of the key: who counts and why not, and whether enough do."""
    admins = [(person, why_not(person, study)) for person in admins_of(study)]
    two = len(admins) > 1 if study.phase == Phase.DRAFT else needs_two(study)
    return {"openers": admins, "two": two, "enough": not two or sum(not why for _, why in admins) > 1}


def has_request(study: Study) -> bool:
    """Say whether somebody has asked for the key of a closed study to be opened, and nobody has opened or declined."""
    return study.phase == Phase.CLOSED and any(asked(study) for asked in open_requests)


def had_unblinded_admin(study: Study) -> bool:
    """Say whether an admin whom the study has or had can see where its cases come from."""
    given = _events(study, kind="study.role_given", values__role=Role.STUDY_ADMIN.value)
    numbers = {int(number) for number in given.values_list("subject", flat=True)}
    people = {*admins_of(study), *User.objects.filter(pk__in=numbers)}
    return any(is_unblinded(person, study) for person in people)


def _events(study: Study, **which: Any) -> QuerySet[Event]:
    found: QuerySet[Event] = Event.objects.filter(study=study.key, **which).order_by("pk")
    return found


def _other_hands(person: User, study: Study, since: Event | None) -> str:
    """Return the first of `IN_OTHER_HANDS` that holds for a person's role or account after an event, or ""."""
    role = Q(study=study.key, kind="invitation.accepted", actor=person, values__role=Role.STUDY_ADMIN.value)
    own = Q(study=None, kind="person.added", actor=person, subject=str(person.pk))
    kinds = ("person.recovery_begun", "person.password_set", "person.password_reset")
    password = Q(study=None, kind__in=kinds, subject=str(person.pk))
    found = Event.objects.filter(role | own | password).order_by("pk")
    first = (found if since is None else found.filter(pk__gt=since.pk)).first()
    return "" if first is None else IN_OTHER_HANDS[first.kind]


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


@transaction.atomic
def add_member(*, study: Study, person: User, role: Role, actor: User | None) -> Membership:
    """Give a person a role in the study; a reader of it can have none.

    The operator, who acts without an account, confirms a study admin's role by giving it again (see `duties`).

    Raises
    ------
    StudyError: the person reads in this study, or a request to open its key is open.
    """
    study = Study.objects.select_for_update().get(pk=study.pk)
    refuse_while_asked(study)
    if Reader.objects.filter(study=study, person=person).exists():
        raise StudyError(f"{person} is a reader in this study, and a reader can have no other role in it")
    member, made = Membership.objects.get_or_create(study=study, person=person, role=role)
    if made or (actor is None and role == Role.STUDY_ADMIN):
        record(
            "study.role_given" if made else "study.role_confirmed", actor, study.key, str(person.pk),
            {"role": role.value},
        )  # fmt: skip
    return member


def refuse_alone(study: Study, actor: User | None, what: str) -> None:
    """Refuse an unblinded admin a step by which answers could be chosen, and anyone who may be that admin once more.

    Raises
    ------
    StudyError: the person can see where cases come from; or an admin of the study can or could, and others could have
        had this person's role or account in hand.
    """
    if actor is None:
        return
    if is_unblinded(actor, study):
        raise StudyError(
            f"{actor} can see where cases come from and so may not {what} alone; ask a blinded admin"
        )
    if (doubt := doubt_about(actor, study)) and had_unblinded_admin(study):
        raise StudyError(
            f"an admin of this study can or could see where cases come from, and {actor} {doubt}; {actor} may "
            f"{what} once the operator has confirmed the role on the server (give_role)"
        )


def refuse_while_asked(study: Study) -> None:
    """Refuse a change of who has a role, so that nobody chooses who decides about a request to open the key.

    Raises
    ------
    StudyError: a request is open.
    """
    if has_request(study):
        raise StudyError(
            "somebody has asked for the key of this study to be opened: until it is open or the request is declined, "
            "nobody gets, loses or is invited to a role in it"
        )


def has_looked(study: Study, person: User) -> bool:
    """Say whether a person has ever looked at images of the study, and so cannot read them blind.

    The trail tells it: cases that were replaced may come again.
    """
    return _events(study, kind="image.signed_off", actor=person).exists()


def refuse_groups_seen(study: Study, person: User) -> None:
    """Refuse anyone who has, or had, a role in an unblinded study of what may be the same images.

    Its cases can be looked through there, each with its group. An invited person does not hear why: they would learn
    which images these are.

    Raises
    ------
    StudyError: they could see the groups there.
    """
    left = Event.objects.filter(kind="study.role_ended", subject=str(person.pk)).values("study")
    roles = Q(memberships__person=person) | Q(key__in=left)
    unblinded = Study.objects.filter(roles, unblinded_at__isnull=False)
    if share_pixels([study.key], [each.key for each in unblinded]):
        raise StudyError(
            f"{person} could see the groups of the same, or maybe the same, images in an unblinded study"
        )
