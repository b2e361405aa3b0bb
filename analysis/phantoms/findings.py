"""The findings as a table of marks, each one of a few shapes with its place, its size and what it adds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from analysis.phantoms.chest import Anatomy, Chest
from analysis.phantoms.shapes import Field, along, arc, step

Range = tuple[float, float]
FLAT, STEEP, UPRIGHT = (-0.2, 0.2), (1.2, 1.9), (1.5, 1.64)
"""Directions of lines in radians, 0 outwards."""

PATCHES, LOBES = 16, (0.2, 0.4, 0.6, 0.4, 0.2)
"""Directions in which the outline of a spot varies, and how they follow their neighbours."""


@dataclass(frozen=True)
class Mark:
    """One kind of mark, drawn `count` times a side, each in its own place and size.

    `shape`: a name of `SHAPES`. `fill`: share of the lung made as dense as water; `cm`: tissue added to the ray or,
    negative, air let in. `across`, `down`: the place (`Chest.place`); `size` in mm; `flat`: height against width;
    `edge`: see `Grid.blob`; `rough`: unevenness, 0 to 1; `turn`: direction of a line in radians; `vessels`: share of
    the vessels that stays visible.
    """

    shape: str
    size: Range
    fill: float = 0.0
    cm: float = 0.0
    across: Range = (0.2, 0.7)
    down: Range = (0.2, 0.8)
    count: tuple[int, int] = (1, 1)
    flat: float = 1.0
    edge: float = 2.0
    rough: float = 0.0
    turn: Range = (0.0, 0.0)
    width: float = 2.2
    vessels: float = 1.0


@dataclass(frozen=True)
class Finding:
    """Marks, the probability of both sides, and what each measure of the anatomy is multiplied by or raised by."""

    marks: tuple[Mark, ...] = ()
    both: float = 0.0
    times: Mapping[str, float] = field(default_factory=dict)
    plus: Mapping[str, float] = field(default_factory=dict)


FINDINGS: Mapping[str, Finding] = {
    "Infiltration": Finding(
        (Mark("blob", (28, 46), 0.5, down=(0.4, 0.85), count=(1, 2), rough=0.3),), both=0.5
    ),
    "Effusion": Finding((Mark("pool", (18, 66), 0.93),), both=0.3),
    "Atelectasis": Finding(
        (
            Mark("line", (38, 62), cm=1.3, across=(0.25, 0.6), down=(0.7, 0.9), count=(2, 3), turn=FLAT, width=4),
            Mark("blob", (32, 36), 0.6, across=(0.3, 0.3), down=(0.95, 0.95), flat=0.6),
        ),
        plus={"dome": -6},
    ),
    "Cardiomegaly": Finding(times={"heart": 1.38}, plus={"heart_x": 4}),
    "Nodule": Finding((Mark("blob", (8, 13), 0.65, across=(0.25, 0.8), count=(1, 3), edge=6, rough=0.1),), both=0.3),
    "Mass": Finding((Mark("blob", (20, 36), 0.8, across=(0.3, 0.6), edge=6, rough=0.25),)),
    "Pneumothorax": Finding(
        (Mark("rim", (18, 32), -0.4, cm=-1.4, vessels=0.0),)
    ),
    "Consolidation": Finding(
        (Mark("blob", (34, 44), 0.85, across=(0.4, 0.6), down=(0.28, 0.75), edge=5, rough=0.12, vessels=0.4),)
    ),
    "Pleural Thickening": Finding((Mark("rim", (7, 11), 0.75, rough=0.3),), both=0.4),
    "Emphysema": Finding(
        (Mark("blob", (9, 20), -0.5, across=(0.2, 0.8), down=(0.1, 0.4), count=(2, 4), edge=6, vessels=0.1),),
        both=1.0,
        times={"heart": 0.87, "solid": 0.5, "vessels": 0.65, "curve": 0.4},
        plus={"dome": 24},
    ),
    "Edema": Finding(
        (
            Mark("blob", (44, 52), 0.58, across=(0.18, 0.22), down=(0.5, 0.55), flat=1.3, rough=0.2, vessels=1.4),
            Mark("line", (9, 17), cm=0.7, across=(0.9, 0.94), down=(0.68, 0.98), count=(9, 9), width=1.2),
        ),
        both=1.0,
    ),
    "Fibrosis": Finding(
        (
            Mark("line", (5, 12), cm=0.9, across=(0.15, 0.97), down=(0.45, 0.99), count=(90, 90), turn=(0, 3.1)),
            Mark("blob", (46, 54), 0.34, across=(0.6, 0.6), down=(0.95, 0.95), flat=0.7),
        ),
        both=1.0,
        plus={"dome": -10},
    ),
    "Pneumonia": Finding(
        (
            Mark("blob", (26, 36), 0.75, across=(0.35, 0.5), down=(0.62, 0.8), rough=0.5),
            Mark("line", (28, 44), cm=0.8, across=(0.15, 0.4), down=(0.6, 0.78), count=(6, 6), turn=(0.3, 1.2)),
        )
    ),
    "Subcutaneous Emphysema": Finding(
        (
            Mark("line", (20, 46), cm=-2.2, across=(1.06, 1.3), down=(0.25, 1.05), count=(44, 44), turn=STEEP, width=3),
            Mark("line", (30, 80), cm=-1.5, across=(0.9, 1.4), down=(0.12, 0.45), count=(16, 16), turn=(-0.4, 0.8)),
            Mark("line", (18, 34), cm=-1.6, across=(-0.3, 0.5), down=(-0.3, -0.02), count=(12, 12), turn=STEEP),
        ),
        both=0.5,
    ),
    "Tortuous Aorta": Finding(times={"knob": 1.42, "middle": 1.12}, plus={"winding": 27}),
    "Calcification of the Aorta": Finding((Mark("wall", (0, 0), cm=3.2, width=3.4),)),
    "Pneumoperitoneum": Finding((Mark("crescent", (11, 20), cm=-5.4),), both=0.6),
    "Hernia": Finding((Mark("hiatus", (31, 42), 0.55, cm=-3.6),)),
    "Pneumomediastinum": Finding(
        (
            Mark("line", (70, 100), cm=-2.4, across=(-0.08, 0.02), down=(0.3, 0.42), count=(2, 2), turn=UPRIGHT),
            Mark("line", (60, 90), cm=1.2, across=(0.05, 0.07), down=(0.3, 0.42), turn=UPRIGHT, width=1.2),
            Mark("line", (18, 40), cm=-1.6, across=(-0.4, 0.1), down=(-0.3, 0.05), count=(8, 8), turn=STEEP, width=2),
        ),
        both=1.0,
    ),
}  # fmt: skip
"""Every class but No Finding. Sizes are those of textbooks; strengths were chosen so that each shows at 64 pixels."""


def change_anatomy(anatomy: Anatomy, name: str, strength: float) -> Anatomy:
    """Return the measures of a chest with a finding that changes its build."""
    finding = FINDINGS[name]
    grown = {
        key: anatomy.get(key, 1.0) * (1 + (times - 1) * strength) for key, times in finding.times.items()
    }
    raised = {key: anatomy[key] + more * strength for key, more in finding.plus.items()}
    return anatomy | grown | raised


def paint(chest: Chest, name: str, strength: float, rng: np.random.Generator) -> None:
    """Draw the marks of a finding into a chest; `strength` 1 is the table's."""
    finding = FINDINGS[name]
    main = -1 if rng.random() < 0.54 else 1
    sides = (-1, 1) if rng.random() < finding.both else (main,)
    for side in sides:
        for mark in finding.marks:
            for _ in range(int(rng.integers(mark.count[0], mark.count[1] + 1))):
                shown = SHAPES[mark.shape](chest, mark, side, strength, rng)
                if shown is not None:
                    _apply(chest, mark, shown, strength, rng)


def _apply(chest: Chest, mark: Mark, shown: Field, strength: float, rng: np.random.Generator) -> None:
    if mark.rough:
        shown = shown * np.clip(1 + np.float32(mark.rough) * chest.grid.cloud(rng, 18), 0.15, 1.6)
    chest.clear *= 1 - np.clip(np.float32(mark.fill * strength) * shown, -1, 0.97)
    chest.vessels *= 1 + np.float32((mark.vessels - 1) * min(1, strength)) * np.clip(shown, 0, 1)
    layer, cm = (chest.extra, mark.cm) if mark.cm > 0 else (chest.gas, -mark.cm)
    layer += np.float32(cm * strength) * shown


Shape = Callable[[Chest, Mark, int, float, np.random.Generator], Field | None]


def _blob(chest: Chest, mark: Mark, side: int, strength: float, rng: np.random.Generator) -> Field:
    x, y = chest.place(side, rng.uniform(*mark.across), rng.uniform(*mark.down))
    r = rng.uniform(*mark.size)
    lobes = np.clip(
        1 + mark.rough * np.convolve(rng.normal(0, 1, PATCHES + 4), LOBES, "valid"), 0.6, 1.5
    ).astype(np.float32)
    return chest.grid.blob(x, y, r, r * mark.flat, mark.edge, lobes if mark.edge > 4 else None)


def _line(chest: Chest, mark: Mark, side: int, strength: float, rng: np.random.Generator) -> None:
    x, y = chest.place(side, rng.uniform(*mark.across), rng.uniform(*mark.down))
    half, turn, bend = rng.uniform(*mark.size) / 2, rng.uniform(*mark.turn), 0.15 * rng.normal()
    dx, dy = side * half * np.cos(turn), half * np.sin(turn)
    points = np.array([(x - dx, y - dy), (x + bend * dy, y - bend * dx), (x + dx, y + dy)])
    chest.marks.append((points, mark.width, mark.cm * strength * rng.uniform(0.7, 1.1)))


def _inset(chest: Chest, width: float, side: int) -> Field:
    """Return how far (mm) a point lies outside a lung that has shrunk by a width, on one side."""
    g, drop = chest.grid, 1.6 * width
    down = np.clip((g.y - np.float32(chest.a["apex"] + drop)) / np.float32(18), 0, 1)
    border = along(chest.lateral[:, 0], g.y[:, 0], g.y - np.float32(drop)) - np.float32(width)
    outside = np.abs(g.x) - border * np.sqrt(1 - (1 - down) ** 2) + 30 * (down == 0)
    return np.asarray(np.where(g.x * side > 0, outside, -50), np.float32)


def _rim(chest: Chest, mark: Mark, side: int, strength: float, rng: np.random.Generator) -> Field:
    outside = _inset(chest, rng.uniform(*mark.size), side)
    if mark.cm < 0:  # air: the lung's own edge shows as a line
        wide = 1.5 + 1 / chest.grid.px
        chest.extra += np.float32(1.8 * strength / wide) * step(outside + wide, 0.6) * step(-outside, 0.6)
    return step(outside, 0.8)


def _pool(chest: Chest, mark: Mark, side: int, strength: float, rng: np.random.Generator) -> Field:
    height = rng.uniform(*mark.size)
    out = np.clip(chest.outward, 0, 1.05)
    climb = (16 + 0.45 * height) * out**3.2 + 7 * (1 - out).clip(0, 1) ** 3
    level = np.float32(chest.a["dome"] + 9 * (side > 0) + 26 - height) - climb
    return step(chest.grid.y - level, 4.0) * (chest.grid.x * side > 0)


def _crescent(chest: Chest, mark: Mark, side: int, strength: float, rng: np.random.Generator) -> Field:
    depth = rng.uniform(*mark.size) * np.clip(
        1 - ((chest.grid.x - np.float32(side * 62)) / np.float32(60)) ** 2, 0, 1
    )
    under = chest.below - 2.4
    return step(under, 0.7) * step(depth - under, 1.6) * step(depth - 1.5, 1.0)


def _wall(chest: Chest, mark: Mark, side: int, strength: float, rng: np.random.Generator) -> None:
    (x, y), r = chest.knob(), chest.a["knob"] - 1.6
    chest.marks.append((arc(x, y, r, 1.12 * r, -1.75, 1.15), mark.width, mark.cm * strength))
    for start in (25, 50, 75, 95):
        rows = np.array([[y + start], [y + start + rng.uniform(8, 15)]], np.float32)
        edge = chest.aorta((rows - np.float32(y)) / 150) - 2
        chest.marks.append((np.hstack([edge, rows]).astype(float), mark.width, mark.cm * strength))


def _hiatus(chest: Chest, mark: Mark, side: int, strength: float, rng: np.random.Generator) -> Field:
    """A stomach behind the heart: a wall, gas above a fluid level, fluid below."""
    r = rng.uniform(*mark.size)
    x, y = 8 + rng.normal(0, 4), chest.a["dome"] + 9 - 0.62 * r
    chest.marks.append((arc(x, y, 1.12 * r, r, 0, 6.3, 40), 2.4, 1.0 * strength))
    above = step(np.float32(y + 0.1 * r) - chest.grid.y, 0.8)
    return chest.grid.blob(x, y, 1.05 * r, 0.94 * r, 10) * above


SHAPES: Mapping[str, Shape] = {
    "blob": _blob, "line": _line, "rim": _rim, "pool": _pool, "crescent": _crescent, "wall": _wall,
    "hiatus": _hiatus,
}  # fmt: skip
