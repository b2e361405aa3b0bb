"""Who may do what in a study: every guard of the study's pages, in one place.

`admin_page` and `admin_step` make a page for the study's admins, `member_page` one for everybody with a role: the view
is given the study, not its short name.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied, ValidationError
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect

from readerstudy.accounts.access import knows_run, or_404, signed_in
from readerstudy.accounts.middleware import page
from readerstudy.accounts.models import User
from readerstudy.refusals import RefusedError
from readerstudy.study.models import Assignment, Membership, Reader, Role, Study
from readerstudy.study.phases import Phase, StudyError

View = Callable[..., HttpResponseBase]


def has_role(user: User, study: Study, *roles: Role) -> bool:
    """Say whether a person has one of these roles in the study. A superuser has none by being one."""
    return Membership.objects.filter(study=study, person=user, role__in=roles).exists()


def studies_of(user: User) -> QuerySet[Study]:
    """Return the studies in which a person has a role, with totals of what is to be read and what is."""
    mine = Membership.objects.filter(person=user).values("study")
    planned = Assignment.objects.filter(study=OuterRef("pk")).order_by().values("study")
    found: QuerySet[Study] = Study.objects.filter(pk__in=mine)
    return found.annotate(total=number_of(planned), finished=number_of(planned.filter(revision__gt=0)))


def number_of(rows: QuerySet[Any, Any]) -> Coalesce:
    """Return the number of rows that belong to an outer one, 0 where there is none; they are grouped by it."""
    return Coalesce(Subquery(rows.annotate(number=Count("pk")).values("number")), 0)


def _given_study(view: View, *roles: Role, draft: bool = False) -> View:
    """Give a view its study; 404 for anybody without one of the roles: not yours looks like not there."""

    @wraps(view)
    def guarded(request: HttpRequest, slug: str, **named: object) -> HttpResponseBase:
        study = get_object_or_404(Study, slug=slug)
        or_404(has_role(signed_in(request), study, *roles) and (not draft or study.phase == Phase.DRAFT))
        return view(request, study, **named)

    return guarded


def admin_page(*methods: str, draft: bool = False) -> Callable[[View], View]:
    """Make a page that answers these methods to the study's admins; with `draft`, only until the study is locked."""
    return lambda view: page(*methods)(_given_study(view, Role.STUDY_ADMIN, draft=draft))


def member_page(*methods: str) -> Callable[[View], View]:
    """Make a page that answers these methods to the study's admins, researchers and statisticians."""
    return lambda view: page(*methods)(_given_study(view, *Role))


def admin_step(
    onward: str, *, draft: bool = False, again: View | None = None
) -> Callable[[Callable[..., str | HttpResponseBase]], View]:
    """Make an address to which a study's admin posts, and which leads on to the study's page `onward`.

    That page shows what the view returns, nothing for "", or why a service refused; an answer of the view's own is sent
    as it is, and `again` answers what was refused with what was typed. What does not exist answers 404.
    """

    def made(view: Callable[..., str | HttpResponseBase]) -> View:
        @wraps(view)
        def posted(request: HttpRequest, study: Study, **named: object) -> HttpResponseBase:
            try:
                answer = view(request, study, **named)
            except ObjectDoesNotExist as error:
                raise Http404 from error
            except (RefusedError, ValidationError) as error:
                tell_refusal(request, error)
                answer = again(request, study) if again else ""
            if isinstance(answer, HttpResponseBase):
                return answer
            if answer:
                messages.success(request, answer)
            return redirect(onward, slug=study.slug)

        return page("POST")(_given_study(posted, Role.STUDY_ADMIN, draft=draft))

    return made


def refuse_unconfirmed(request: HttpRequest, study: Study) -> None:
    """Refuse what cannot be undone where the study's short name was not typed.

    Raises
    ------
    StudyError: another name, or none.
    """
    if request.POST.get("confirm", "").strip() != study.slug:
        raise StudyError(f"expected the short name {study.slug}, typed to confirm; nothing was changed")


def tell_refusal(request: HttpRequest, error: RefusedError | ValidationError) -> None:
    """Say at the top of the next page why something was refused."""
    for told in error.messages if isinstance(error, ValidationError) else [str(error)]:
        messages.error(request, told)


def reader_for(user: User, slug: str) -> Reader:
    """Return the person's reader record in the study, or 404.

    Raises
    ------
    PermissionDenied: since enrolment the person got a right to open sweeps, or opened the one behind the cases.
    """
    reader = get_object_or_404(Reader.objects.select_related("study"), study__slug=slug, person=user)
    if knows_run(user, reader.study.run_id):
        raise PermissionDenied
    reader.person = user  # found already: no page asks the database who it is twice
    return reader


def may_create_studies(user: User) -> bool:
    """Say whether a person may set up a study: superusers, and anyone who administers one already."""
    return bool(user.is_superuser) or Membership.objects.filter(person=user, role=Role.STUDY_ADMIN).exists()
