"""Signing in by both steps, account recovery by a link, a person's own account, and the page for a refused form."""

import json
from typing import Any

from django.contrib import messages
from django.contrib.auth import views as auth_views
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import AuthenticationForm, PasswordResetForm, SetPasswordForm
from django.contrib.auth.hashers import make_password
from django.contrib.auth.signals import user_login_failed
from django.core.exceptions import NON_FIELD_ERRORS
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator

from readerstudy.accounts import factors, services
from readerstudy.accounts.access import or_404, signed_in
from readerstudy.accounts.attempts import limits_of, link_limits
from readerstudy.accounts.forms import Code, Confirm, Password, Profile
from readerstudy.accounts.hashing import BusyError
from readerstudy.accounts.middleware import not_now, page
from readerstudy.accounts.models import User
from readerstudy.accounts.open_sessions import end_session, sessions_of
from readerstudy.accounts.services import Link
from readerstudy.accounts.signing_in import TO_SET_UP, begin_session, hold, let_in, waiting
from readerstudy.accounts.tasks import ask_for_link


@method_decorator(login_not_required, name="dispatch")
class SignIn(auth_views.LoginView):
    http_method_names = ["get", "head", "post"]
    template_name = "accounts/sign_in.html"
    redirect_authenticated_user = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Say whether the site can mail a link to a new password."""
        return super().get_context_data(sends_mail=services.sends_mail(), **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Try the password when its turn comes; where the queue is full, show the form again."""
        name = request.POST.get("username", "")
        if not (name and request.POST.get("password")):
            return super().post(request, *args, **kwargs)
        self.limits = limits_of(request, name)
        self.limits.refuse_if_shut()
        try:
            with self.limits.turn():
                self.limits.count()
                return super().post(request, *args, **kwargs)
        except BusyError as busy:
            form = AuthenticationForm(request, initial={"username": name})
            return not_now(self.render_to_response(self.get_context_data(form=form, busy=busy.seconds)), busy)

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """Begin a session, or hold the password until the second factor has come."""
        person = form.get_user()
        with transaction.atomic():
            if hold(self.request, person, onward=self.get_success_url()):
                self.limits.take_back()
                return redirect("accounts:second_step")
        begin_session(self.request, person)
        return redirect(self.get_success_url())

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        """Show the form again, unless this was the last attempt."""
        if form.has_error(NON_FIELD_ERRORS, "invalid_login"):
            self.limits.note_wrong()
        return super().form_invalid(form)


class SignOut(auth_views.LogoutView):
    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """End the session and note it, or neither."""
        with transaction.atomic():
            return super().post(request, *args, **kwargs)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Say what to do when a form's token is stale; the reason stays in the log."""
    return render(request, "accounts/csrf.html", status=403)


def _account(request: HttpRequest, **forms: Any) -> HttpResponse:
    user = signed_in(request)
    context = {
        "profile": Profile(
            initial={"name": user.name, "specialty": user.specialty, "years_reading": user.years_reading}
        ),
        "password": Password(request),
        "elsewhere": Confirm(request=request, auto_id="elsewhere_%s"),
        "sessions": sessions_of(user, this=request.session.session_key),
        "factors": factors.factors(user).count(),
        "codes_left": factors.codes_left(user),
        **forms,
    }
    return render(request, "accounts/account.html", context)


@page("GET")
def account(request: HttpRequest) -> HttpResponse:
    """Show a person's own account."""
    return _account(request)


@page("POST")
def profile(request: HttpRequest) -> HttpResponse:
    """Change name and experience."""
    form = Profile(request.POST)
    if not form.is_valid():
        return _account(request, profile=form)
    services.change_profile(user=signed_in(request), **form.cleaned_data)
    messages.success(request, "Your profile is saved.")
    return redirect("accounts:account")


@page("POST", secret=True)
def password(request: HttpRequest) -> HttpResponse:
    """Choose another password; every other session ends."""
    form = Password(request, request.POST)
    if not form.is_valid():
        return _account(request, password=form)
    services.choose_password(request=request, hashed=make_password(form.cleaned_data["new_password1"]))
    messages.success(request, "Your password is changed, and you are signed out everywhere else.")
    return redirect("accounts:account")


@page("POST", secret=True)
def elsewhere(request: HttpRequest) -> HttpResponse:
    """Sign out everywhere else."""
    form = Confirm(request.POST, request=request, auto_id="elsewhere_%s")
    if not form.is_valid():
        return _account(request, elsewhere=form)
    hashed = make_password(form.cleaned_data["password"])
    services.choose_password(request=request, hashed=hashed, ends_sessions_only=True)
    messages.success(request, "You are signed out everywhere else.")
    return redirect("accounts:account")


@page("POST")
def end_one(request: HttpRequest, name: str) -> HttpResponse:
    """End one of the person's own sessions."""
    or_404(end_session(user=signed_in(request), name=name))
    messages.success(request, "That session is ended.")
    return redirect("accounts:account")


@page("GET", "POST", secret=True)
@login_not_required
def second_step(request: HttpRequest) -> HttpResponse:
    """Ask for the second factor of anyone who gave a right password, and let them in."""
    found = waiting(request)
    if found is None:
        return redirect("home" if request.user.is_authenticated else "accounts:sign_in")
    person, onward = found
    form = Code()
    if request.method == "POST":
        limits = limits_of(request, person.email, codes_of=person)
        limits.refuse_if_shut()
        limits.count()
        with transaction.atomic():  # a code is used up by whom it lets in, or not at all
            if kind := _given(request, person):
                let_in(request, person, kind=kind)
                return redirect(onward)
        user_login_failed.send(__name__, credentials={}, request=request)
        limits.note_wrong()
        form = Code(request.POST if "code" in request.POST else None)
    return _page(request, person, form)


def _given(request: HttpRequest, person: User) -> str:
    """Return the kind of factor that came and fits, or ""."""
    if "credential" in request.POST:
        try:
            return factors.check_passkey(user=person, credential=json.loads(request.POST["credential"]))
        except (ValueError, RecursionError):
            return ""
    form = Code(request.POST)
    return factors.check_code(user=person, code=form.cleaned_data["code"]) if form.is_valid() else ""


def _page(request: HttpRequest, person: User, form: Code) -> HttpResponse:
    there = set(factors.factors(person).values_list("type", flat=True))
    has_passkey = factors.Kind.WEBAUTHN in there
    if factors.Kind.TOTP not in there:
        form.fields["code"].label = "A recovery code"
    # Where a passkey is asked for, its button is the first thing on the page.
    asks_passkey = has_passkey and factors.is_named(request)
    if not asks_passkey:
        form.fields["code"].widget.attrs["autofocus"] = True
    context = {
        "form": form,
        "wrong": request.method == "POST",
        "has_passkey": has_passkey,
        "has_app": factors.Kind.TOTP in there,
        "host_is_named": factors.is_named(request),
        "host": factors.host_of(request),
        "options": json.dumps(factors.passkey_to_ask(person)) if asks_passkey else "",
    }
    return render(request, "accounts/second_step.html", context)


@page("GET", "POST")
@login_not_required
def forgotten(request: HttpRequest) -> HttpResponse:
    """Have a link to a new password mailed; the answer is the same whether anyone has the address or not."""
    or_404(services.sends_mail())
    form = PasswordResetForm(request.POST or None)
    form.fields["email"].label = "E-mail address"
    asked = form.is_valid()
    if asked:
        link_limits(request, form.cleaned_data["email"]).count()
        ask_for_link(form.cleaned_data["email"])
    return render(request, "accounts/forgotten.html", {"form": form, "asked": asked})


@page("GET", "POST", secret=True)
@login_not_required
def recover(request: HttpRequest, token: str) -> HttpResponse:
    """Let the person of a link choose a password; one that was mailed then leads to the sign-in with both factors."""
    try:
        person, link = services.open_link(token)
        form = SetPasswordForm(person, request.POST or None)
        if form.is_valid():
            hashed = make_password(form.cleaned_data["new_password1"])
            with transaction.atomic():
                person, link = services.use_link(token=token, hashed=hashed)
                if link is not Link.MAILED:
                    begin_session(request, person, mark=TO_SET_UP if link is Link.START_AGAIN else None)
            return redirect("accounts:sign_in" if link is Link.MAILED else "accounts:factors")
    except services.RecoveryError:
        return render(request, "accounts/recovery_over.html", status=404)
    form.fields["new_password1"].help_text = "At least 12 characters."
    form.fields["new_password2"].help_text = ""
    context = {"form": form, "person": person, "mailed": link is Link.MAILED}
    return render(request, "accounts/recovery.html", context)
