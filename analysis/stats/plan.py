"""What a protocol fixes about the analysis before anybody reads."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from analysis import endpoints as asking
from analysis.stats.rows import ALPHA, LEVEL, StatsError

PRIMARY = "u_centred"
PRIMARY_METHODS = (PRIMARY, "theta_set")
"""What a protocol may declare primary: the unmatched comparison, or that of matched sets of one PIE each."""
DIFFERENCES = {PRIMARY: "difference", "theta_set": "difference_set"}
"""The comparison in natural units that goes with a primary method."""
BEFORE_SETS = (PRIMARY, "pairs")
"""The same up to version 3 of the analysis, which knew pairs alone."""

VERSIONS = (1, 2, 3, 4, 5)
"""Versions of the analysis that can be carried out, the newest last. 1: every interval is one of 95 %. 2: intervals
are at 1 - alpha. 3: readers count alike, an interval says what its test says, and there is no verdict where the
calibration has none. 4: matched sets of one PIE and any number of controls, margins. 5: cases of one patient are one
cluster. Whatever would change the numbers or the method of a study that is locked gets a new one; the old one stays,
for the studies that were locked with it.
"""

MULTIPLICITY = ("holm", "fixed sequence", "none")
"""How several endpoints are accounted for; a fixed sequence is that of the endpoints."""
LONGEST = 900.0
"""Seconds after which a reading counts as interrupted, where no protocol says otherwise."""


@dataclass(frozen=True)
class Plan:
    """The declared analysis.

    `endpoints` are the questions that are tested, in this order; `primary` is their method, `alpha` the two-sided
    level, `multiplicity` how several are accounted for. Readings shorter than `shortest` or longer than `longest`
    seconds are left out of the comparison of times (None: no such rule). `version` is the analysis that a study was
    locked with, `groups` are the names of what is compared, `others` the questions in the ratings that are not tested.
    """

    endpoints: tuple[asking.Endpoint, ...] = asking.PAPER
    primary: str = PRIMARY
    alpha: float = ALPHA
    multiplicity: str = "holm"
    shortest: float | None = None
    longest: float | None = LONGEST
    version: int = VERSIONS[-1]
    groups: asking.Groups = asking.GROUPS
    others: tuple[asking.Endpoint, ...] = ()

    @property
    def questions(self) -> tuple[asking.Endpoint, ...]:
        """Every question in the ratings, the tested ones first."""
        return (*self.endpoints, *self.others)

    @property
    def level(self) -> float:
        """Level of every interval, 0 to 1."""
        return LEVEL if self.version == 1 else 1 - self.alpha

    @property
    def one_answer(self) -> bool:
        """Whether readers count alike and an interval says what its test says: since version 3."""
        return self.version >= 3

    @property
    def sets(self) -> bool:
        """Whether matched sets are compared, of whatever size, and not pairs alone: since version 4."""
        return self.version >= 4

    @property
    def methods(self) -> tuple[str, str]:
        """What may be primary in this version."""
        return PRIMARY_METHODS if self.sets else BEFORE_SETS

    def decides(self, endpoint: asking.Endpoint) -> str:
        """Return the method whose p-value is the primary one of an endpoint: with a margin that in natural units."""
        return DIFFERENCES[self.primary] if endpoint.margin else self.primary

    def check(self) -> None:
        """Refuse a plan that cannot be carried out.

        Raises
        ------
        StatsError: what was expected and what was found.
        """
        if type(self.version) is not int or self.version not in VERSIONS:
            raise StatsError(
                f"expected version {', '.join(map(str, VERSIONS))} of the analysis, got {self.version!r}; "
                "take the version of this software that the study was locked with, or a newer one"
            )
        if self.primary not in self.methods:
            raise StatsError(f"expected a primary method of {', '.join(self.methods)}, got '{self.primary}'")
        if self.multiplicity not in MULTIPLICITY:
            raise StatsError(f"expected multiplicity of {', '.join(MULTIPLICITY)}, got '{self.multiplicity}'")
        try:
            asking.check_endpoints(self.endpoints)
            asking.check_endpoints(self.questions)
        except asking.EndpointError as error:
            raise StatsError(str(error)) from error
        if not 0 < self.alpha <= 0.5:  # the interval of an equivalence is at 1 - 2 alpha
            raise StatsError(f"expected a level above 0 and up to 0.5, got {self.alpha}")

    def as_row(self) -> dict[str, Any]:
        """Return plain values for results.json."""
        return {
            "analysis": self.version,
            "endpoints": [endpoint.name for endpoint in self.endpoints],
            "primary_method": self.primary,
            "alpha": self.alpha,
            "interval_level": self.level,
            "multiplicity": self.multiplicity,
            "shortest_s": self.shortest,
            "longest_s": self.longest,
            "questions": [endpoint.as_row() for endpoint in self.questions],
            "groups": asdict(self.groups),
        }

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> "Plan":
        """Read what `as_row` wrote; before there were versions nothing named the first.

        Raises
        ------
        StatsError: questions that cannot be analysed.
        """
        try:
            known = asking.endpoints_from(row["questions"]) if "questions" in row else asking.PAPER
            groups = asking.groups_from(row.get("groups", {}))
        except asking.EndpointError as error:
            raise StatsError(str(error)) from error
        return cls(
            endpoints=endpoints_named(row["endpoints"], known),
            others=tuple(endpoint for endpoint in known if endpoint.name not in row["endpoints"]),
            primary=row["primary_method"],
            alpha=row["alpha"],
            multiplicity=row["multiplicity"],
            shortest=row["shortest_s"],
            longest=row["longest_s"],
            version=row.get("analysis", VERSIONS[0]),
            groups=groups,
        )


def endpoints_named(names: Sequence[str], known: Sequence[asking.Endpoint]) -> tuple[asking.Endpoint, ...]:
    """Return the questions of these names, in their order.

    Raises
    ------
    StatsError: a name that none of the questions has.
    """
    by_name = {endpoint.name: endpoint for endpoint in known}
    if unknown := [name for name in names if name not in by_name]:
        raise StatsError(f"expected endpoints of {', '.join(by_name)}, got {', '.join(unknown)}")
    return tuple(by_name[name] for name in names)


DECLARED = Plan()
"""The published study's questions, compared as the protocol does when nobody declares otherwise."""
