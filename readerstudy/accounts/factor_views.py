"""A person's own second factors: set up an authenticator app or passkeys, keep recovery codes, take one away."""

import json
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from readerstudy.accounts import factors, signing_in
from readerstudy.accounts.access import or_404, signed_in
from readerstudy.accounts.factors import FactorError, Kind, host_of, is_named
from readerstudy.accounts.forms import Confirm, NewApp, NewPasskey
from readerstudy.accounts.middleware import page
from readerstudy.accounts.services import choose_password


@page("GET")
def overview(request: HttpRequest) -> HttpResponse:
    """List the person's second factors and offer new ones."""
    user = signed_in(request)
    there = list(factors.factors(user))
    context = {
        "factors": there,
        "has_app": any(each.type == Kind.TOTP for each in there),
        "codes_left": factors.codes_left(user),
        "codes_to_keep": bool(factors.codes_to_keep(user)),
        "must": signing_in.standing(request) == signing_in.TO_SET_UP,
        "host_is_named": is_named(request),
        "host": host_of(request),
    }
    return render(request, "accounts/factors.html", context)


@page("GET", "POST", secret=True)
def add_app(request: HttpRequest) -> HttpResponse:
    """Show a secret as a picture and as text, and keep the app that answers with its code."""
    user = signed_in(request)
    form = NewApp(request.POST or None, request=request)
    secret = factors.app_secret(request)
    if _changed(request, form, lambda given: factors.add_app(request=request, user=user, code=given["code"])):
        return _added(request)
    groups = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
    return render(request, "accounts/add_app.html", {"form": form, "secret": groups})


@page("GET")
def app_code(request: HttpRequest) -> HttpResponse:
    """Draw the secret that is being set up in this session as a QR code."""
    picture = or_404(factors.app_picture(request) or None)
    return HttpResponse(picture, content_type="image/svg+xml")


@page("GET", "POST", secret=True)
def add_passkey(request: HttpRequest) -> HttpResponse:
    """Let the browser make a passkey for this site and keep its public half."""
    user = signed_in(request)
    form = NewPasskey(request.POST or None, request=request)
    if _changed(request, form, lambda given: factors.add_passkey(user=user, **given)):
        return _added(request)
    named = is_named(request)
    context = {
        "form": form,
        "host_is_named": named,
        "host": host_of(request),
        "options": json.dumps(factors.passkey_to_make(user)) if named else "",
    }
    return render(request, "accounts/add_passkey.html", context)


@page("GET", "POST", secret=True)
def recovery_codes(request: HttpRequest) -> HttpResponse:
    """Show new recovery codes until the person has kept them; draw others for the password."""
    user = signed_in(request)
    form = Confirm(request.POST or None, request=request)
    if "kept" in request.POST:
        factors.codes_are_kept(user)
        messages.success(request, "Thank you. The codes are not shown again.")
        return redirect("accounts:factors")
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


@page("GET", "POST", secret=True)
def remove_factor(request: HttpRequest, number: int) -> HttpResponse:
    """Ask for the password and take one second factor away."""
    user = signed_in(request)
    found = get_object_or_404(factors.factors(user), pk=number)
    form = Confirm(request.POST or None, request=request)
    must = signing_in.must_have_factor(user)
    if _changed(request, form, lambda _: factors.remove(user=user, number=number, must_have=must)):
        messages.success(request, "It has been removed, and you are signed out everywhere else.")
        return redirect("accounts:factors")
    return render(request, "accounts/remove_factor.html", {"form": form, "factor": found})


def _added(request: HttpRequest) -> HttpResponse:
    """Go on after a new second factor; fresh recovery codes are shown."""
    messages.success(request, "It is set up and required from the next sign-in.")
    to_keep = factors.codes_to_keep(signed_in(request))
    return redirect("accounts:recovery_codes" if to_keep else "accounts:factors")


def _changed(request: HttpRequest, form: Confirm, act: Callable[[dict[str, Any]], object]) -> bool:
    """Change the person's factors as a form says, and end the sessions that began with others.

    Both happen, or neither; a refusal is shown on the form. This session has come as far as its person's factors now
    ask for.
    """
    if not form.is_valid():
        return False
    given = dict(form.cleaned_data)
    hashed = make_password(given.pop("password"))
    try:
        with transaction.atomic():
            act(given)
            has_factor = factors.has_factor(signed_in(request))
            request.session[signing_in.MARK] = signing_in.PASSED if has_factor else signing_in.NONE_NEEDED
            choose_password(request=request, hashed=hashed, ends_sessions_only=True)
    except FactorError as error:
        form.add_error("code" if "code" in form.fields else None, str(error))
        return False
    return True
