"""Names that reveal nothing without the nonce: case keys, separation groups, commitments.

All are HMAC-SHA256 (RFC 2104) under one secret 256-bit nonce, so that anyone who knows the data set but not the nonce
can neither compute nor check them. A leading zero byte keeps the uses apart: no source name contains one.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable

from analysis.caseset.errors import CaseSetError

NONCE_BYTES = 32
"""Length of a nonce: 256 bits."""


def new_nonce() -> bytes:
    """Draw a nonce of 256 bits from the operating system."""
    return secrets.token_bytes(NONCE_BYTES)


def check_nonce(nonce: bytes) -> bytes:
    """Return the nonce if it has 256 bits.

    Raises
    ------
    CaseSetError: another length.
    """
    if len(nonce) != NONCE_BYTES:
        raise CaseSetError(f"expected a nonce of {NONCE_BYTES} bytes, got {len(nonce)}")
    return nonce


def case_key(nonce: bytes, source: str) -> str:
    """Compute the public key of a case: the first 128 bits of HMAC-SHA256(nonce, source), 32 hex digits."""
    if not source or "\0" in source:
        raise CaseSetError(f"expected a source name without zero bytes, got {source!r}")
    return _mac(nonce, source.encode())[:32]


def separation_group(nonce: bytes, sources: Iterable[str]) -> str:
    """Compute the id that a matched set shares: 32 hex digits, from its members in any order."""
    return _mac(nonce, b"\0group\0" + "\0".join(sorted(sources)).encode())[:32]


def commitment(nonce: bytes, text: str) -> str:
    """Commit to a text (a seed, a selection) without telling it: 64 hex digits.

    It hides as long as the nonce is sealed, and it binds: once the nonce is known, only this text gives it.
    """
    return _mac(nonce, b"\0commitment\0" + text.encode())


def place(nonce: bytes, text: str) -> str:
    """Compute a sort key that puts texts into a random order fixed by the nonce."""
    return _mac(nonce, b"\0place\0" + text.encode())


def _mac(nonce: bytes, message: bytes) -> str:
    return hmac.new(check_nonce(nonce), message, hashlib.sha256).hexdigest()
