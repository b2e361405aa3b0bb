"""The findings as a table of marks, each one of a few shapes with its place, its size and what it adds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.phantoms.chest import Anatomy, Chest
from analysis.phantoms.shapes import Field, along, arc, step
from analysis.phantoms.spec import TABLES

Range = tuple[float, float]

PATCHES, LOBES = 16, (0.2, 0.4, 0.6, 0.4, 0.2)
"""Directions in which the outline of a spot varies, and how they follow their neighbours."""


@dataclass(frozen=True)
class Mark:
    """One kind of mark, drawn `count` times a side, each in its own place and size.

    `shape`: a name of `SHAPES`. `fill`: share of the lung made as dense as water; `cm`: tissue added to the ray or,
    negative, air let in. `across`, `down`: the place (`Chest.place`); `size` in mm; `flat`: height against width;
    `edge`: see `Grid.blob`; `rough`: unevenness, 0 to 1; `turn`: direction of a line in radians, 0 outwards; `vessels`:
    share of the vessels that stays visible.
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


FINDINGS: Mapping[str, Mapping[str, Any]] = {
    name: {"both": 0.0, "times": {}, "plus": {}} | row | {"marks": [Mark(**m) for m in row.get("marks", ())]}
    for name, row in TABLES["findings"].items()
}
"""Every class but No Finding: marks, the probability of both sides, and what each measure of the anatomy is multiplied
by (`times`) or raised by (`plus`).
"""


def change_anatomy(anatomy: Anatomy, name: str, strength: float) -> Anatomy:
    """Return the measures of a chest with a finding that changes its build."""
    finding = FINDINGS[name]
    grown = {
        key: anatomy.get(key, 1.0) * (1 + (times - 1) * strength) for key, times in finding["times"].items()
    }
    raised = {key: anatomy[key] + more * strength for key, more in finding["plus"].items()}
    return anatomy | grown | raised


def paint(chest: Chest, name: str, strength: float, rng: np.random.Generator) -> None:
    """Draw the marks of a finding into a chest; `strength` 1 is the table's."""
    finding = FINDINGS[name]
    main = -1 if rng.random() < 0.54 else 1
    sides = (-1, 1) if rng.random() < finding["both"] else (main,)
    for side in sides:
        for mark in finding["marks"]:
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
