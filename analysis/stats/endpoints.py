"""The questions that readers answer, and how a difference between the arms is put into words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Endpoint:
    """One question of the reader study.

    `levels` are all answers that the question offers, in rising order; `lower` and `higher` say what it means
    when exemplars get the lower or the higher answers; `worst` is the answer ranked worst when a reader could
    not assess the case.
    """

    name: str
    title: str
    kind: Literal["binary", "ordinal"]
    levels: tuple[int, ...]
    lower: str
    higher: str
    worst: int

    @property
    def status(self) -> str:
        """Name of the column that says how the question was answered."""
        return f"{self.name}_status"


AGREE = Endpoint(
    "agree",
    "Full agreement with the label",
    "binary",
    (0, 1),
    lower="Readers agreed less often with the labels of PIEs",
    higher="Readers agreed more often with the labels of PIEs",
    worst=0,
)
QUALITY = Endpoint(
    "quality",
    "Image quality",
    "ordinal",
    (1, 2, 3, 4, 5),
    lower="PIEs were rated lower in quality",
    higher="PIEs were rated higher in quality",
    worst=1,
)
DIFFICULTY = Endpoint(
    "difficulty",
    "Difficulty",
    "ordinal",
    (1, 2, 3, 4, 5),
    lower="PIEs were rated less difficult",
    higher="PIEs were rated more difficult",
    worst=5,
)

ENDPOINTS = (AGREE, QUALITY, DIFFICULTY)
"""The three primary endpoints, in the order of the published questionnaire."""

BY_NAME: Mapping[str, Endpoint] = {endpoint.name: endpoint for endpoint in ENDPOINTS}


def direction(endpoint: Endpoint, theta: float, p: float | None) -> str:
    """Say in words which arm got the lower answers, from theta = P(PIE > control) + P(tie) / 2.

    Quality and difficulty point opposite ways, so a bare sign is easily misread. A p-value of 0.05 or more,
    or none, is followed by the reservation.
    """
    if theta == 0.5:
        return "No difference between PIEs and controls"
    words = endpoint.lower if theta < 0.5 else endpoint.higher
    if p is None:
        return f"{words} (no p-value can be given)"
    return words if p < 0.05 else f"{words}, but chance could explain it (p = {p:.2g})"
