"""The axis of a run: named conditions of the same images, one of which is the reference the others are compared with.

Removing weights is the common case: `0.90` is the condition in which that share is removed, `dense` the one in which
none is. Other conditions (int8, student) have a name and no place on an axis of numbers.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from analysis.errors import RefusedError

DENSE = "dense"
PUBLISHED = "0.90"
"""The condition of the published study, taken where a run has it and no other is asked for."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,39}")
_BEFORE = "sparsity-"


class ConditionError(RefusedError):
    """A name that no condition can have, or one that a run lacks; the message names those that there are."""


@dataclass(frozen=True)
class Condition:
    """One condition; `level` is its share of removed weights, 0 to below 1, None where it has no number."""

    name: str
    level: float | None = None

    @classmethod
    def of(cls, told: str | float) -> "Condition":
        """Return the condition of a name or of a share, which may be written in full or not (0.9, "0.9", "0.90").

        Raises
        ------
        ConditionError: a number below 0 or from 1, or with more than two decimals; another text than a name.
        """
        try:
            level = 0.0 if told == DENSE else float(told)
        except ValueError:
            if _NAME.fullmatch(str(told)) and not str(told).startswith(_BEFORE):
                return cls(str(told))
            raise ConditionError(
                f"expected a name of 1 to 40 letters, digits, dots, hyphens and underscores that begins with a "
                f"letter, got {str(told)[:60]!r}"
            ) from None
        if not (0 <= level < 1 and abs(level - round(level, 2)) < 1e-9):
            raise ConditionError(f"expected a share from 0 to below 1 with two decimals, got {told!r}")
        written = f"{level:.2f}"
        return cls(DENSE if written == "0.00" else written, float(written))

    @classmethod
    def of_file(cls, written: str) -> "Condition":
        """Return the condition that a score file names; raise ConditionError for a spelling that is not ours."""
        found = cls.of(written.removeprefix(_BEFORE))
        if found.in_file != written:
            raise ConditionError(
                f"expected {found.in_file!r} in the name of a score file, got {written[:60]!r}"
            )
        return found

    @property
    def in_file(self) -> str:
        """The condition as score files and units are named: `sparsity-0.90`, `student`."""
        return self.name if self.level is None else f"{_BEFORE}{self.level:.2f}"

    @property
    def words(self) -> str:
        """The condition as a sentence names it: `90 % of weights removed`, `student`."""
        return self.name if not self.level else f"{100 * self.level:.0f} % of weights removed"


def in_order(names: Iterable[str], reference: str = "") -> tuple[str, ...]:
    """Return each name once: the reference, then shares by size, then the others as they come.

    Without a reference the smallest share comes first, and the first name where there is no share.
    """
    once = list(dict.fromkeys(names))
    known = {name: Condition.of(name).level for name in once}
    ordered = sorted(once, key=lambda name: (known[name] is None, known[name] or 0.0))
    return tuple(sorted(ordered, key=lambda name: name != reference))


def pair_of(
    names: Sequence[str], condition: str | float = "", reference: str | float = ""
) -> tuple[str, str]:
    """Return which two conditions of a run are compared: the reference and the other.

    Parameters
    ----------
    names: of the run's conditions, its reference first.
    condition: a name or a share; blank: 0.90 where there is such, else the only one beside the reference.
    reference: blank: the run's.

    Raises
    ------
    ConditionError: a condition that the run lacks, the same one twice, or none named where there are several.
    """
    base = _found(names, reference) if reference != "" else names[0]
    others = [name for name in names if name != base]
    if condition == "":
        if PUBLISHED not in others and len(others) != 1:
            raise ConditionError(
                f"expected one of the conditions {', '.join(others) or '(none)'} to be named, got none"
            )
        return base, PUBLISHED if PUBLISHED in others else others[0]
    other = _found(names, condition)
    if other == base:
        raise ConditionError(f"expected a condition other than the reference {base!r}, got the same")
    return base, other


def _found(names: Sequence[str], told: str | float) -> str:
    name = Condition.of(told).name
    if name not in names:
        raise ConditionError(f"expected one of the conditions {', '.join(names)}, got {name!r}")
    return name
