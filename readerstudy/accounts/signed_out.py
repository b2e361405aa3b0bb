"""What a session that is over looks like: a page leads to the sign-in, an address that scripts ask answers 401.

A script that followed a redirect would take the sign-in page for its answer. Addresses that answer scripts carry
a mark, `answers_scripts`; the analysis app sets the same mark by a decorator of its own.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest, HttpResponseBase, JsonResponse

View = TypeVar("View", bound=Callable[..., HttpResponseBase])
MARK = "answers_scripts"


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
    """Django's own, but for marked addresses, which say that the session is over instead of leading elsewhere."""

    def handle_no_permission(  # type: ignore[override]  # the stub knows a redirect only
        self, request: HttpRequest, view_func: Any
    ) -> HttpResponseBase:
        """Answer somebody who is not signed in."""
        if getattr(view_func, MARK, False):
            return is_over()
        return super().handle_no_permission(request, view_func)
