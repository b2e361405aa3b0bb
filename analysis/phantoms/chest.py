"""A healthy chest as layers of tissue and air that findings change before they are summed."""

import numpy as np

from analysis.phantoms.catalogue import PhantomImage
from analysis.phantoms.shapes import Field, Grid, Points, along, step
from analysis.phantoms.spec import TABLES, stream

Anatomy = dict[str, float]

OUTLINES = TABLES["outlines"]
CAGE_MM = 245.0
Line = tuple[Points, float, float]
"""Points (n x 2, mm), width in mm, cm of water."""


def draw_anatomy(seed: int, image: PhantomImage) -> Anatomy:
    """Return the measures of an image: the patient's own build, with the pose and exposure of this image."""
    own = stream(seed, "build", image.patient)
    now = stream(seed, "pose", image.patient, image.follow_up)
    female, bedside, age = image.sex == "F", image.view == "AP", (image.age - 50) / 30
    drawn = {}
    for name, (mean, between, within, woman, bed, old, limits) in TABLES["build"].items():
        value = mean + between * own.normal() + within * now.normal()
        drawn[name] = float(np.clip(value + woman * female + bed * bedside + old * age, *limits))
    return drawn


class Chest:
    """Layers in cm of water (tissue) and cm of depth (air) over a grid; `a` holds the measures."""

    def __init__(self, grid: Grid, anatomy: Anatomy, seed: int) -> None:
        self.grid, self.a, self.seed = grid, anatomy, seed
        g, a = grid, anatomy
        below_apex = g.y - np.float32(a["apex"])
        level = np.sqrt(np.clip(below_apex / CAGE_MM, 0, 1.3))
        self.lateral: Field = along(OUTLINES["lateral"], OUTLINES["lateral_at"], level) * np.float32(
            a["chest"]
        )
        self.medial: Field = along(OUTLINES["medial"], OUTLINES["lateral_at"], level) * np.float32(a["chest"])
        across = np.abs(g.x)
        self.outward: Field = (across - self.medial) / np.maximum(self.lateral - self.medial, 1)
        """0 at the medial, 1 at the lateral border of the lung, by row and column."""
        out = (across - 64) / np.where(across > 64, np.float32(a["chest"] - 64), np.float32(80))
        fall = np.where(out > 0, 20 * out**2 + 24 * np.abs(out) ** 7, 19 * out**2)
        self.dome: Field = np.float32(a["dome"]) + 9 * step(g.x, 10) + fall * np.float32(a.get("curve", 1.0))
        self.below: Field = g.y - self.dome
        """Distance in mm below the diaphragm, negative in the lung."""
        self.body = self._body()
        t = np.clip(below_apex / CAGE_MM, 0, 1)
        cap = np.sqrt(1 - (1 - np.minimum(t / np.float32(0.055), 1)) ** 2)
        profile = np.sqrt(np.clip(1 - np.clip(self.outward, 0, 1.2) ** 5, 0, 1))
        inner = step(across - self.medial * np.float32(0.8), 7.0)
        self.air: Field = 15 * cap * (0.5 + 0.5 * np.minimum(t / np.float32(0.3), 1) ** 0.7) * profile * inner
        self.clear, self.vessels = g.field(1.0), g.field(a["vessels"])
        """Share of the lung that holds air, and gain of its vessels: findings multiply them."""
        self.extra, self.gas = g.field(), g.field()
        self.marks: list[Line] = []
        """Fine lines that findings add or, where the cm of water are negative, take away."""

    def rng(self, *names: str) -> np.random.Generator:
        """Return the random stream of a step of this patient's drawing."""
        return stream(self.seed, *names)

    def hilum(self, side: int) -> tuple[float, float]:
        """Return the centre of a hilum (side -1: the patient's right) in mm; the left one is higher."""
        return side * 40 * self.a["middle"], self.a["apex"] + 111 - 4 * side

    def knob(self) -> tuple[float, float]:
        """Return the centre of the aortic knob in mm."""
        return 17 * self.a["middle"], self.a["apex"] + 68

    def place(self, side: int, across: float, down: float) -> tuple[float, float]:
        """Return a place in mm: `across` 0 medial to 1 lateral border of a lung, `down` 0 apex to 1 diaphragm."""
        a = self.a
        y = a["apex"] + 8 + down * (a["dome"] + 9 * (side > 0) - a["apex"] - 8)
        inner, outer = (float(np.interp(y, self.grid.y[:, 0], b[:, 0])) for b in (self.medial, self.lateral))
        return side * (max(inner, 26) + across * (outer - max(inner, 26))), y

    def _body(self) -> Field:
        """Return soft tissue along each ray in cm of water, as if the chest held no air."""
        g, a = self.grid, self.a
        half = (54, 56, 64, 150, 205, 264, 200, a["torso"] + 6)
        inside = step(along(half, (0, 10, 30, 56, 72, 110, 170, 190), g.y) - np.abs(g.x), 4)
        s = np.clip(np.abs(g.x) / np.float32(a["torso"] + 4), 0, 1)
        level = along((0.56, 0.60, 0.80, 0.97, 1), (0, 40, 90, 150, 210), g.y)
        tissue = np.maximum((1 - s**2.3) ** np.float32(0.66) * level, 0.36) * np.float32(a["thickness"])
        r = 50 + 8 * a["breast"]
        for side in (-1, 1):
            tissue += np.float32(a["breast"]) * g.blob(side * 90, a["dome"] - 24, r, r, 5)
        return np.asarray(tissue * inside, np.float32)

    def _heart(self) -> Field:
        """Return the share of the chest's depth that the heart fills."""
        g, a = self.grid, self.a
        dx = g.x - np.float32(a["heart_x"])
        dy = np.minimum(g.y - np.float32(a["dome"] - 31), np.float32(36 * a["heart"]))
        angle = np.arctan2(dy, dx)
        radius = np.interp(angle, np.deg2rad(OUTLINES["heart_at"]), OUTLINES["heart"], period=2 * np.pi)
        stretch = 1 + (a["heart"] - 1) * (0.35 + 0.65 * np.abs(np.cos(angle)))
        rest = np.clip(1 - (dx * dx + dy * dy) / (radius * stretch) ** 2, 0, 1)
        return g.blur(np.asarray(0.76 * np.sqrt(rest) * (0.8 + 0.2 * rest**0.25), np.float32), 1.0)

    def _middle(self) -> Field:
        """Return the share of the depth that the upper mediastinum and the aorta fill."""
        g, a, (x, y) = self.grid, self.a, self.knob()
        top = g.y - np.float32(a["apex"] - 49)
        right = along((-27, -20, -28, -30, -25), (0, 85, 140, 165, 260), top) * np.float32(a["middle"])
        left = along((27, 20, 23, 36, 24), (0, 85, 140, 165, 260), top) * np.float32(a["middle"])
        t = np.clip((g.x - right) / (left - right) * 2 - 1, -1, 1)
        fade = along((0.92, 0.80, 0.74, 0.62, 0.25, 0.05), (0, 90, 120, 160, 210, 260), top)
        column = fade * np.sqrt(1 - np.abs(t) ** 5)
        knob = 0.8 * g.blob(x, y, a["knob"], 1.2 * a["knob"], 6)
        down = np.clip((g.y - np.float32(y)) / 150, 0, 1)
        edge = self.aorta(down)
        inside = np.clip((edge - g.x) / np.float32(13 + 0.25 * a["winding"]), 0, 2)
        aorta = 0.3 * np.sqrt(np.clip(1 - (1 - inside) ** 2, 0, 1)) * step(g.y - np.float32(y), 4.0)
        return g.blur(np.asarray(1 - (1 - np.maximum(column, knob)) * (1 - aorta), np.float32), 0.8)

    def aorta(self, down: Field) -> Field:
        """Return x (mm) of the left edge of the descending aorta, 0 to 1 of its way down."""
        bow = self.a["winding"] * np.sin(np.pi * np.minimum(down * 1.15, 1)) ** 2
        return np.asarray(self.knob()[0] + self.a["knob"] * 0.86 - 12 * down + bow, np.float32)

    def _ribs(self) -> list[Line]:
        ribs: list[Line] = []
        for number in range(1, 10):
            y = self.a["apex"] - 3 + (number - 1) * 22.4 * (0.80 + 0.027 * number)
            drop = 34 + 14.5 * number - 0.55 * number**2
            reach = float(np.interp(y + drop / 2, self.grid.y[:, 0], self.lateral[:, 0])) + 2.6
            reach *= {1: 0.70, 2: 0.90}.get(number, 1.0)
            for start, end, width, cm in ((0.02, 1.6, 10.0, 1.5), (1.54, 2.6 - 0.045 * number, 12.0, 0.9)):
                if cm == 0.9 and number > 7:
                    continue
                t = np.linspace(start, end, 20)
                x, down = 8 + (reach - 8) * np.sin(t) ** 0.8, y + drop * (1 - np.cos(t)) / 2
                ribs += [(np.stack([side * x, down], 1), width, cm) for side in (-1, 1)]
        return ribs

    def _bones(self) -> Field:
        """Return bones in cm of water: a dense rim around a fainter inside."""
        g, a = self.grid, self.a
        bones, down = self._ribs(), np.array([0, a["collar"]])
        for points, width, cm in TABLES["lines"]["shoulder"]:
            bones += [((np.array(points) + down) * [side, 1], width, cm) for side in (-1, 1)]
        solid = g.lines(bones, 0.6) - 0.35 * g.lines([(p, w - 3, c) for p, w, c in bones], 0.6)
        spine = step(np.float32(14.5) + 0.026 * g.y - np.abs(g.x), 1.5) * (1 + 0.2 * np.cos(g.y / 3.7))
        return np.asarray((solid + spine) * np.float32(a["bone"]) * np.clip(self.body / 4, 0, 1), np.float32)

    def _vessels(self) -> Field:
        """Return the vessels of the lungs in cm of water: branches from the hila that thin out."""
        rng = self.rng("vessels")
        drawn: list[Line] = []
        for side in (-1, 1):
            x, y = self.hilum(side)
            drawn.append((np.array([(x - side * 8, y - 12), (x, y + 4), (x + side * 3, y + 36)]), 11.0, 1.3))
            for _ in range(24):
                at, angle = np.array([x, y + rng.uniform(-12, 14)]), rng.uniform(-1.4, 1.65)
                for width in rng.uniform(2.2, 4.6) * np.array([1, 0.67, 0.45]):
                    angle += rng.uniform(-0.35, 0.35)
                    end = at + rng.uniform(18, 38) * np.array([side * np.cos(angle), np.sin(angle)])
                    drawn.append((np.stack([at, end]), width, 0.28 * width**0.65))
                    at = end
        return self.grid.lines(drawn, 0.5)

    def attenuation(self) -> Field:
        """Sum all layers to attenuation in cm of water."""
        g = self.grid
        above = 1 - step(self.below - 9, 10.0)  # the belly hides lower borders
        fall = 1 - np.exp(-np.maximum(self.below, 0) / np.float32(26))
        diaphragm = step(self.below, 0.9) * (0.42 + 0.58 * fall)
        open_share = (1 - self._heart() * above) * (1 - self._middle() * above) * (1 - diaphragm)
        air = np.minimum(self.air, self.body * np.float32(0.86)) * open_share * self.clear
        air *= 1 - np.clip(self.a["solid"] * (1 + 0.12 * g.cloud(self.rng("lung"), 24)), 0, 1)
        tissue = (self.body + self.extra) * (1 + 0.012 * g.cloud(self.rng("tissue"), 60))
        carina = np.array([0, self.a["apex"] + 88])
        airway = g.lines(
            [(np.array(points) + carina, width, cm) for points, width, cm in TABLES["lines"]["airway"]], 1.7
        )
        total = np.maximum(tissue - self.gas - airway, self.body * np.float32(0.12)) - air
        grain = 0.14 * g.cloud(self.rng("grain"), 5, 4)
        total += np.clip(air / 11, 0, 1) * self.vessels * (self._vessels() + grain)
        for sign in (1, -1):
            lines = [line for line in self.marks if line[2] * sign > 0]
            total += sign * g.lines(lines, 0.6)
        return np.asarray(total + self._bones(), np.float32)
