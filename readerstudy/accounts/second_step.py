"""The second step of signing in: a code or a passkey of anyone who has one."""

import json

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.signals import user_login_failed
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from readerstudy.accounts.attempts import door_of
from readerstudy.accounts.factors import Kind, check_code, check_passkey, factors, passkey_to_ask
from readerstudy.accounts.forms import Code
from readerstudy.accounts.hosts import host_of, is_named
from readerstudy.accounts.models import User
from readerstudy.accounts.signing_in import let_in, waiting


@sensitive_post_parameters()
@never_cache
@login_not_required
@require_http_methods(["GET", "POST"])
def second_step(request: HttpRequest) -> HttpResponse:
    """Ask for the second factor of anyone who gave a right password, and let them in."""
    found = waiting(request)
    if found is None:
        return redirect("home" if request.user.is_authenticated else "accounts:sign_in")
    person, onward = found
    form = Code()
    if request.method == "POST":
        door = door_of(request, person.email, codes_of=person)
        door.refuse_if_shut()
        door.count()
        with transaction.atomic():  # a code is used up by whom it lets in, or not at all
            if kind := _given(request, person):
                let_in(request, person, kind=kind)
                return redirect(onward)
        user_login_failed.send(__name__, credentials={}, request=request)
        door.note_wrong()
        form = Code(request.POST if "code" in request.POST else None)
    return _page(request, person, form)


def _given(request: HttpRequest, person: User) -> str:
    """Return the kind of factor that came and fits, or ""."""
    if "credential" in request.POST:
        try:
            return check_passkey(user=person, credential=json.loads(request.POST["credential"]))
        except (ValueError, RecursionError):
            return ""
    form = Code(request.POST)
    return check_code(user=person, code=form.cleaned_data["code"]) if form.is_valid() else ""


def _page(request: HttpRequest, person: User, form: Code) -> HttpResponse:
    there = set(factors(person).values_list("type", flat=True))
    has_passkey = Kind.WEBAUTHN in there
    if Kind.TOTP not in there:
        form.fields["code"].label = "A recovery code"
    if not (has_passkey and is_named(request)):  # else the passkey's button is the first thing on the page
        form.fields["code"].widget.attrs["autofocus"] = True
    context = {
        "form": form,
        "wrong": request.method == "POST",
        "has_passkey": has_passkey,
        "has_app": Kind.TOTP in there,
        "host_is_named": is_named(request),
        "host": host_of(request),
        "options": json.dumps(passkey_to_ask(person)) if has_passkey and is_named(request) else "",
    }
    return render(request, "accounts/second_step.html", context)
