"""A check on every request: anyone who owes a second factor, or must set one up, gets nowhere else.

The sign-in page asks for both factors before it begins a session. This holds for sessions begun otherwise too:
by an invitation's link, by a way to sign in that somebody adds, or before the person had a second factor.
"""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from readerstudy.accounts.signed_out import MARK, is_over
from readerstudy.accounts.standing import OWED, TO_SET_UP, standing

ALWAYS = {"accounts:sign_out", "accounts:second_step", "ops:health", "ops:readiness"}
SETTING_UP = {
    "accounts:factors", "accounts:add_app", "accounts:app_code", "accounts:add_passkey", "accounts:recovery_codes",
}  # fmt: skip
LED_TO = {OWED: "accounts:second_step", TO_SET_UP: "accounts:factors"}

Handler = Callable[[HttpRequest], HttpResponse]


class SecondFactor:
    """Leads a session to the step that it owes."""

    def __init__(self, get_response: Handler) -> None:
        """Wrap the rest of the site."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Change nothing before the address is known."""
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Handler, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        """Let a request through, or lead it to the step that its session owes; a script is told, not led."""
        match = request.resolver_match
        name = match.view_name if match else ""
        if name in ALWAYS or not request.user.is_authenticated:
            return None
        owes = standing(request)
        if owes not in LED_TO or (owes == TO_SET_UP and name in SETTING_UP):
            return None
        return is_over() if getattr(view, MARK, False) else redirect(LED_TO[owes])


second_factor = SecondFactor
