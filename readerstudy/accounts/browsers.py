"""Browsers: named in words, and known by a signed cookie where a person has signed in before.

Attempts in such a browser are counted apart from everybody else's, so that nobody elsewhere can lock its person out.
The cookie opens nothing: a copy of it gives a few attempts at one name, as at any other address. It holds no time.
"""

import secrets
from typing import Any

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import salted_hmac

COOKIE = "known_browser"
KEPT_S = 400 * 86_400
"""Browsers keep no cookie longer."""
MOST = 20
"""People of one browser, as at the workstation of a reading room; the latest stay."""
BROWSERS = (
    ("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"),
)  # fmt: skip
SYSTEMS = (
    ("Windows", "Windows"), ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip


def known_browser(request: HttpRequest, name: str) -> str:
    """Return this browser's number if the person of this name has signed in with it before, else ""."""
    kept = _kept(request)
    return str(kept["browser"]) if _shortened(name) in kept["people"] else ""


def note_browser(request: HttpRequest, response: HttpResponse, name: str) -> None:
    """Let the browser be known from now on as one of the person of this name."""
    kept, person = _kept(request), _shortened(name)
    people = [*(each for each in kept["people"] if each != person), person][-MOST:]
    response.set_cookie(
        COOKIE, signing.Signer(salt=COOKIE).sign_object({"browser": kept["browser"], "people": people}), max_age=KEPT_S,
        secure=settings.SESSION_COOKIE_SECURE, httponly=True, samesite="Lax",
    )  # fmt: skip


def _kept(request: HttpRequest) -> dict[str, Any]:
    try:
        return dict(signing.Signer(salt=COOKIE).unsign_object(request.COOKIES.get(COOKIE, "")))
    except signing.BadSignature:
        return {"browser": secrets.token_hex(8), "people": []}


def _shortened(name: str) -> str:
    """Return what stands for a name in the cookie: anyone who sees the cookie cannot read who else signs in here."""
    return salted_hmac(COOKIE, name, algorithm="sha256").hexdigest()[:16]


def in_words(user_agent: str) -> str:
    """Return such as "Firefox on Windows" for the User-Agent header; the header itself is not kept."""
    browser = next((name for token, name in BROWSERS if token in user_agent), "another browser")
    system = next((name for token, name in SYSTEMS if token in user_agent), "")
    words = f"{browser} on {system}" if system else browser
    return words[0].upper() + words[1:]
