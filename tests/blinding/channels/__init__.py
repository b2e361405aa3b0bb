"""The 49 channels by which the arm could leak, each with a detector and a planted leak that proves it fires.

A check runs its detector once with and once without the plant, and returns what the detector says. A
plant goes through the product: one that only the test's own code sees proves that the test can count. The table
is in `table.py`; `tests/blinding/test_channels.py` runs it and prints how many plants were caught.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.blinding.crowd import Crowd
from tests.stock import Stock


@dataclass(frozen=True)
class Scene:
    """What a check may use: a study, people around it, a scratch folder, the site's settings, the log so far.

    `arms` says what each case is. In the large study the key says it; in the small one they are dealt by turns,
    for there it only matters that a plant tells them.
    """

    stock: Stock
    arms: dict[str, int]
    folder: Path
    settings: Any
    crowd: Crowd | None = None
    logged: Callable[[], str] = str


Check = Callable[[Scene, bool], list[str]]
"""What the detector says of a scene, with the leak planted or without."""


@dataclass(frozen=True)
class Channel:
    """One way out, the detector that guards it, and the leak that was planted to prove it."""

    number: int
    name: str
    detector: str
    plant: str
    check: Check
