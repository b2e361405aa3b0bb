"""The questions that readers answer, and the words for a difference between the arms."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from analysis.printed import interval_name
from analysis.stats.inference import LEVEL


@dataclass(frozen=True)
class Endpoint:
    """One question of the reader study.

    `short` is the title in one word. `levels` are all answers that the question offers, in rising order, `ends`
    the words of the first and the last; `lower` and `higher` say what it means when exemplars get the lower or
    the higher answers, `axis` the same in short for a figure; `worst` is the answer ranked worst when a reader
    could not assess the case.
    """

    name: str
    title: str
    short: str
    kind: Literal["binary", "ordinal"]
    levels: tuple[int, ...]
    ends: tuple[str, str]
    lower: str
    higher: str
    axis: tuple[str, str]
    worst: int

    def label(self, level: int) -> str:
        """Return a level in words: its number, and for the ends of the scale what they mean."""
        word = {self.levels[0]: self.ends[0], self.levels[-1]: self.ends[1]}.get(level, "")
        return word if self.kind == "binary" else f"{level} {word}".strip()

    def valence(self, level: int) -> float:
        """Return a level from -1 (unfavourable) to 1 (favourable)."""
        place = 2 * (level - self.levels[0]) / (self.levels[-1] - self.levels[0]) - 1
        return place if self.worst == self.levels[0] else -place

    @property
    def status(self) -> str:
        """Name of the column that says how the question was answered."""
        return f"{self.name}_status"


AGREE = Endpoint(
    "agree",
    "Full agreement with the label",
    "Agreement",
    "binary",
    (0, 1),
    ("no", "yes"),
    lower="Readers agreed less often with the labels of PIEs",
    higher="Readers agreed more often with the labels of PIEs",
    axis=("less agreement on PIEs", "more agreement on PIEs"),
    worst=0,
)
QUALITY = Endpoint(
    "quality",
    "Image quality",
    "Quality",
    "ordinal",
    (1, 2, 3, 4, 5),
    ("poor", "excellent"),
    lower="PIEs were rated lower in quality",
    higher="PIEs were rated higher in quality",
    axis=("PIEs lower in quality", "PIEs higher in quality"),
    worst=1,
)
DIFFICULTY = Endpoint(
    "difficulty",
    "Difficulty",
    "Difficulty",
    "ordinal",
    (1, 2, 3, 4, 5),
    ("very easy", "very difficult"),
    lower="PIEs were rated less difficult",
    higher="PIEs were rated more difficult",
    axis=("PIEs less difficult", "PIEs more difficult"),
    worst=5,
)

ENDPOINTS = (AGREE, QUALITY, DIFFICULTY)
"""The three primary endpoints, in the order of the published questionnaire."""


def endpoint_table(level: float = LEVEL) -> list[dict[str, object]]:
    """Return the endpoints as a table: title, ends of the scale, words for both directions, name of the intervals."""
    return [
        {
            "endpoint": endpoint.name,
            "title": endpoint.title,
            "short": endpoint.short,
            "kind": endpoint.kind,
            "low": endpoint.levels[0],
            "high": endpoint.levels[-1],
            "low_word": endpoint.ends[0],
            "high_word": endpoint.ends[1],
            "axis_low": endpoint.axis[0],
            "axis_high": endpoint.axis[1],
            "interval": interval_name(level),
        }
        for endpoint in ENDPOINTS
    ]


BY_NAME: Mapping[str, Endpoint] = {endpoint.name: endpoint for endpoint in ENDPOINTS}
