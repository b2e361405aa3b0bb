"""Second factors: kept and checked by allauth.mfa, changed by these services only, each change audited.

Its forms, pages and sign-in are not used: they would replace this site's counting of attempts, words and audit events.
This is the one module that knows its insides.
The library's own pages also end no other session in the transaction that adds a factor: ours would not get shorter.
"""

import base64
import hashlib
import hmac
from ipaddress import ip_address
from typing import Any

from allauth.core.internal.cryptokit import normalize_user_code
from allauth.mfa.adapter import DefaultMFAAdapter, get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as app
from allauth.mfa.webauthn.internal import auth as passkeys
from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.request import split_domain_port

from readerstudy.accounts.attempts import use_up
from readerstudy.accounts.models import User
from readerstudy.audit.services import record_person
from readerstudy.refusals import RefusedError

Kind = Authenticator.Type
CODE_HOLDS_S = 30 * (2 * settings.MFA_TOTP_TOLERANCE + 1)
"""Seconds for which a code of an app fits."""
CODES = Kind.RECOVERY_CODES
NOT_A_CREDENTIAL = (
    ValidationError,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    OverflowError,
    RecursionError,
)
"""What reading a made-up passkey answer can raise."""
NAME = "Reader Study"
"""What an authenticator app and a browser show."""


class FactorError(RefusedError):
    """A second factor cannot be set up or taken away as asked."""


def factors(user: User) -> QuerySet[Authenticator]:
    """Return a person's second factors, oldest first; recovery codes only stand in for them."""
    found: QuerySet[Authenticator] = Authenticator.objects.filter(user=user).exclude(type=CODES)
    return found.order_by("pk")


def has_factor(user: User) -> bool:
    """Say whether a person is asked for a second factor."""
    return factors(user).exists()


def app_secret(request: HttpRequest) -> str:
    """Return the secret that is being set up in this session; the first call draws its 160 bits."""
    return str(app.get_totp_secret())


def app_picture(request: HttpRequest) -> str:
    """Return that secret as a QR code, in SVG; "" when no app is being set up in this session."""
    if app.SECRET_SESSION_KEY not in request.session:
        return ""
    adapter = get_adapter()
    return str(adapter.build_totp_svg(adapter.build_totp_url(request.user, app_secret(request))))


@transaction.atomic
def add_app(*, request: HttpRequest, user: User, code: str) -> Authenticator:
    """Keep the authenticator app that shows this code.

    Raises
    ------
    FactorError: the code does not fit the secret now, or there is an app already.
    """
    User.objects.select_for_update().get(pk=user.pk)
    if factors(user).filter(type=Kind.TOTP).exists():
        raise FactorError("you have an authenticator app; remove it first to set up another")
    secret = app_secret(request)
    if not app.validate_totp_code(secret, code):
        raise FactorError(
            "This code is not valid. Type the code that the app shows now; its clock must be right."
        )
    added: Authenticator = app.TOTP.activate(user, secret).instance
    _fits(added, code)  # uses it up: a code holds once, this one too
    app.clear_totp_secret(request)
    _added(user, added)
    return added


@transaction.atomic
def add_passkey(*, user: User, name: str, credential: Any) -> Authenticator:
    """Keep a passkey that the browser made for the challenge of this session.

    Raises
    ------
    FactorError: it was made for another site or challenge.
    """
    try:
        passkeys.parse_registration_response(credential)
        passkeys.complete_registration(credential)
    except NOT_A_CREDENTIAL as error:
        raise FactorError("The passkey request has expired. Try again.") from error
    added: Authenticator = passkeys.WebAuthn.add(user, name, credential).instance
    _added(user, added)
    return added


@transaction.atomic
def remove(*, user: User, number: int, must_have: bool) -> None:
    """Take away one second factor, and with the last one the recovery codes.

    Raises
    ------
    Authenticator.DoesNotExist: the person has no such factor.
    FactorError: it is the last one, and the person must have one.
    """
    User.objects.select_for_update().get(pk=user.pk)
    found = factors(user).get(pk=number)
    if must_have and factors(user).count() == 1:
        raise FactorError("This site requires a second factor. Set up another one first.")
    kind = found.type
    found.delete()
    if not has_factor(user):
        Authenticator.objects.filter(user=user).delete()
    record_person("person.second_factor_removed", user, user, old=kind, new=None)


@transaction.atomic
def remove_all(*, user: User, actor: User | None, reason: str) -> int:
    """Take every second factor away and return how many there were: for a person who has lost them."""
    there = factors(user).count()
    Authenticator.objects.filter(user=user).delete()
    record_person("person.second_factors_reset", actor, user, reason=reason, old=there, new=0)
    return there


@transaction.atomic
def new_codes(*, user: User) -> None:
    """Draw ten new recovery codes; the old ones hold no more.

    Raises
    ------
    FactorError: there is no second factor that they could stand in for.
    """
    if not has_factor(user):
        raise FactorError("Recovery codes stand in for a second factor: set one up first.")
    Authenticator.objects.filter(user=user, type=CODES).delete()
    RecoveryCodes.activate(user)
    record_person("person.recovery_codes_drawn", user, user)


def codes_to_keep(user: User) -> list[str]:
    """Return the recovery codes that the person has not yet said to have kept; afterwards nobody sees them."""
    codes = _codes(user)
    return [] if codes is None or codes.did_view else _unused(codes)


def codes_left(user: User) -> int:
    """Return how many recovery codes still hold."""
    codes = _codes(user)
    return 0 if codes is None else len(_unused(codes))


def codes_are_kept(user: User) -> None:
    """Note that the person has kept the codes."""
    if (codes := _codes(user)) is not None:
        codes.mark_as_viewed()


def passkey_to_make(user: User) -> dict[str, Any]:
    """Return what the browser needs to make a passkey; the challenge holds in this session, once."""
    options: dict[str, Any] = passkeys.begin_registration(user, passwordless=False)
    # A key on the machine itself, a phone or a stick, as the browser offers; verified by it where it can.
    options["publicKey"]["authenticatorSelection"] |= {
        "residentKey": "preferred",
        "requireResidentKey": False,
    }
    return options


def passkey_to_ask(user: User) -> dict[str, Any]:
    """Return what the browser needs to ask for one of the person's passkeys."""
    return dict(passkeys.begin_authentication(user))


def check_code(*, user: User, code: str) -> str:
    """Return the kind of factor that a code fits, of an app or for recovery, and use it up; "" if it fits none."""
    for found in Authenticator.objects.filter(user=user, type__in=(Kind.TOTP, CODES)):
        if _fits(found, code):
            found.refresh_from_db()
            found.record_usage()
            return str(found.type)
    return ""


def check_passkey(*, user: User, credential: Any) -> str:
    """Return the kind if one of the person's passkeys signed the challenge of this session, "" otherwise."""
    try:
        passkeys.parse_authentication_response(credential)
        found = passkeys.complete_authentication(user, credential)
    except NOT_A_CREDENTIAL:
        return ""
    found.record_usage()
    return str(found.type)


def _added(user: User, factor: Authenticator) -> None:
    record_person("person.second_factor_added", user, user, old=None, new=str(factor.type))
    if _codes(user) is None:
        new_codes(user=user)


def _codes(user: User) -> RecoveryCodes | None:
    found = Authenticator.objects.filter(user=user, type=CODES).first()
    return None if found is None else RecoveryCodes(found)


def _unused(codes: RecoveryCodes) -> list[str]:
    try:
        return list(codes.get_unused_codes())
    except UnreadableSecretError:
        return []


def _fits(factor: Authenticator, code: str) -> bool:
    try:
        if factor.type != Kind.TOTP:
            return bool(factor.wrap().validate_code(code))
        # allauth notes in the cache which codes are used up; from there a note can be pushed out.
        secret = get_adapter().decrypt(factor.data["secret"])
        return app.validate_totp_code(secret, code) and use_up(
            "code", str(factor.user_id), normalize_user_code(code), seconds=CODE_HOLDS_S
        )
    except UnreadableSecretError:
        return False


class Adapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth carries no types
    """What allauth.mfa asks of this site: names, and secrets that are not readable in the database alone."""

    def get_totp_issuer(self) -> str:
        """Return the name that an authenticator app shows."""
        return f"{NAME} ({self._get_site_name()})"

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """Return the host name that passkeys are bound to, and the name that a browser shows."""
        return {**super().get_public_key_credential_rp_entity(), "name": NAME}

    def encrypt(self, text: str) -> str:
        """Encrypt a secret with a key that SECRET_KEY gives: a copy of the database alone opens no account."""
        return _cipher().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Return a secret; one that was kept under another SECRET_KEY is gone, and no code fits it.

        Raises
        ------
        UnreadableSecretError: SECRET_KEY has changed since.
        """
        try:
            return _cipher().decrypt(encrypted_text.encode()).decode()
        except InvalidToken:
            raise UnreadableSecretError("kept under another SECRET_KEY; use recover_admin") from None


class UnreadableSecretError(Exception):
    """The secret of a second factor cannot be read any more."""


def _cipher() -> Fernet:
    key = hmac.new(settings.SECRET_KEY.encode(), b"second factor\0", hashlib.sha256).digest()
    return Fernet(base64.urlsafe_b64encode(key))


def host_of(request: HttpRequest) -> str:
    """Return the host that the address bar shows, without the port."""
    return split_domain_port(request.get_host())[0]


def is_named(request: HttpRequest) -> bool:
    """Say whether the address bar shows a host name."""
    try:
        ip_address(host_of(request).strip("[]"))
    except ValueError:
        return True
    return False
