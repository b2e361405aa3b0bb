"""What a phantom data set is made of: its seed, its counts, its fault rates, frozen under one digest.

Random streams have names: each drawing step has its own, so that one step never shifts another.
"""

import hashlib
import json
import tomllib
import zlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from analysis.phantoms.faults import FaultRates, PhantomError

TABLES: dict[str, Any] = tomllib.loads(Path(__file__).with_name("tables.toml").read_text(encoding="utf-8"))
"""What is drawn, as numbers."""

FULL_ROWS = 2048
"""Rows of a full-size phantom; the field is 344 mm high."""

FULL_COLUMNS = 2500
"""Columns of a full-size phantom; the field is 420 mm wide."""

SMALLEST_SPLIT = 20
"""Below this a split cannot hold one positive of each class beside the planted co-occurrence."""

LARGEST_SET = 200_000
SMALLEST_SIDE = 16
LARGEST_SIDE = 8192
SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class PhantomSpec:
    """A phantom data set: everything that decides its bytes.

    `train`, `val`, `test`: images per split (`val` may be 0, the others at least 20); `rows`, `columns`: size
    of the files in pixels; `side_markers`: draw the letter of a lead side marker (never any other text).
    Raises PhantomError on values that make no data set.
    """

    seed: int = 20230818
    train: int = 1500
    val: int = 100
    test: int = 400
    rows: int = 256
    columns: int = 256
    train_faults: FaultRates = field(default_factory=FaultRates)
    test_faults: FaultRates = field(default_factory=FaultRates)
    side_markers: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.seed, int) or not 0 <= self.seed < 2**63:
            raise PhantomError(f"seed: expected a whole number from 0 to 2^63 - 1, got {self.seed!r}")
        for name in SPLITS:
            count = getattr(self, name)
            low = 0 if name == "val" else SMALLEST_SPLIT
            if not isinstance(count, int) or count < low or 0 < count < SMALLEST_SPLIT:
                raise PhantomError(
                    f"{name}: expected at least {SMALLEST_SPLIT} images"
                    f"{' (or 0)' if name == 'val' else ''}, got {count!r}"
                )
        if len(self) > LARGEST_SET:
            raise PhantomError(f"expected at most {LARGEST_SET} images in all, got {len(self)}")
        check_size(self.rows, self.columns)

    def __len__(self) -> int:
        """Images in all splits together."""
        return self.train + self.val + self.test

    @property
    def digest(self) -> str:
        """SHA-256 of the choices and of the drawing's version: two sets with one digest have equal pixels."""
        text = json.dumps({"drawing": DRAWING, **asdict(self)}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


DRAWING = 2
"""Version of the drawing; raised whenever the same specification gives other pixels."""


def check_size(rows: int, columns: int) -> None:
    """Raise PhantomError unless rows and columns are whole numbers from 16 to 8192."""
    for name, value in (("rows", rows), ("columns", columns)):
        if not isinstance(value, int) or not SMALLEST_SIDE <= value <= LARGEST_SIDE:
            raise PhantomError(
                f"{name}: expected a whole number from {SMALLEST_SIDE} to {LARGEST_SIDE}, got {value!r}"
            )


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """Return the generator of one step, a function of the seed and the step's names only."""
    words = [name if isinstance(name, int) else zlib.crc32(name.encode()) for name in names]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, *words])))
