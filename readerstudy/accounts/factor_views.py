"""A person's own second factors: set up an authenticator app or passkeys, keep recovery codes, take one away."""

import json
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods

from readerstudy.accounts import factors
from readerstudy.accounts.access import signed_in
from readerstudy.accounts.factors import FactorError, Kind, host_of, is_named
from readerstudy.accounts.forms import Confirm, NewApp, NewPasskey
from readerstudy.accounts.services import choose_password
from readerstudy.accounts.signing_in import (
    NONE_NEEDED,
    PASSED,
    TO_SET_UP,
    must_have_factor,
    note_standing,
    standing,
)


@never_cache
@require_GET
def overview(request: HttpRequest) -> HttpResponse:
    """List the person's second factors and offer new ones."""
    user = signed_in(request)
    there = list(factors.factors(user))
    context = {
        "factors": there,
        "has_app": any(each.type == Kind.TOTP for each in there),
        "codes_left": factors.codes_left(user),
        "codes_to_keep": bool(factors.codes_to_keep(user)),
        "must": standing(request) == TO_SET_UP,
        "host_is_named": is_named(request),
        "host": host_of(request),
    }
    return render(request, "accounts/factors.html", context)


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "POST"])
def add_app(request: HttpRequest) -> HttpResponse:
    """Show a secret as a picture and as text, and keep the app that answers with its code."""
    user = signed_in(request)
    form = NewApp(request.POST or None, request=request)
    secret = factors.app_secret(request)

    def add() -> None:
        factors.add_app(request=request, user=user, code=form.cleaned_data["code"])

    if form.is_valid() and _changed(request, form, add, field="code"):
        return _added(request)
    groups = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
    return render(request, "accounts/add_app.html", {"form": form, "secret": groups})


@never_cache
@require_GET
def app_code(request: HttpRequest) -> HttpResponse:
    """Draw the secret that is being set up in this session as a QR code."""
    picture = factors.app_picture(request)
    if not picture:
        raise Http404
    return HttpResponse(picture, content_type="image/svg+xml")


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "POST"])
def add_passkey(request: HttpRequest) -> HttpResponse:
    """Let the browser make a passkey for this site and keep its public half."""
    user = signed_in(request)
    form = NewPasskey(request.POST or None, request=request)

    def add() -> None:
        values = form.cleaned_data
        factors.add_passkey(user=user, name=values["name"], credential=values["credential"])

    if form.is_valid() and _changed(request, form, add):
        return _added(request)
    named = is_named(request)
    context = {
        "form": form,
        "host_is_named": named,
        "host": host_of(request),
        "options": json.dumps(factors.passkey_to_make(user)) if named else "",
    }
    return render(request, "accounts/add_passkey.html", context)


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "POST"])
def recovery_codes(request: HttpRequest) -> HttpResponse:
    """Show new recovery codes until the person has kept them; draw others for the password."""
    user = signed_in(request)
    form = Confirm(request=request)
    if request.method == "POST" and "kept" in request.POST:
        factors.codes_are_kept(user)
        messages.success(request, "Thank you. The codes are not shown again.")
        return redirect("accounts:factors")
    if request.method == "POST":
        form = Confirm(request.POST, request=request)
        if form.is_valid():
            try:
                factors.new_codes(user=user)
                return redirect("accounts:recovery_codes")
            except FactorError as error:
                form.add_error(None, str(error))
    context: dict[str, Any] = {
        "form": form, "codes": factors.codes_to_keep(user), "left": factors.codes_left(user),
        "any": factors.has_factor(user),
    }  # fmt: skip
    return render(request, "accounts/recovery_codes.html", context)


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "POST"])
def remove_factor(request: HttpRequest, number: int) -> HttpResponse:
    """Ask for the password and take one second factor away."""
    user = signed_in(request)
    found = factors.factors(user).filter(pk=number).first()
    if found is None:
        raise Http404
    form = Confirm(request.POST or None, request=request)

    def remove() -> None:
        factors.remove(user=user, number=number, must_have=must_have_factor(user))

    if form.is_valid() and _changed(request, form, remove):
        messages.success(request, "It has been removed, and you are signed out everywhere else.")
        return redirect("accounts:factors")
    return render(request, "accounts/remove_factor.html", {"form": form, "factor": found})


def _added(request: HttpRequest) -> HttpResponse:
    """Go on after a new second factor; fresh recovery codes are shown."""
    messages.success(request, "It is set up and required from the next sign-in.")
    to_keep = factors.codes_to_keep(signed_in(request))
    return redirect("accounts:recovery_codes" if to_keep else "accounts:factors")


def _changed(
    request: HttpRequest, form: Confirm, act: Callable[[], object], *, field: str | None = None
) -> bool:
    """Change the person's factors and end the sessions that began with others; put a refusal on the form.

    Both happen, or neither. This session has come as far as its person's factors now ask for.
    """
    hashed = make_password(form.cleaned_data["password"])
    try:
        with transaction.atomic():
            act()
            note_standing(request, PASSED if factors.has_factor(signed_in(request)) else NONE_NEEDED)
            choose_password(request=request, hashed=hashed, ends_sessions_only=True)
    except FactorError as error:
        form.add_error(field, str(error))
        return False
    return True
