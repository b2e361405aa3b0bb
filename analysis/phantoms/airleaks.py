"""Findings of air where it should not be, or too much of it."""

import dataclasses

import numpy as np

from analysis.phantoms.anatomy import Anatomy
from analysis.phantoms.canvas import spline, step
from analysis.phantoms.mediastinum import HEART_ANGLES, HEART_RADII, borders
from analysis.phantoms.opacities import Paint, Shape, pick_side
from analysis.phantoms.scene import Scene


def pneumothorax(scene: Scene, strength: float, rng: np.random.Generator) -> None:
    """Let air between lung and chest wall: a dark rim without vessels, widest at the apex, and a line."""
    side = pick_side(rng)
    a, cage = scene.anatomy, scene.cage
    shrink_x, shrink_y = rng.uniform(0.72, 0.88), rng.uniform(0.76, 0.87)
    edge = cage.shrunken(shrink_x, shrink_y)
    on_side = step(scene.soft.x * side, 1.0)
    inner = cage.shrunken_medial(shrink_y)
    outside = step(np.maximum(cage.across - edge, inner - cage.across), 0.6) * on_side
    scene.density *= 1 - (0.35 + 0.45 * strength) * outside
    scene.air *= 1 + 0.10 * strength * outside
    scene.vessel_gain *= 1 - outside
    scene.opacify(0.16 * strength * on_side * (1 - outside))
    top = cage.shrunken_apex(shrink_y)
    arch = top + np.linspace(0, 1, 14) ** 2 * 11
    rows = np.concatenate([arch[::-1], arch, np.linspace(top + 13, a.dome_right + 8, 40)])
    at = np.interp(rows, scene.soft.y[:, 0], edge[:, 0])
    at[:14] = np.interp(rows[:14], scene.soft.y[:, 0], inner[:, 0])
    scene.line(np.stack([side * at, rows], 1), 0.9, 0.55 * strength)


def _overinflate(anatomy: Anatomy, strength: float, rng: np.random.Generator) -> Anatomy:
    down = 26 * strength
    return dataclasses.replace(
        anatomy,
        dome_right=anatomy.dome_right + down,
        dome_left=anatomy.dome_left + down * 0.9,
        dome_curve=anatomy.dome_curve * (1 - 0.62 * strength),
        chest=anatomy.chest * (1 + 0.04 * strength),
        heart=anatomy.heart * (1 - 0.13 * strength),
        heart_y=anatomy.heart_y + 0.6 * down,
        rib_spacing=anatomy.rib_spacing * (1 + 0.04 * strength),
        rib_drop=anatomy.rib_drop * (1 - 0.15 * strength),
        lung_density=anatomy.lung_density * (1 - 0.52 * strength),
        vessel_gain=anatomy.vessel_gain * (1 - 0.35 * strength),
    )


def emphysema(scene: Scene, strength: float, rng: np.random.Generator) -> None:
    """Add bullae: thin-walled dark bubbles in the upper zones."""
    for _ in range(int(rng.integers(2, 6))):
        side = pick_side(rng)
        x = side * rng.uniform(50, 0.8 * scene.anatomy.chest)
        y = scene.anatomy.apex + rng.uniform(28, 90)
        r = rng.uniform(9, 20)
        g = scene.soft
        inside = step(r - np.hypot(g.x - np.float32(x), g.y - np.float32(y)), 1.0)
        scene.density *= 1 - 0.6 * strength * inside
        scene.vessel_gain *= 1 - 0.9 * strength * inside
        t = np.linspace(rng.uniform(0, 6), rng.uniform(8, 11), 24)
        scene.line(np.stack([x + r * np.cos(t), y + r * np.sin(t)], 1), 0.6, 0.2 * strength)


def subcutaneous_emphysema(scene: Scene, strength: float, rng: np.random.Generator) -> None:
    """Add dark streaks in the soft tissue of chest wall and neck, fanning out along the pectoral muscles."""
    a = scene.anatomy
    both = rng.random() < 0.5
    main = pick_side(rng)
    for side in (-1, 1) if both else (main,):
        _chest_wall_streaks(scene, side, strength, rng)
        _muscle_streaks(scene, side, strength, rng)
        for _ in range(18):  # up the neck
            x, y, length = rng.uniform(22, 58), rng.uniform(0, a.clavicle_y - 30), rng.uniform(18, 36)
            across = x + np.array([0, 2, 5, 10, 16]) * rng.uniform(0.4, 1.2)
            path = spline(list(zip(side * across, y + length * np.linspace(0, 1, 5), strict=True)), 14)
            scene.streak(path, rng.uniform(1.4, 3.0), -rng.uniform(0.7, 1.5) * strength)


def _chest_wall_streaks(scene: Scene, side: int, strength: float, rng: np.random.Generator) -> None:
    """Let gas run along the planes of the lateral chest wall."""
    a = scene.anatomy
    for _ in range(64):
        y, length = rng.uniform(a.apex + 70, 292), rng.uniform(16, 44)
        rows = y + length * np.linspace(-0.5, 0.5, 7)
        wall = np.interp(rows, scene.soft.y[:, 0], scene.cage.lateral[:, 0])
        room = max(9.0, a.torso - float(wall[3]) - 8)
        across = wall + 5 + rng.random() * room + np.cumsum(rng.normal(0, 0.9, 7))
        path = spline(list(zip(side * across, rows, strict=True)), 20)
        scene.streak(path, rng.uniform(1.4, 4.2), -rng.uniform(0.9, 2.1) * strength)


def _muscle_streaks(scene: Scene, side: int, strength: float, rng: np.random.Generator) -> None:
    """Let gas part the fibres of the pectoral muscle, which fan out from the upper arm."""
    a = scene.anatomy
    x0, y0 = 172.0, a.clavicle_y + 22
    for angle in np.linspace(-0.42, 0.95, 30) + rng.normal(0, 0.02, 30):
        near, length = rng.uniform(4, 40), rng.uniform(28, 85)
        reach = near + length * np.linspace(0, 1, 5)
        bend = angle + np.linspace(0, rng.normal(0.05, 0.05), 5)
        across, down = x0 - reach * np.cos(bend), y0 + reach * np.sin(bend) + rng.normal(0, 0.5, 5)
        path = spline(list(zip(side * across, down, strict=True)), 20)
        scene.streak(path, rng.uniform(1.2, 3.2), -rng.uniform(0.5, 1.3) * strength)


def pneumoperitoneum(scene: Scene, strength: float, rng: np.random.Generator) -> None:
    """Let air collect under the domes: a dark crescent below a thin bright line."""
    sides = (-1, 1) if rng.random() < 0.5 else (-1,)
    thick = rng.uniform(9, 19)
    cage, g = scene.cage, scene.soft
    for side in sides:
        centre = -60.0 if side < 0 else 64.0
        depth = thick * np.clip(1 - ((g.x - np.float32(centre)) / np.float32(60)) ** 2, 0, 1)
        under = cage.below - 2.4
        crescent = step(under, 0.7) * step(depth - under, 1.6) * step(depth - 1.5, 1.0)
        scene.gas += (5.4 * strength * crescent).astype(np.float32)
        x = np.linspace(centre - 62, centre + 62, 60)
        y = np.interp(x, g.x[0], cage.dome[0]) + 1.1
        scene.line(np.stack([x, y], 1), 1.7, 0.75 * strength)


def pneumomediastinum(scene: Scene, strength: float, rng: np.random.Generator) -> None:
    """Outline heart and great vessels by dark bands and a bright pleural line; add streaks up to the neck."""
    a, g = scene.anatomy, scene.soft
    rows = np.linspace(a.apex + 24, a.apex + 116, 40)
    right, left = borders(a, np.asarray(rows, np.float32)[:, None])
    offset = 2.5 + 3.0 * np.sin(np.linspace(0, np.pi, 40))
    for side, border in ((-1, right[:, 0]), (1, left[:, 0])):
        band = border + side * (offset - 1.5)
        scene.streak(np.stack([band, rows], 1), 2.6, -1.6 * strength)
        scene.line(np.stack([border + side * (offset + 1.6), rows], 1), 0.9, 0.7 * strength)
    t = np.linspace(-1.0, 0.75, 40)
    radius = np.interp(t % (2 * np.pi), HEART_ANGLES, HEART_RADII, period=2 * np.pi) * a.heart
    for extra, width, cm in ((0.8, 3.4, -1.6), (4.2, 0.9, 0.75)):
        x, y = a.heart_x + (radius + extra) * np.cos(t), a.heart_y + (radius + extra) * np.sin(t)
        scene.line(np.stack([x, y], 1), width, cm * strength)
    for _ in range(14):
        x, y = rng.uniform(-34, 34), rng.uniform(0, a.apex + 40)
        length = rng.uniform(16, 40)
        path = np.array([(x, y), (x + rng.normal(0, 3), y + length / 2), (x + rng.normal(0, 4), y + length)])
        scene.streak(path, rng.uniform(0.8, 2.0), -rng.uniform(0.7, 1.2) * strength)
    centre_line = np.stack(
        [np.linspace(-40, 50, 20), np.interp(np.linspace(-40, 50, 20), g.x[0], scene.cage.dome[0])], 1
    )
    scene.line(centre_line, 2.0, -0.9 * strength)  # the diaphragm seen right across


SHAPES: dict[str, Shape] = {"Emphysema": _overinflate}
PAINTS: dict[str, Paint] = {
    "Pneumothorax": pneumothorax,
    "Emphysema": emphysema,
    "Subcutaneous Emphysema": subcutaneous_emphysema,
    "Pneumoperitoneum": pneumoperitoneum,
    "Pneumomediastinum": pneumomediastinum,
}
