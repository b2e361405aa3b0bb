"""The questions that are analysed, as data: tables, words, figures and formats all follow from a tuple of these."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

from analysis.errors import RefusedError

Kind = Literal["binary", "ordinal", "number"]
End = Literal["low", "high"]
Aim = Literal["superiority", "non-inferiority", "equivalence"]
MISSING = ("cannot_assess", "technical", "missing")
"""Why there is no answer: the reader could not assess the case, something broke, or nothing was given."""

FILE = "endpoints.json"
"""The file beside ratings.csv that says what its questions are."""

MOST_BYTES = 1_000_000

NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")
RESERVED = frozenset(
    {"simulated", "reader", "case", "arm", "pair", "patient", "batch", "presentation", "position", "time_s"}
)
"""Columns of ratings.csv that no question can be named after."""
ENDINGS = ("_status", "_cannot_assess", "_worst_rank")
"""Endings of columns and rows that belong to a question."""


class EndpointError(RefusedError):
    """Questions cannot be analysed as they are described: what was expected and what was found."""


@dataclass(frozen=True)
class Endpoint:
    """One question of a reader study.

    `question` is what readers were asked, `short` its title. `levels` are all answers of a yes/no question or a
    scale, rising, with their words; a number has none, but may have limits (`low`, `high`) and a unit. `worse` is the
    unfavourable end. `less` and `more` say what lower and higher answers mean ("lower image quality"), so that "PIEs
    had lower image quality than controls" is a sentence. `missing` are the ways in which an answer may be lacking.

    `aim` is what is tested: superiority, that the groups differ; non-inferiority, that the first group is not worse by
    `margin` or more; equivalence, that they differ by less than `margin`. The margin is in points of the scale, in the
    unit of a number, or a share from 0 to 1 for yes or no.
    """

    name: str
    question: str
    short: str
    kind: Kind
    levels: tuple[tuple[int, str], ...] = ()
    worse: End = "low"
    less: str = ""
    more: str = ""
    missing: tuple[str, ...] = MISSING
    low: float | None = None
    high: float | None = None
    unit: str = ""
    aim: Aim = "superiority"
    margin: float = 0.0

    def __post_init__(self) -> None:
        for field, word in (("less", "lower"), ("more", "higher")):
            if not getattr(self, field):
                object.__setattr__(self, field, f"{word} {self.inline}")
        if self.levels:
            object.__setattr__(self, "low", self.levels[0][0])
            object.__setattr__(self, "high", self.levels[-1][0])

    @property
    def inline(self) -> str:
        """The title within a sentence."""
        return self.short if self.short[1:2].isupper() else f"{self.short[:1].lower()}{self.short[1:]}"

    @property
    def values(self) -> tuple[int, ...]:
        """The levels without their words."""
        return tuple(value for value, _ in self.levels)

    @property
    def status(self) -> str:
        """Name of the column that says how the question was answered."""
        return f"{self.name}_status"

    def label(self, level: float) -> str:
        """Return a level in words, with its number where it is one of a scale."""
        word = dict(self.levels)[int(level)]
        return word if self.kind == "binary" else f"{level:g} {word}"

    def valence(self, level: int) -> float:
        """Return the place of a level from -1 (unfavourable) to 1 (favourable)."""
        place = 2 * (level - self.values[0]) / (self.values[-1] - self.values[0]) - 1
        return place if self.worse == "low" else -place

    def worst(self, answers: Iterable[float]) -> float:
        """Return the answer ranked worst: the scale's end, or of a number without a limit one beyond all."""
        end = self.low if self.worse == "low" else self.high
        if end is not None:
            return float(end)
        return min(answers, default=0.0) - 1 if self.worse == "low" else max(answers, default=0.0) + 1

    def span(self, answers: Iterable[float]) -> float:
        """Return the width of the scale; of a number without limits that of the answers, 1 where they do not differ."""
        if self.low is not None and self.high is not None:
            return float(self.high - self.low)
        given = list(answers)
        return float(max(given) - min(given)) or 1.0 if given else 1.0

    def as_row(self) -> dict[str, Any]:
        """Return plain values for JSON; without a margin nothing is said of one."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return plain if self.margin else {k: v for k, v in plain.items() if k not in ("aim", "margin")}

    def check(self) -> None:
        """Refuse a question that cannot be analysed.

        Raises
        ------
        EndpointError: what was expected and what was found.
        """
        if not NAME.fullmatch(self.name) or self.name in RESERVED or self.name.endswith(ENDINGS):
            raise EndpointError(
                f"expected a question's name of small letters, digits and underscores, none of "
                f"{', '.join(sorted(RESERVED))} and no ending {', '.join(ENDINGS)}; got {self.name!r}"
            )
        rising = list(self.values) == sorted(set(self.values))
        fits = {"binary": self.values == (0, 1), "ordinal": len(self.values) > 1, "number": not self.levels}
        known = self.worse in get_args(End) and set(self.missing) <= set(MISSING)
        if not (rising and known and fits.get(self.kind)):
            raise EndpointError(
                f"{self.name}: expected a kind of binary (levels 0 and 1), ordinal (at least two rising levels) or "
                f"number (none), worse low or high, and missing of {', '.join(MISSING)}; got {self}"
            )
        if problem := margin_problem(self.aim, self.margin, self.low, self.high):
            raise EndpointError(f"{self.name}: {problem}")


def margin_problem(aim: str, margin: Any, low: float | None, high: float | None) -> str:
    """Say what is wrong with an aim and its margin for answers between `low` and `high`, or nothing."""
    if aim not in get_args(Aim):
        return f"expected an aim of {', '.join(get_args(Aim))}, got {aim!r}"
    if type(margin) not in (int, float) or not 0 <= margin < 1e300:
        return f"expected a margin of at least 0, got {margin!r}"
    if (aim == "superiority") != (margin == 0):
        return (
            f"expected a margin above 0 for {' and '.join(get_args(Aim)[1:])} and none for superiority; got {margin:g} "
            f"for {aim}"
        )
    if low is not None and high is not None and margin >= high - low:
        return f"expected a margin below the width of the scale, {high - low:g}; got {margin:g}"
    return ""


@dataclass(frozen=True)
class Groups:
    """What the two groups of cases are called, one and several: those with arm 1, then those with arm 0."""

    one: str = "PIE"
    ones: str = "PIEs"
    other: str = "control"
    others: str = "controls"

    @property
    def both(self) -> tuple[str, str]:
        """Both names of several cases, as headings."""
        return capital(self.ones), capital(self.others)


LONGEST_GROUP = 60
"""Characters of a group's name."""
GROUPS = Groups()
"""The groups of a study of pruning: what a key without names compares."""


def groups_from(row: Any) -> Groups:
    """Read the names of the groups, by the names of the fields of `Groups`; one that is not given has its default.

    Raises
    ------
    EndpointError: others, or no texts of 1 to 60 characters.
    """
    known = asdict(GROUPS)
    if not isinstance(row, Mapping) or not all(
        name in known and isinstance(text, str) and 0 < len(text.strip()) <= LONGEST_GROUP
        for name, text in row.items()
    ):
        raise EndpointError(
            f"expected {', '.join(known)} as groups, each of 1 to {LONGEST_GROUP} characters; got {row!r:.200}"
        )
    return Groups(**row)


def capital(text: str) -> str:
    """Return a text with a capital first letter."""
    return text[:1].upper() + text[1:]


def check_endpoints(endpoints: Iterable[Endpoint]) -> None:
    """Refuse questions that cannot be analysed together.

    Raises
    ------
    EndpointError: none, a name that comes twice, or one that cannot be analysed.
    """
    names = [endpoint.name for endpoint in endpoints]
    if not names or len(set(names)) < len(names):
        raise EndpointError(f"expected at least one question, each with its own name; got {names}")
    for endpoint in endpoints:
        endpoint.check()


def endpoints_from(rows: Any) -> tuple[Endpoint, ...]:
    """Read what `as_row` wrote, a list of them.

    Raises
    ------
    EndpointError: not such a list, or questions that cannot be analysed.
    """
    known = {field.name for field in fields(Endpoint)}
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) and set(row) <= known for row in rows):
        raise EndpointError(
            f"expected a list of questions with any of {', '.join(sorted(known))}; got {rows!r:.200}"
        )
    if missing := [name for row in rows for name in ("name", "question", "short", "kind") if name not in row]:
        raise EndpointError(
            f"expected name, question, short and kind of every question; {missing[0]} is missing"
        )
    try:
        found = tuple(_from_row(row) for row in rows)
        check_endpoints(found)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise EndpointError(f"a question cannot be read: {error}") from error
    return found


def _from_row(row: Mapping[str, Any]) -> Endpoint:
    texts = ("name", "question", "short", "less", "more", "unit")
    limits = [row.get(name) for name in ("low", "high")]
    if not all(isinstance(row.get(name, ""), str) for name in texts):
        raise TypeError("expected texts for " + ", ".join(texts))
    if not all(limit is None or (type(limit) in (int, float) and abs(limit) < 1e300) for limit in limits):
        raise TypeError("expected numbers or null for low and high")
    levels = tuple((int(value), str(word)) for value, word in row.get("levels", ()))
    return Endpoint(**{**row, "levels": levels, "missing": tuple(row.get("missing", MISSING))})


def endpoints_file(endpoints: Iterable[Endpoint], *, simulated: bool = False) -> str:
    """Return the text of a file of questions."""
    content = {"format": 1, "simulated": simulated, "questions": [each.as_row() for each in endpoints]}
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def read_endpoints(path: Path) -> tuple[Endpoint, ...]:
    """Read a file of questions, as an export has it beside ratings.csv.

    Raises
    ------
    EndpointError: no such file, no JSON, or questions that cannot be analysed.
    """
    try:
        with path.open("rb") as file:
            content = json.loads(file.read(MOST_BYTES + 1))
        if content.get("format") != 1 or not set(content) <= {"format", "simulated", "questions"}:
            raise ValueError(
                "expected format 1 with questions, and whether they are simulated; nothing else is known"
            )
        return endpoints_from(content["questions"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise EndpointError(f"{path}: {error}") from error


PAPER = read_endpoints(Path(__file__).with_suffix(".json"))
"""The three questions of the published study, word for word: what files without a description of theirs ask."""
