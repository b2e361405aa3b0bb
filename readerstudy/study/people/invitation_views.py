"""The page behind an invitation's link: make an account, or take it up with the one there is."""

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from readerstudy.accounts.models import User
from readerstudy.accounts.signed_in import signed_in
from readerstudy.accounts.signing_in import begin_session
from readerstudy.study.people.forms import Register
from readerstudy.study.people.invitations import (
    READER,
    ROLES,
    InvitationError,
    accept,
    note_refusal,
    open_invitation,
    register,
)
from readerstudy.study.phases import NotThisPersonError, PhaseError, StudyError

NOT_YET = (
    "You could not be enrolled yet; the study's admin has been told. Nothing you typed was stored. "
    "Your link is still valid: try it again later."
)


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
