"""The page of a study's people, for its admin: readers and how far they are, roles, invitations.

And the page behind an invitation's link: accept it with a new account or an existing one.
"""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import SetPasswordMixin
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from readerstudy.accounts.access import or_404, signed_in
from readerstudy.accounts.forms import Profile, filled
from readerstudy.accounts.middleware import page
from readerstudy.accounts.models import Invitation, User
from readerstudy.accounts.services import sends_mail
from readerstudy.accounts.signing_in import begin_session
from readerstudy.study.duties import is_unblinded, openers_context, unblinded_among
from readerstudy.study.models import ProposedStep, Rating, Study
from readerstudy.study.people import invitations, members
from readerstudy.study.people.invitations import ROLES
from readerstudy.study.people.members import LATELY, end_role, progress_of, readers_of, withdraw_reader
from readerstudy.study.people.proposals import approve, decline, propose, waiting_proposals
from readerstudy.study.phases import BEFORE_CLOSE, NotThisPersonError, PhaseError, StudyError
from readerstudy.study.visibility import admin_page, admin_step


class Reason(forms.Form):
    """Why a step is taken; it is recorded in the audit trail."""

    reason = forms.CharField(max_length=500, label="Reason")


class Invite(forms.Form):
    """Whom to invite as what; a reader can take the place of one who has withdrawn."""

    email = forms.CharField(
        label="E-mail addresses", required=False, widget=forms.Textarea(attrs={"rows": 3, "autocomplete": "off"}),
        help_text="One a line, or pasted from a table: the address and, where it is not the one below, the role.",
    )  # fmt: skip
    file = forms.FileField(label="Or a CSV file of such lines", required=False)
    role = forms.ChoiceField(label="Role", choices=ROLES)
    replaces = forms.ChoiceField(
        label="Takes over the cases of",
        required=False,
        help_text="A reader who has withdrawn; in a fresh order.",
    )

    def __init__(self, *args: Any, study: Study, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        taken = study.readers.exclude(replaces=None).values("replaces")
        left = study.readers.filter(withdrawn_at__isnull=False).exclude(pk__in=taken)
        if names := [(reader.pseudonym, reader.pseudonym) for reader in left]:
            self.fields["replaces"].choices = [("", "nobody"), *names]  # type: ignore[attr-defined]
        else:
            del self.fields["replaces"]


class Register(SetPasswordMixin, Profile):  # type: ignore[type-arg]  # takes none when it runs
    """A new account for an invited address; readers say how experienced they are."""

    error_messages = {"password_mismatch": "The two passwords differ."}
    password, again = SetPasswordMixin.create_password_fields("Password", "Password again")
    field_order = ["name", "password", "again"]

    def __init__(self, *args: Any, reader: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"].help_text, self.fields["again"].help_text = "At least 12 characters.", ""
        if not reader:
            del self.fields["specialty"], self.fields["years_reading"]

    def clean(self) -> dict[str, Any]:
        """Compare the two passwords and ask the site's rules for passwords."""
        values: dict[str, Any] = super().clean() or self.cleaned_data
        self.validate_passwords("password", "again")
        self.validate_password_for_user(User(name=values.get("name", "")), "password")
        values.pop("again", None)
        return values


WAITS = (
    "You can see where cases come from, so this waits for a blinded admin; it is recorded in the audit trail."
)
NOT_YET = (
    "You could not be enrolled yet; the study's admin has been told. Nothing you typed was stored. "
    "Your link is still valid: try it again later."
)


def _people(request: HttpRequest, study: Study) -> HttpResponse:
    """Show who takes part and where they are; totals per reader and nothing of a case."""
    readers = readers_of(study)
    week = Rating.objects.filter(study=study, revision=1, saved_at__gte=timezone.now() - LATELY)
    refused = invitations.refusals_of(study)
    context = {
        "study": study,
        "readers": readers,
        "members": study.memberships.select_related("person").order_by("person__name", "role"),
        "invitations": invitations.open_invitations(study),
        "refused": [(each, refused[each.pk]) for each in Invitation.objects.filter(pk__in=refused)],
        "invite_form": Invite(request.POST or None, study=study),
        "enrolling": study.phase in BEFORE_CLOSE,
        "mails": sends_mail(),
        "unblinded": unblinded_among(study),
        "proposals": waiting_proposals(study),
        "finished": readers.filter(state="finished").count(),
        "progress": progress_of(study),
        "lately": week.count(),
        **openers_context(study),
    }
    return render(request, "study/people.html", context)


people = admin_page("GET")(_people)


@admin_step("study:people", again=_people)
def send(request: HttpRequest, study: Study) -> str:
    """Invite somebody."""
    actor, values = signed_in(request), filled(Invite(request.POST, request.FILES, study=study))
    typed = values["file"].read(invitations.LARGEST).decode("utf-8-sig", "replace") if values["file"] else ""
    asked = invitations.read_addresses("\n".join(filter(None, [values["email"], typed])), values["role"])
    replaces = values.get("replaces", "")
    if replaces and is_unblinded(actor, study) and len(asked) == 1:
        propose(
            study=study, step=ProposedStep.REPLACE, actor=actor, reader=replaces, email=asked[0][0],
            reason=f"{asked[0][0]} takes over the cases of {replaces}",
        )  # fmt: skip
        return WAITS
    who = {"asked": asked, "actor": actor, "replaces": replaces}
    try:
        sent = invitations.invite_all(study=study, link_for=_link_for(request), **who)
    except OSError as error:  # after the commit
        raise StudyError(f"recorded, but no mail was sent ({type(error).__name__}); send it again") from error
    if sends_mail():
        return f"The invitation to {', '.join(sent)} has been sent."
    for email, link in sent.items():
        told = f"This site sends no mail. Give this link to {email} yourself; it is shown once: {link}"
        messages.success(request, told)
    return ""


@admin_step("study:people")
def remind(request: HttpRequest, study: Study) -> str:
    """Have the worker write to one reader, or to all who have not finished."""
    if not sends_mail():
        raise StudyError("this site sends no mail; write to the readers yourself")
    address = request.build_absolute_uri(reverse("study:reading", args=[study.slug]))
    told = {"pseudonym": request.POST.get("reader", ""), "address": address}
    asked = members.remind(study=study, actor=signed_in(request), **told)
    return f"Reminders are on their way to {', '.join(asked)}."


@admin_step("study:people")
def take_back(request: HttpRequest, study: Study, number: int) -> str:
    """Make an open invitation worthless."""
    invitations.revoke(study=study, invitation=number, actor=signed_in(request))
    return "The link is no longer valid."


@admin_step("study:people")
def withdraw(request: HttpRequest, study: Study, pseudonym: str) -> str:
    """Note that a reader has withdrawn."""
    actor, reason = signed_in(request), request.POST.get("reason", "")[:500]
    if is_unblinded(actor, study):
        study.readers.get(pseudonym=pseudonym)
        propose(study=study, step=ProposedStep.WITHDRAW, actor=actor, reader=pseudonym, reason=reason)
        return WAITS
    withdraw_reader(study=study, pseudonym=pseudonym, reason=reason, actor=actor)
    return f"{pseudonym} has withdrawn; their answers are kept."


@admin_step("study:people")
def leave(request: HttpRequest, study: Study, number: int) -> str:
    """End somebody's role."""
    ended = end_role(study=study, member=number, actor=signed_in(request))
    return f"{ended.person} is no longer {ended.get_role_display()}."


@admin_step("study:people")
def decide(request: HttpRequest, study: Study, number: int, decision: str) -> str:
    """Take or decline what an unblinded admin proposed."""
    actor = signed_in(request)
    if decision == "approve":
        return approve(study=study, number=number, actor=actor, link_for=_link_for(request))
    or_404(decision == "decline")
    decline(study=study, number=number, actor=actor)
    return "The proposal was declined; nothing has changed."


def _link_for(request: HttpRequest) -> Callable[[str], str]:
    return lambda token: request.build_absolute_uri(reverse("study:invitation", kwargs={"token": token}))


@page("GET", "POST", secret=True)
@login_not_required
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Show an invitation and take it up; a link that does not hold looks like one that never was."""
    try:
        found, study = invitations.open_invitation(token)
    except invitations.InvitationError:
        return render(request, "study/invitation_over.html", status=404)
    known = User.objects.filter(email=found.email).exists()
    mine = request.user.is_authenticated and request.user.email == found.email
    form = None if known else Register(request.POST or None, reader=found.role == invitations.READER)
    error = ""
    if request.method == "POST" and (mine or (form is not None and form.is_valid())):
        try:
            if form is None:
                invitations.accept(token=token, person=signed_in(request))
            else:
                values = dict(form.cleaned_data)
                hashed = make_password(values.pop("password"))
                with transaction.atomic():
                    person, _ = invitations.register(token=token, hashed=hashed, **values)
                    begin_session(request, person)
            return redirect("home")
        except (invitations.InvitationError, PhaseError) as refusal:
            error = str(refusal)
        except StudyError as refusal:
            # The reason may be the design: hidden repeats, who has whose cases. A reader must not learn of it.
            who = signed_in(request) if form is None else None
            people_page = request.build_absolute_uri(reverse("study:people", args=[study.slug]))
            invitations.note_refusal(token=token, person=who, reason=str(refusal), people_page=people_page)
            told = found.role != invitations.READER or isinstance(refusal, NotThisPersonError)
            error = str(refusal) if told else NOT_YET
    context = {
        "study": study, "invitation": found, "role": found.role_name, "form": form, "mine": mine,
        "error": error,
    }  # fmt: skip
    return render(request, "study/invitation.html", context)
