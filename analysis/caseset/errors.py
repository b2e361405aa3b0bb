"""The error of the handover, and how many reasons its message lists."""

from collections.abc import Sequence

from analysis.errors import RefusedError

NAMED = 20
"""Files that a refusal names; it counts all."""


def listed(lines: Sequence[str]) -> str:
    """Return the first `NAMED` lines in their order, and how many more there are."""
    more = [f"and {len(lines) - NAMED} more"] if len(lines) > NAMED else []
    return "\n".join([*lines[:NAMED], *more])


class CaseSetError(RefusedError):
    """A case set cannot be written, read or believed: the message names file, wanted and found."""


class ColouredError(CaseSetError):
    """An image in colour among grey ones."""


class OtherKeyError(CaseSetError):
    """A file is not the key that belongs to the cases: `expected` and `came` are SHA-256 digests."""

    def __init__(self, path: object, expected: str, came: str) -> None:
        super().__init__(
            f"{path}: expected the key with SHA-256 {expected}, got {came}; "
            "take the key that was handed over with this case set"
        )
        self.expected, self.came = expected, came
