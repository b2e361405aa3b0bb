"""Sex, view, age and numbers as tables and DICOM headers from outside write them: a rule for each, never a guess."""

import math
import re
from collections.abc import Mapping

SEXES: Mapping[str, str] = {
    "F": "F", "FEMALE": "F", "M": "M", "MALE": "M", "O": "O", "OTHER": "O",
}  # fmt: skip
"""Patient's Sex (DICOM 0010,0040) in any letter case; other words are not read."""

VIEWS: Mapping[str, str] = {
    "PA": "PA", "POSTEROANTERIOR": "PA", "POSTERO-ANTERIOR": "PA",
    "AP": "AP", "ANTEROPOSTERIOR": "AP", "ANTERO-POSTERIOR": "AP",
    "LATERAL": "LATERAL", "LAT": "LATERAL", "LL": "LATERAL", "RL": "LATERAL",
}  # fmt: skip
"""View Position (DICOM 0018,5101) in any letter case: LL and RL are lateral, an oblique or decubitus view is none."""

OLDEST = 130
"""Years."""

BLANKS = frozenset(("", "na", "n/a", "nan", "nat", "none", "null"))
"""What programs write where there is nothing, in any letter case."""

_AGE = re.compile(r"(.*[0-9])\s*([DWMY]?)", re.IGNORECASE)
_PER_YEAR = {"D": 365.25, "W": 365.25 / 7, "M": 12.0}
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*|,[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2},[0-9]{3}")


def is_blank(text: str) -> bool:
    """Tell whether a cell holds nothing."""
    return text.strip().lower() in BLANKS


def sex(text: str) -> str | None:
    """Return F, M or O; None for any other word."""
    return SEXES.get(text.strip().upper())


def view(text: str) -> str | None:
    """Return PA, AP or LATERAL; None for any other word."""
    return VIEWS.get(text.strip().upper())


def role(text: str) -> str:
    """Return the role of an image among those of its case: a view as `view` writes it, other words in capitals."""
    return view(text) or text.strip().upper()


def is_prior(role: str) -> bool:
    """Tell whether a role of an image among those of its case says prior, as PRIOR and PRIOR PA do."""
    return bool({"PRIOR", "PREVIOUS"} & set(re.split(r"[^A-Z]+", role.upper())))


def age(text: str) -> float | None:
    """Return an age in years from 0 to 130: a number, or a DICOM age (011M) in days, weeks, months or years.

    Days, weeks and months are rounded to a tenth of a year. None for anything else.
    """
    parts = _AGE.fullmatch(text.strip())
    years = None if parts is None else decimal(parts[1])
    if parts is None or years is None:
        return None
    unit = parts[2].upper()
    if unit in _PER_YEAR:
        years = round(years / _PER_YEAR[unit], 1)
    return years if 0 <= years <= OLDEST else None


def decimal(text: str) -> float | None:
    """Return a number written with a decimal point or a decimal comma; None for anything else.

    1,024 may be a thousand or one: it is none.
    """
    written = text.strip()
    if not _NUMBER.fullmatch(written) or _THOUSANDS.fullmatch(written):
        return None
    number = float(written.replace(",", "."))
    return number if math.isfinite(number) else None
