"""Checks before every view: who is signed in, which second factor is owed, whether sign-in is refused for a while.

A page leads somebody whose session is over to the sign-in; an address that scripts ask answers 401, since a script
that followed a redirect would take the sign-in page for its answer. Addresses that answer scripts carry a mark,
`answers_scripts`; the analysis app sets the same mark by a decorator of its own.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.utils.deprecation import MiddlewareMixin
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from readerstudy.accounts.browsers import note_browser
from readerstudy.accounts.hashing import BusyError, NotNowError
from readerstudy.accounts.signing_in import OWED, TO_SET_UP, standing

ALWAYS = {"accounts:sign_out", "accounts:second_step", "ops:health", "ops:readiness"}
SETTING_UP = {
    "accounts:factors", "accounts:add_app", "accounts:app_code", "accounts:add_passkey", "accounts:recovery_codes",
}  # fmt: skip
LED_TO = {OWED: "accounts:second_step", TO_SET_UP: "accounts:factors"}

View = TypeVar("View", bound=Callable[..., HttpResponseBase])
MARK = "answers_scripts"


class SignInLimits(MiddlewareMixin):
    """Turns NotNowError of any view into its page, and lets a browser be known in which somebody has signed in."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Keep whose browser this is, as the receiver of sign-ins says."""
        name = getattr(request, "browser_is_of", None)
        if name is not None and response.status_code < 400:
            note_browser(request, response, name)
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answer for a view that is shut for now."""
        if not isinstance(error, NotNowError):
            return None
        page = "accounts/busy.html" if isinstance(error, BusyError) else "accounts/locked_out.html"
        return not_now(render(request, page, {"minutes": -(-error.seconds // 60)}), error)


def not_now(page: HttpResponse, error: NotNowError) -> HttpResponse:
    """Return a page as the answer while sign-in is refused."""
    page.status_code = 429
    page["Retry-After"] = str(error.seconds)
    page["Cache-Control"] = "no-store"
    return page


def page(*methods: str, secret: bool = False) -> Callable[[View], View]:
    """Make a page of a view: it answers these methods and is kept by nobody on its way.

    `secret`: what is posted to it appears in no error report.
    """

    def made(view: View) -> View:
        answered = never_cache(require_http_methods(methods)(view))
        return sensitive_post_parameters()(answered) if secret else answered

    return made


def answers_scripts(view: View) -> View:
    """Mark a view that answers scripts with JSON or pixels; put it above every other decorator."""
    setattr(view, MARK, True)
    return view


def is_over() -> JsonResponse:
    """Return the answer to a script whose session is over, or owes a second factor."""
    response = JsonResponse({"error": "you are signed out; sign in again and go on"}, status=401)
    response["Cache-Control"] = "no-store"
    return response


class SignInRequired(LoginRequiredMiddleware):
    """Django's own, and a check that anyone who owes a second factor, or must set one up, gets nowhere else.

    The sign-in page asks for both factors before it begins a session. This holds for sessions begun otherwise too:
    by an invitation's link, by a way to sign in that somebody adds, or before the person had a second factor.
    Marked addresses say that the session is over instead of leading elsewhere.
    """

    def process_view(
        self, request: HttpRequest, view_func: Any, view_args: tuple[Any, ...], view_kwargs: dict[str, Any]
    ) -> HttpResponseBase | None:
        """Let a request through, or lead it to the sign-in, or to the step that its session owes."""
        match = request.resolver_match
        name = match.view_name if match else ""
        if name in ALWAYS or not request.user.is_authenticated:
            return super().process_view(request, view_func, view_args, view_kwargs)
        owes = standing(request)
        if owes not in LED_TO or (owes == TO_SET_UP and name in SETTING_UP):
            return None
        return is_over() if getattr(view_func, MARK, False) else redirect(LED_TO[owes])

    def handle_no_permission(  # type: ignore[override]  # the stub knows a redirect only
        self, request: HttpRequest, view_func: Any
    ) -> HttpResponseBase:
        """Answer somebody who is not signed in."""
        if getattr(view_func, MARK, False):
            return is_over()
        return super().handle_no_permission(request, view_func)
