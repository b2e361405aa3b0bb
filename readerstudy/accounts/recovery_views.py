"""The page behind the link of `recover_admin`: choose a password, then set up second factors again."""

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from readerstudy.accounts.recovery import RecoveryError, finish_recovery, open_recovery
from readerstudy.accounts.signing_in import begin_session
from readerstudy.accounts.standing import TO_SET_UP


@sensitive_post_parameters()
@never_cache
@login_not_required
@require_http_methods(["GET", "POST"])
def recover(request: HttpRequest, token: str) -> HttpResponse:
    """Let the person choose a password, and lead anyone who had a second factor to a new one."""
    try:
        found = open_recovery(token)
        form = SetPasswordForm(found.person, request.POST or None)
        if form.is_valid():
            hashed = make_password(form.cleaned_data["new_password1"])
            with transaction.atomic():
                done = finish_recovery(token=token, hashed=hashed)
                begin_session(request, done.person, mark=TO_SET_UP if done.had_factor else None)
            return redirect("accounts:factors")
    except RecoveryError:
        return render(request, "accounts/recovery_over.html", status=404)
    form.fields["new_password1"].help_text = "At least 12 characters."
    form.fields["new_password2"].help_text = ""
    return render(request, "accounts/recovery.html", {"form": form, "person": found.person})
