"""The answer while sign-in is refused for a while: 429, and when to come again."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from readerstudy.accounts.hashing import BusyError, NotNowError
from readerstudy.accounts.known_browsers import note_browser


class Doors:
    """Turns NotNowError of any view into its page, and lets a browser be known in which somebody has signed in."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Wrap the rest of the site."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer; the receiver of sign-ins says whose browser this is."""
        response = self.get_response(request)
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


doors = Doors
