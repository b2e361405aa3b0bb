"""The page of a study's people, for its admin: readers and how far they are, roles, invitations.

And the page behind an invitation's link: make an account, or take it up with the one there is.
"""

from collections.abc import Callable

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from readerstudy.accounts.access import signed_in
from readerstudy.accounts.forms import tell_errors
from readerstudy.accounts.models import Invitation, User
from readerstudy.accounts.signing_in import begin_session
from readerstudy.study.duties import is_unblinded, openers_context, unblinded_among
from readerstudy.study.models import Membership, Proposal, ProposedStep, Reader, Study
from readerstudy.study.people.forms import Invite, Reason, Register
from readerstudy.study.people.invitations import (
    READER,
    ROLES,
    InvitationError,
    accept,
    invite,
    note_refusal,
    open_invitation,
    open_invitations,
    refusals_of,
    register,
    revoke,
)
from readerstudy.study.people.members import end_role, whereabouts, withdraw_reader
from readerstudy.study.people.proposals import approve, decline, propose, waiting_proposals
from readerstudy.study.phases import BEFORE_CLOSE, NotThisPersonError, PhaseError, StudyError
from readerstudy.study.visibility import study_of_admin

MISSING = (Invitation.DoesNotExist, Reader.DoesNotExist, Membership.DoesNotExist, Proposal.DoesNotExist)
WAITS = (
    "You can see where cases come from, so this waits for a blinded admin; it is recorded in the audit trail."
)
MAIL_STAYS_HERE = {"console", "dummy", "locmem", "filebased"}
"""Backends that send nothing: the admin hands the link over, and gains nothing that `add_person` would not give."""
NOT_YET = (
    "You could not be enrolled yet; the study's admin has been told. Nothing you typed was stored. "
    "Your link is still valid: try it again later."
)


def _sends_mail() -> bool:
    return settings.EMAIL_BACKEND.split(".")[-2] not in MAIL_STAYS_HERE


@never_cache
@require_GET
def people(request: HttpRequest, slug: str) -> HttpResponse:
    """Show who takes part and where they are; totals per reader and nothing of a case."""
    study = study_of_admin(request, slug)
    readers = whereabouts(study)
    context = {
        "study": study,
        "readers": readers,
        "members": study.memberships.select_related("person").order_by("person__name", "role"),
        "invitations": _invitations(study),
        "invite_form": Invite(study=study),
        "reason_form": Reason(auto_id=False),
        "enrolling": study.phase in BEFORE_CLOSE,
        "mails": _sends_mail(),
        "unblinded": unblinded_among(study),
        "proposals": waiting_proposals(study),
        "finished": sum(each["state"] == "finished" for each in readers),
        "read": sum(each["reader"].finished for each in readers),
        "total": sum(each["reader"].total for each in readers),
        "lately": sum(each["lately"] for each in readers),
        **openers_context(study),
    }
    return render(request, "study/people.html", context)


def _invitations(study: Study) -> list[tuple[Invitation, str]]:
    """Return each open invitation and why it could not be taken up, where somebody has tried."""
    refused = refusals_of(study)
    return [(each, refused.get(each.pk, "")) for each in open_invitations(study)]


@require_POST
def send(request: HttpRequest, slug: str) -> HttpResponse:
    """Invite somebody."""
    study = study_of_admin(request, slug)
    form = Invite(request.POST, study=study)
    if not form.is_valid():
        tell_errors(request, form)
        return redirect("study:people", slug=slug)

    def act() -> str:
        if form.cleaned_data.get("replaces") and is_unblinded(signed_in(request), study):
            reader, email = form.cleaned_data["replaces"], form.cleaned_data["email"]
            propose(
                study=study, step=ProposedStep.REPLACE, actor=signed_in(request), reader=reader, email=email,
                reason=f"{email} takes over the cases of {reader}",
            )  # fmt: skip
            return WAITS
        invitation, link = invite(
            study=study, actor=signed_in(request), link_for=_link_for(request), **form.cleaned_data
        )
        if not _sends_mail():
            return f"This site sends no mail. Give this link to {invitation.email} yourself; it is shown once: {link}"
        return f"The invitation to {invitation.email} has been sent."

    return _answer(request, slug, act)


@require_POST
def take_back(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Make an open invitation worthless."""
    study = study_of_admin(request, slug)

    def act() -> str:
        revoke(study=study, invitation=number, actor=signed_in(request))
        return "The link is no longer valid."

    return _answer(request, slug, act)


@require_POST
def withdraw(request: HttpRequest, slug: str, pseudonym: str) -> HttpResponse:
    """Note that a reader has withdrawn."""
    study = study_of_admin(request, slug)

    def act() -> str:
        reason = request.POST.get("reason", "")[:500]
        if is_unblinded(signed_in(request), study):
            get_object_or_404(Reader, study=study, pseudonym=pseudonym)
            propose(
                study=study,
                step=ProposedStep.WITHDRAW,
                actor=signed_in(request),
                reader=pseudonym,
                reason=reason,
            )
            return WAITS
        withdraw_reader(study=study, pseudonym=pseudonym, reason=reason, actor=signed_in(request))
        return f"{pseudonym} has withdrawn; their answers are kept."

    return _answer(request, slug, act)


@require_POST
def leave(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """End somebody's role."""
    study: Study = study_of_admin(request, slug)

    def act() -> str:
        ended = end_role(study=study, member=number, actor=signed_in(request))
        return f"{ended.person} is no longer {ended.get_role_display()}."

    return _answer(request, slug, act)


@require_POST
def decide(request: HttpRequest, slug: str, number: int, decision: str) -> HttpResponse:
    """Take or decline what an unblinded admin proposed."""
    study = study_of_admin(request, slug)
    if decision not in {"approve", "decline"}:
        raise Http404

    def act() -> str:
        if decision == "approve":
            return approve(study=study, number=number, actor=signed_in(request), link_for=_link_for(request))
        decline(study=study, number=number, actor=signed_in(request))
        return "The proposal was declined; nothing has changed."

    return _answer(request, slug, act)


def _link_for(request: HttpRequest) -> Callable[[str], str]:
    return lambda token: request.build_absolute_uri(reverse("study:invitation", kwargs={"token": token}))


def _answer(request: HttpRequest, slug: str, act: Callable[[], str]) -> HttpResponse:
    try:
        messages.success(request, act())
    except MISSING as error:
        raise Http404 from error
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    except (StudyError, PhaseError) as error:
        messages.error(request, str(error))
    return redirect("study:people", slug=slug)


@sensitive_post_parameters("password", "again")
@never_cache
@login_not_required
@require_http_methods(["GET", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Show an invitation and take it up; a link that does not hold looks like one that never was."""
    try:
        found, study = open_invitation(token)
    except InvitationError:
        return render(request, "study/invitation_over.html", status=404)
    known = User.objects.filter(email=found.email).exists()
    mine = request.user.is_authenticated and request.user.email == found.email
    form = None if known else Register(request.POST or None, reader=found.role == READER)
    error = ""
    if request.method == "POST" and (mine or (form is not None and form.is_valid())):
        try:
            if form is None:
                accept(token=token, person=signed_in(request))
            else:
                values = dict(form.cleaned_data)
                hashed = make_password(values.pop("password"))
                with transaction.atomic():
                    person, _ = register(token=token, hashed=hashed, **values)
                    begin_session(request, person)
            return redirect("home")
        except (InvitationError, NotThisPersonError, PhaseError) as refusal:
            error = str(refusal)
        except StudyError as refusal:
            # What hinders may be the design: hidden repeats, who has whose cases. A reader must not learn of it.
            who = signed_in(request) if form is None else None
            page = request.build_absolute_uri(reverse("study:people", args=[study.slug]))
            note_refusal(token=token, person=who, reason=str(refusal), people_page=page)
            error = NOT_YET if found.role == READER else str(refusal)
    context = {
        "study": study, "invitation": found, "role": dict(ROLES)[found.role], "form": form, "mine": mine,
        "error": error,
    }  # fmt: skip
    return render(request, "study/invitation.html", context)
