"""Who is asking."""

from typing import cast

from django.http import HttpRequest

from readerstudy.accounts.models import User


def signed_in(request: HttpRequest) -> User:
    """Return the person behind a request; for views that nobody reaches without signing in."""
    return cast(User, request.user)
