"""What allauth.mfa asks of this site: names, and that secrets are not readable in the database alone."""

import base64
import hashlib
import hmac

from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings

NAME = "Reader Study"


class Adapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth carries no types
    """Named in MFA_ADAPTER."""

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
