"""The named cells of the calibration: simulated designs on which the choice of the primary comparison rests.

They were fixed before the first run. A null cell and its cells with an effect differ in the effect alone.
"""

import math
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from scipy import stats

from analysis.stats.grid import Bools, Floats
from analysis.stats.simulate import Latent

Design = Literal["crossed", "nested", "blocks", "sparse"]

_SPREAD = math.sqrt(0.25 + 0.044 / 4 + 0.5 + 0.5)


def _at(*shares: float) -> tuple[float, ...]:
    """Cut the latent value so that these shares of the answers to a control lie below."""
    return tuple(float(_SPREAD * stats.norm.ppf(share)) for share in shares)


SCALES: Mapping[str, tuple[float, ...]] = {
    "ord": (-1.2, -0.4, 0.3, 1.1),
    "floor": _at(0.6, 0.8, 0.9, 0.96),
    "bin": (-0.9,),
    "yes80": _at(0.2),
    "yes90": _at(0.1),
    "yes95": _at(0.05),
}
"""Where the latent value is cut: five levels, five with 60 % at the lowest, and yes/no with this share of yes."""

EFFECT = {2: 1.0, 3: 0.8, 6: 0.5, 12: 0.4}
"""Latent effect by number of readers, so that about half of the studies find it."""

STEEP = 1.79
"""Latent effect at which theta is near .85, where intervals cover least."""

_BLOCKS, _ANCHORS, _SPARSE = 2, 4, 5
"""Blocks of readers; one case in four is an anchor; a reader of a sparse design reads a fifth of the cases."""


@dataclass(frozen=True)
class Cell:
    """One simulated design.

    `loads` counts the cases that each reader reads, of which `share` are PIEs. crossed: the readers' cases come from
    one pool as large as the largest load; nested: each reader has own cases; blocks: two groups of readers, each with
    its cases, and anchors that all read; sparse: a fifth of one pool each, at random. `missing` is the share of a
    reader's cases that is not answered, by reader. `ratio`: controls in a row that form a matched set with each PIE,
    whose members share the part `correlation` of the variance of a case; 0: not matched. `images` cases in a row of an
    arm are of one patient, and share that part too. `effect` is the latent effect of being a PIE, `family` the null
    cell that has none.
    """

    name: str
    design: Design = "crossed"
    loads: tuple[int, ...] = (40,) * 6
    scale: str = "ord"
    model: Latent = field(default_factory=Latent)
    share: float = 0.5
    missing: tuple[float, ...] = ()
    ratio: int = 0
    correlation: float = 0.0
    images: int = 1
    effect: float = 0.0
    family: str = ""

    @property
    def cuts(self) -> tuple[float, ...]:
        """Where the latent value is cut into answers."""
        return SCALES[self.scale]

    def moved(self, effect: float, ending: str) -> "Cell":
        """Return the same cell with an effect."""
        return replace(self, name=f"{self.name}_{ending}", effect=effect, family=self.name)


def _cell(design: Design, loads: tuple[int, ...], named: str, ra: float = 0.044, *, scale: str = "ord",
          ending: str = "", case: float = 0.5, rest: float = 0.5, share: float = 0.5,
          missing: tuple[float, ...] = (), ratio: int = 0, correlation: float = 0.0) -> Cell:  # fmt: skip
    name = f"{design}{named}_{scale}_RA{f'{ra:g}'.removeprefix('0') or '0'}{ending}"
    model = Latent(reader_by_arm=ra, case=case, rest=rest)
    return Cell(name, design, loads, scale, model, share, missing, ratio, correlation)


def _sets(design: Design, sets: tuple[int, ...], named: str, ratio: int, correlation: float, ra: float = 0.044,
          *, scale: str = "ord", ending: str = "", missing: tuple[float, ...] = ()) -> Cell:  # fmt: skip
    """Return a cell with each reader's number of matched sets."""
    loads = tuple((ratio + 1) * own for own in sets)
    ending = f"_1to{ratio}cor{correlation:g}{ending}"
    return _cell(design, loads, f"{named}sets", ra, scale=scale, ending=ending, share=1 / (ratio + 1),
                 missing=missing, ratio=ratio, correlation=correlation)  # fmt: skip


UNEVEN: Mapping[str, tuple[int, ...]] = {
    "6heavy1": (80, 16, 16, 16, 16, 16),
    "6heavy2": (60, 60, 20, 20, 20, 20),
    "6light1": (16, 80, 80, 80, 80, 80),
}
"""Loads of six readers, by name."""

_BY_READER = (0.0, 0.1, 0.2, 0.4, 0.5, 0.6)
_DESIGNS: tuple[Design, ...] = ("crossed", "nested", "blocks")


def _nulls() -> Iterator[Cell]:
    for design in _DESIGNS:
        for readers, cases in ((2, 20), (3, 20), (6, 40), (12, 40)):
            for ra in (0.0, 0.044, 0.15):
                yield _cell(design, (cases,) * readers, f"{readers}x{cases}", ra)
        yield _cell(design, (40,) * 3, "3x40")
        yield _cell(design, (40,) * 6, "6x40", ending="_miss30", missing=(0.3,) * 6)
        yield _cell(design, (40,) * 6, "6x40", ending="_missbyreader", missing=_BY_READER)
        yield _cell(design, (40,) * 6, "6x40", ending="_1to4", share=0.2)
    for design in _DESIGNS[:2]:
        for named, loads in UNEVEN.items():
            for ra in (0.044, 0.15):
                yield _cell(design, loads, named, ra)
        for scale in ("floor", "yes80", "yes90", "yes95"):
            yield _cell(design, (40,) * 6, "6x40", scale=scale)
        yield _cell(design, (40,) * 3, "3x40", ending="_1to4", share=0.2)
    for ra in (0.044, 0.15):
        yield _cell("sparse", (20,) * 6, "6x20", ra)
    yield _cell("crossed", (40,) * 6, "6x40", 0.15, ending="_lowC", case=0.2, rest=0.8)
    yield _cell("blocks", (40,) * 6, "6x40", ending="_miss8", missing=(0.08,) * 6)


def _extremes() -> Iterator[Cell]:
    for design in _DESIGNS[:2]:
        for named, loads in (
            ("2heavy1", (60, 12)),
            ("3heavy1", (60, 12, 12)),
            ("6extreme1", (80, 4, 4, 4, 4, 4)),
        ):
            yield _cell(design, loads, named, 0.15)
        yield _cell(design, (20,) * 3, "3x20", scale="yes90")
        yield _cell(design, (4,) * 6, "6x4")
    yield _cell("crossed", (40, *(6,) * 11), "12thin11")
    for readers in (6, 12):
        yield _cell("crossed", (16,) * readers, f"{readers}x16")


def _matched() -> Iterator[Cell]:
    for correlation in (0.0, 0.25, 0.5):
        for ratio, sets in ((1, 20), (2, 13), (4, 8)):
            yield _sets("crossed", (sets,) * 6, f"6x{sets}", ratio, correlation)
        yield _sets("crossed", (10,) * 3, "3x10", 1, correlation)
        yield _sets("nested", (13,) * 6, "6x13", 2, correlation)
    for ra in (0.0, 0.15):
        for ratio, sets in ((1, 20), (2, 13)):
            yield _sets("crossed", (sets,) * 6, f"6x{sets}", ratio, 0.25, ra)
    for readers, sets, ratio in ((2, 10, 1), (12, 20, 1), (6, 8, 1), (6, 3, 1), (6, 3, 2), (12, 3, 1)):
        yield _sets("crossed", (sets,) * readers, f"{readers}x{sets}", ratio, 0.25)
    yield _sets("nested", (20,) * 6, "6x20", 1, 0.25)
    yield _sets("blocks", (20,) * 6, "6x20", 1, 0.25)
    for design in _DESIGNS[:2]:
        yield _sets(design, (40, 8, 8, 8, 8, 8), "6heavy1", 1, 0.25, 0.15)
    for scale in ("floor", "yes80", "yes90"):
        yield _sets("crossed", (20,) * 6, "6x20", 1, 0.25, scale=scale)
    for ratio, sets in ((1, 20), (2, 13)):
        yield _sets("crossed", (sets,) * 6, f"6x{sets}", ratio, 0.25, ending="_miss30", missing=(0.3,) * 6)
        yield _sets(
            "crossed", (sets,) * 6, f"6x{sets}", ratio, 0.25, ending="_missbyreader", missing=_BY_READER
        )


def _of_patients() -> Iterator[Cell]:
    for patients, correlation in ((3, 0.8), (6, 0.8), (12, 0.8), (12, 0.4)):
        cell = _cell(
            "crossed", (6 * patients,) * 6, f"6x{6 * patients}", ending=f"_3imagescor{correlation:g}"
        )
        yield replace(cell, images=3, correlation=correlation)


MATCHED = tuple(_matched())
NULLS = (*_nulls(), *_extremes(), *MATCHED, *_of_patients())
"""Cells without a difference. The 13 extreme ones were added after a first look at the others, to see where the choice
ends: they can only fail it.
"""


def _effects() -> Iterator[Cell]:
    for cell in _nulls():
        usual = cell.model.reader_by_arm == Latent().reader_by_arm
        if usual and not cell.name.endswith("miss8") and cell.scale != "yes80":
            effect = EFFECT[len(cell.loads)]
            # Few answers are "no" where 90 or 95 % are "yes": only a fall can be seen.
            yield cell.moved(-1.5 * effect if cell.scale in ("yes90", "yes95") else effect, "effect")
    for cell in MATCHED:
        if cell.model.reader_by_arm == Latent().reader_by_arm and cell.scale != "yes80":
            effect = EFFECT[len(cell.loads)]
            yield cell.moved(-1.5 * effect if cell.scale == "yes90" else effect, "effect")
            if cell.scale == "ord" and cell.correlation == 0.25 and not cell.missing:
                yield cell.moved(STEEP * (1 - cell.correlation) ** 0.25, "theta.85")
    steep = (
        "crossed3x20", "crossed6x40", "crossed12x40", "nested3x20", "nested6x40", "nested6heavy1", "crossed6x16",
        "crossed12x16", "crossed12thin11",
    )  # fmt: skip
    for name in steep:
        yield {cell.name: cell for cell in NULLS}[f"{name}_ord_RA.044"].moved(STEEP, "theta.85")


EFFECTS = tuple(_effects())
"""Cells with a difference, for power and coverage; each is named after its null cell."""


def masks(cell: Cell) -> tuple[Bools, Bools]:
    """Return which PIEs and which controls each reader reads, readers x cases; the same whenever it is asked."""
    rng = np.random.default_rng(zlib.crc32(cell.name.partition("_")[0].encode()))
    pies = [round(load * cell.share) for load in cell.loads]
    if cell.ratio:
        own = _mask(cell.design, pies, rng)
        return own, np.repeat(own, cell.ratio, axis=1)
    controls = [load - n for load, n in zip(cell.loads, pies, strict=True)]
    # Images of one patient are read together.
    pie, control = (_mask(cell.design, [n // cell.images for n in own], rng) for own in (pies, controls))
    return np.repeat(pie, cell.images, axis=1), np.repeat(control, cell.images, axis=1)


def _mask(design: Design, loads: list[int], rng: np.random.Generator) -> Bools:
    if design == "nested":
        owner = np.repeat(np.arange(len(loads)), loads)
        return np.asarray(owner == np.arange(len(loads))[:, None])
    if design == "blocks":
        anchors = loads[0] // _ANCHORS
        block = np.repeat([-1, *range(_BLOCKS)], [anchors, *(loads[0] - anchors,) * _BLOCKS])
        return np.asarray((block < 0) | (block == (np.arange(len(loads)) % _BLOCKS)[:, None]))
    pool = max(loads) * (_SPARSE if design == "sparse" else 1)
    chosen = np.zeros((len(loads), pool), dtype=bool)
    for row, load in zip(chosen, loads, strict=True):
        row[rng.permutation(pool)[:load]] = True
    return chosen


def draw(rng: np.random.Generator, cell: Cell, studies: int) -> tuple[Floats, Floats]:
    """Draw studies of a cell: answers to PIEs and to controls, studies x readers x cases, NaN where not read."""
    model, read = cell.model, masks(cell)
    readers = len(cell.loads)
    reader = rng.normal(0.0, model.reader**0.5, (studies, readers, 1))
    lean = rng.normal(0.0, model.reader_by_arm**0.5, (studies, readers, 1))
    common = None
    if cell.ratio:
        common = rng.normal(0.0, (cell.correlation * model.case) ** 0.5, (studies, 1, read[0].shape[1]))
    alone = model.case * (1 - cell.correlation)
    arms = []
    for arm, own in zip((1, 0), read, strict=True):
        shape = (studies, readers, own.shape[1])
        z = reader + lean * (arm - 0.5) + cell.effect * arm
        z = z + rng.normal(0.0, alone**0.5, (studies, 1, shape[2])) + rng.normal(0.0, model.rest**0.5, shape)
        if common is not None:
            z = z + (common if arm else np.repeat(common, cell.ratio, axis=2))
        if cell.images > 1:
            of = rng.normal(
                0.0, (cell.correlation * model.case) ** 0.5, (studies, 1, shape[2] // cell.images)
            )
            z = z + np.repeat(of, cell.images, axis=2)
        answers = np.digitize(z, cell.cuts).astype(float)
        answers[~(own & _answered(rng, cell, own, shape))] = np.nan
        arms.append(answers)
    return arms[0], arms[1]


def _answered(rng: np.random.Generator, cell: Cell, own: Bools, shape: tuple[int, ...]) -> Bools:
    if not cell.missing:
        return np.ones(shape, dtype=bool)
    # Each reader's first two cases of an arm are answered, so that every study can be compared.
    first = np.cumsum(own, axis=1) <= 2
    return np.asarray((rng.random(shape) >= np.array(cell.missing)[:, None]) | first)
