"""Who may do what in a study: every guard of the study's pages, in one place."""

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest

from readerstudy.accounts.access import knows_run, signed_in
from readerstudy.accounts.models import User
from readerstudy.study.models import Membership, Reader, Role, Study
from readerstudy.study.phases import StudyError


def has_role(user: User, study: Study, *roles: Role) -> bool:
    """Say whether a person has one of these roles in the study. A superuser has none by being one."""
    return Membership.objects.filter(study=study, person=user, role__in=roles).exists()


def studies_of(user: User) -> list[Study]:
    """List the studies in which a person has a role."""
    return list(Study.objects.filter(memberships__person=user).distinct())


def study_for_role(user: User, slug: str, *roles: Role) -> Study:
    """Return the study, or 404 for anybody without one of the roles: not yours looks like not there."""
    study = Study.objects.filter(slug=slug).first()
    if study is None or not has_role(user, study, *roles):
        raise Http404
    return study


def study_of_admin(request: HttpRequest, slug: str) -> Study:
    """Return the study to one of its admins, or 404."""
    return study_for_role(signed_in(request), slug, Role.STUDY_ADMIN)


def reader_for(user: User, slug: str) -> Reader:
    """Return the person's reader record in the study, or 404.

    Raises
    ------
    PermissionDenied: since enrolment the person got a right to open sweeps, or opened the one behind the cases.
    """
    reader = Reader.objects.select_related("study").filter(study__slug=slug, person=user).first()
    if reader is None:
        raise Http404
    if knows_run(user, reader.study.run_id):
        raise PermissionDenied
    reader.person = user  # found already: no page asks the database who it is twice
    return reader


def may_create_studies(user: User) -> bool:
    """Say whether a person may set up a study: superusers, and anyone who administers one already."""
    return bool(user.is_superuser) or Membership.objects.filter(person=user, role=Role.STUDY_ADMIN).exists()


def study_named(slug: str) -> Study:
    """Return a study to the operator, on the server.

    Raises
    ------
    StudyError: there is none of this name.
    """
    study = Study.objects.filter(slug=slug).first()
    if study is None:
        raise StudyError(f"expected the short name of a study, got '{slug}'")
    return study


def person_at(email: str) -> User:
    """Return who signs in with an address, to the operator, on the server.

    Raises
    ------
    StudyError: nobody has an account there.
    """
    person = User.objects.filter(email=email.strip().lower()).first()
    if person is None:
        raise StudyError(f"nobody has an account at {email}; make one with add_person")
    return person
