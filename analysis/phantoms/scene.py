"""A chest under construction: layers of tissue and air that findings change before they are summed."""

import numpy as np

from analysis.phantoms.anatomy import Anatomy
from analysis.phantoms.canvas import Field, Grid, Points, band, step, texture
from analysis.phantoms.mediastinum import airway_outlines, heart_fill, vessels_fill
from analysis.phantoms.skeleton import ribs, shoulders, spine
from analysis.phantoms.spec import stream
from analysis.phantoms.torso import Cage, belly_gas, body_thickness, breast_thickness
from analysis.phantoms.vasculature import hilum, vessels

SOFT_COLUMNS = 840
"""Widest grid for what has no detail below half a millimetre; larger images enlarge it."""

LINE_CM = 3.0
"""Thickness in cm of water that full grey stands for in the layers of fine lines."""

VESSEL_SHOW = 0.21
"""Cm of water that one mm of vessel adds; more than a single vessel's, for those in front and behind it."""

BONE_BLUR_MM = 0.6
LINE_BLUR_MM = 0.32
STREAK_BLUR_MM = 0.75


class Scene:
    """Layers in cm of water (tissue) and cm of depth (air); `soft` and `fine` are the grids they live on."""

    def __init__(self, fine: Grid, anatomy: Anatomy, seed: int) -> None:
        self.fine, self.anatomy, self.seed = fine, anatomy, seed
        divide = max(1, -(-fine.columns // SOFT_COLUMNS))
        self.soft = Grid(-(-fine.rows // divide), -(-fine.columns // divide))
        soft = self.soft
        self.cage = Cage(soft, anatomy)
        self.body = body_thickness(soft, anatomy)
        self.air = self.cage.lung_air()
        below = self.cage.below
        above = 1 - step(below - 9, 10.0)  # the belly hides lower borders
        self.heart = heart_fill(soft, anatomy) * above
        self.middle = vessels_fill(soft, anatomy) * above
        fall = 1 - np.exp(-np.maximum(below, 0) / np.float32(26))
        self.diaphragm = np.asarray(step(below, 0.9) * (0.42 + 0.58 * fall), np.float32)
        self.clear = soft.field(1.0)
        """Share of the lung that still holds air; opacities multiply it down."""
        self.density = soft.field(anatomy.lung_density)
        self.extra = soft.field()
        self._hilar_haze()
        self.gas = belly_gas(soft, anatomy, self.rng("belly"))
        self.vessel_gain = soft.field(anatomy.vessel_gain)
        self.bright, self.dark = fine.mask(), fine.mask()
        self.soft_bright, self.soft_dark = fine.mask(), fine.mask()

    def _hilar_haze(self) -> None:
        """Whiten the lung slightly around the hila, where vessels too small to draw crowd."""
        for side in (-1, 1):
            x, y = hilum(self.anatomy, side)
            across = np.exp(-(((self.soft.x - np.float32(0.8 * x)) / 32) ** 2))
            down = np.exp(-(((self.soft.y - np.float32(y + 14)) / 46) ** 2))
            self.clear *= 1 - np.float32(0.2) * (across * down)

    def rng(self, *names: str | int) -> np.random.Generator:
        """Return the random stream of a step of this patient's drawing."""
        return stream(self.seed, *names)

    def opacify(self, amount: Field) -> None:
        """Fill that share (0 to 1) of the lung with something as dense as water."""
        self.clear *= 1 - np.clip(amount, 0, 0.97)

    def line(self, points: Points, width: float, tissue_cm: float) -> None:
        """Draw a fine line of a width in mm that adds (or, negative, takes away) tissue in cm of water."""
        layer = self.bright if tissue_cm > 0 else self.dark
        self.fine.line(layer, points, width, min(255, round(abs(tissue_cm) / LINE_CM * 255)))

    def streak(self, points: Points, width: float, tissue_cm: float) -> None:
        """Draw a line that thins out to both ends, with soft flanks; arguments as for `line`."""
        layer = self.soft_bright if tissue_cm > 0 else self.soft_dark
        taper = np.sin(np.linspace(0, np.pi, len(points))) ** 0.6
        value = min(255, round(abs(tissue_cm) / LINE_CM * 255 * min(1.0, width * self.fine.px)))
        self.fine.polygon(layer, band(points, np.maximum(width * taper / 2, 0.05)), value)

    def clouds(self, name: str, coarsest: float, finest: float, slope: float = 0.8) -> Field:
        """Return noise with structures from `coarsest` to `finest` mm on the soft grid."""
        return texture(self.soft, int(self.rng("clouds", name).integers(2**31)), coarsest, finest, slope)

    def attenuation(self) -> Field:
        """Sum all layers to attenuation in cm of water on the fine grid."""
        soft, fine = self.soft, self.fine
        open_share = (1 - self.heart) * (1 - self.middle) * (1 - self.diaphragm)
        air = np.minimum(self.air, self.body * np.float32(0.86)) * open_share
        mottle = self.clouds("lung", 24, 4, 0.35)
        air *= self.clear * (1 - np.clip(self.density * (1 + 0.10 * mottle), 0, 1))
        tissue = self.body + self.extra
        if self.anatomy.breast:
            tissue += breast_thickness(soft, self.anatomy) * np.clip(self.body / np.float32(5), 0, 1)
        tissue = tissue * (1 + 0.012 * self.clouds("tissue", 60, 7, 0.6))
        smooth = np.maximum(tissue - self.gas - self._airway(), self.body * np.float32(0.12)) - air
        total = fine.fit(smooth)
        total += self._fine_detail(fine.fit(air / np.float32(11)))
        total += self._bones()
        return total

    def _fine_detail(self, aerated: Field) -> Field:
        fine = self.fine
        mm = vessels(fine, self.anatomy, self.rng("vessels"))
        gain = fine.fit(self.vessel_gain)
        grain = texture(fine, int(self.rng("grain").integers(2**31)), 5.0, 0.6, 0.35)
        detail = np.clip(aerated, 0, 1) * (
            mm * gain * np.float32(VESSEL_SHOW) + np.float32(0.14) * grain * gain
        )
        for layer, sigma, cm in (
            (self.bright, LINE_BLUR_MM, LINE_CM),
            (self.dark, LINE_BLUR_MM, -LINE_CM),
            (self.soft_bright, STREAK_BLUR_MM, LINE_CM),
            (self.soft_dark, STREAK_BLUR_MM, -LINE_CM),
        ):
            if layer.any():
                detail += fine.soften(layer, sigma) * np.float32(cm)
        return detail

    def _bones(self) -> Field:
        fine, a = self.fine, self.anatomy
        back, front = ribs(fine, a)
        bones = back + front + spine(fine, a) + shoulders(fine, a)
        inside = fine.fit(np.clip(self.body / 4, 0, 1))
        return np.asarray(fine.blur(bones, BONE_BLUR_MM) * inside, np.float32)

    def _airway(self) -> Field:
        mask = self.soft.mask()
        lines, widths = airway_outlines(self.anatomy)
        for line, width in zip(reversed(lines), reversed(widths), strict=True):
            self.soft.line(mask, line, width * 0.9, round(width * 15))
        return self.soft.soften(mask, 1.7) * np.float32(2.55)
