"""Findings that change an outline: heart, aorta, pleura, hiatus."""

import dataclasses

import numpy as np

from analysis.phantoms.anatomy import Anatomy
from analysis.phantoms.canvas import spline, step
from analysis.phantoms.mediastinum import descending_edge, knob_centre
from analysis.phantoms.opacities import Paint, Shape, pick_side
from analysis.phantoms.scene import Scene


def _wide_heart(anatomy: Anatomy, strength: float, rng: np.random.Generator) -> Anatomy:
    grow = 1 + (0.30 + 0.16 * rng.random()) * strength
    return dataclasses.replace(anatomy, heart=anatomy.heart * grow, heart_x=anatomy.heart_x + 4 * strength)


def _winding_aorta(anatomy: Anatomy, strength: float, rng: np.random.Generator) -> Anatomy:
    return dataclasses.replace(
        anatomy,
        tortuosity=anatomy.tortuosity + (22 + 9 * rng.random()) * strength,
        knob=anatomy.knob * (1 + 0.42 * strength),
        mediastinum=anatomy.mediastinum * (1 + 0.12 * strength),
    )


def effusion(scene: Scene, strength: float, rng: np.random.Generator) -> None:
    """Fill the costophrenic angle up to a meniscus that climbs the lateral wall."""
    sides = (-1, 1) if rng.random() < 0.35 else (pick_side(rng),)
    a, cage = scene.anatomy, scene.cage
    for side in sides:
        height = rng.uniform(16, 66) if len(sides) == 1 else rng.uniform(12, 38)
        dome = a.dome_right if side < 0 else a.dome_left
        on_side = (scene.soft.x * side > 0).astype(np.float32)
        climb = (16 + 0.45 * height) * np.clip(cage.outward, 0, 1.05) ** 3.2 + 7 * (1 - cage.outward).clip(
            0, 1
        ) ** 3
        level = np.float32(dome + 26 - height) - climb
        scene.opacify(0.93 * strength * on_side * step(scene.soft.y - level, 2.4))
        scene.opacify(0.22 * strength * on_side * step(scene.soft.y - level + 22, 16))


def pleural_thickening(scene: Scene, strength: float, rng: np.random.Generator) -> None:
    """Line the lateral chest wall and the apex with a dense band of uneven width."""
    sides = (-1, 1) if rng.random() < 0.4 else (pick_side(rng),)
    cage = scene.cage
    for side in sides:
        width = rng.uniform(5, 9)
        uneven = 1 + 0.4 * scene.clouds(f"pleura {side}", 40, 8, 0.6)
        on_side = step(scene.soft.x * side, 1.0)
        lateral = step(np.float32(width) * uneven - (cage.lateral - cage.across), 1.4)
        cap = step(cage.across - cage.shrunken(0.98, 1 - width / 75), 1.4)
        scene.opacify(0.66 * strength * on_side * np.maximum(lateral, cap))


def calcified_aorta(scene: Scene, strength: float, rng: np.random.Generator) -> None:
    """Draw dense flecks in the wall of the aortic knob and down the descending aorta."""
    a = scene.anatomy
    x, y = knob_centre(a)
    t = np.linspace(-1.75, 1.15, 30)
    r = a.knob - 1.6
    scene.line(np.stack([x + r * np.cos(t), y + 1.12 * r * np.sin(t)], 1), 2.6, 2.4 * strength)
    rows = np.linspace(y + 22, y + 100, 9)
    edge = descending_edge(a, np.asarray(rows, np.float32)[:, None])[:, 0] - 2
    for k in range(0, 8, 2):
        scene.line(np.stack([edge[k : k + 2], rows[k : k + 2]], 1), 2.3, rng.uniform(1.6, 2.4) * strength)


def hernia(scene: Scene, strength: float, rng: np.random.Generator) -> None:
    """Put a stomach behind the heart: a round wall, gas above a fluid level, fluid below."""
    a, g = scene.anatomy, scene.soft
    radius = rng.uniform(31, 42)
    x, y = 8 + rng.normal(0, 4), a.dome_left - radius * 0.62
    d = np.float32(radius) - np.hypot((g.x - np.float32(x)) / np.float32(1.12), g.y - np.float32(y))
    inside = np.sqrt(np.clip(d / np.float32(radius) * 2, 0, 1)) * (d > 0)
    level = y + radius * rng.uniform(0.0, 0.2)
    above = step(np.float32(level) - g.y, 0.6)
    scene.extra += (1.1 * strength * inside * (1 - 0.5 * above)).astype(np.float32)
    scene.gas += (3.6 * strength * step(d - 4, 3.0) * above).astype(np.float32)
    scene.opacify(0.5 * strength * step(d, 1.6) * (1 - 0.5 * above))
    t = np.linspace(0, 2 * np.pi, 60)
    wall = np.stack([x + 1.12 * (radius - 1.5) * np.cos(t), y + (radius - 1.5) * np.sin(t)], 1)
    scene.streak(wall, 1.6, 0.4 * strength)
    half = radius * 0.9
    scene.line(spline([(x - half, level), (x, level), (x + half, level)], 8), 0.8, 0.3 * strength)


SHAPES: dict[str, Shape] = {"Cardiomegaly": _wide_heart, "Tortuous Aorta": _winding_aorta}
PAINTS: dict[str, Paint] = {
    "Effusion": effusion,
    "Pleural Thickening": pleural_thickening,
    "Calcification of the Aorta": calcified_aorta,
    "Hernia": hernia,
}
