"""Findings that whiten the lung: from infiltration and consolidation to nodules and fibrosis."""

import dataclasses
from collections.abc import Callable

import numpy as np

from analysis.phantoms.anatomy import Anatomy
from analysis.phantoms.canvas import Field, ellipse, spline, step
from analysis.phantoms.scene import Scene
from analysis.phantoms.vasculature import hilum

Shape = Callable[[Anatomy, float, np.random.Generator], Anatomy]
Paint = Callable[[Scene, float, np.random.Generator], None]


def pick_side(rng: np.random.Generator) -> int:
    """Return -1 for the patient's right lung (left in the picture) or 1."""
    return -1 if rng.random() < 0.54 else 1


def lung_point(scene: Scene, side: int, across: float, down: float) -> tuple[float, float]:
    """Return a place in a lung: `across` 0 medial to 1 lateral, `down` 0 apex to 1 diaphragm."""
    a = scene.anatomy
    dome = a.dome_right if side < 0 else a.dome_left
    y = a.apex + 8 + down * (dome - a.apex - 8)
    row = int(np.clip(y * scene.soft.px_y, 0, scene.soft.rows - 1))
    inner = max(float(scene.cage.medial[row, 0]), 26.0)
    outer = float(scene.cage.lateral[row, 0])
    return side * (inner + across * (outer - inner)), y


def blob(scene: Scene, x: float, y: float, rx: float, ry: float) -> Field:
    """Return a soft bump of height 1 with the given radii (mm) at half height or so."""
    g = scene.soft
    across = np.exp(-0.75 * ((g.x - np.float32(x)) / np.float32(rx)) ** 2)
    return np.asarray(np.exp(-0.75 * ((g.y - np.float32(y)) / np.float32(ry)) ** 2) * across, np.float32)


def infiltration(scene: Scene, strength: float, rng: np.random.Generator) -> None:
    """Add ill-defined patchy haze in one or both lungs."""
    sides = (-1, 1) if rng.random() < 0.5 else (pick_side(rng),)
    cloud = _mottled(scene, "infiltration", 20, 2, 0.28)
    for side in sides:
        for _ in range(int(rng.integers(1, 3))):
            x, y = lung_point(scene, side, rng.uniform(0.2, 0.6), rng.uniform(0.4, 0.85))
            spot = blob(scene, x, y, rng.uniform(28, 44), rng.uniform(30, 50))
            scene.opacify(0.46 * strength * spot * cloud)


def _mottled(scene: Scene, name: str, coarsest: float, finest: float, depth: float) -> Field:
    """Return a factor around 1 that breaks up a smooth opacity into patches."""
    cloud = scene.clouds(name, coarsest, finest, 0.55)
    return np.asarray(np.clip(1 + np.float32(depth) * cloud, 0.15, 1.6), np.float32)


def consolidation(scene: Scene, strength: float, rng: np.random.Generator) -> None:
    """Fill part of a lobe, with a sharp fissure on one side and air bronchograms."""
    side = pick_side(rng)
    upper = rng.random() < 0.5
    x, y = lung_point(scene, side, rng.uniform(0.4, 0.6), 0.30 if upper else 0.74)
    spot = blob(scene, x, y, rng.uniform(34, 46), rng.uniform(30, 42))
    fissure = y + (24 if upper else -26)
    g = scene.soft
    tilt = np.float32(0.12 * side) * (g.x - np.float32(x))
    edge = step((np.float32(fissure) - g.y + tilt) * (1 if upper else -1), 2.0)
    cloud = _mottled(scene, "consolidation", 26, 2, 0.10)
    scene.opacify(np.minimum(0.95, 1.2 * spot) * (0.2 + 0.8 * edge) * 0.76 * strength * cloud)
    scene.vessel_gain *= 1 - 0.7 * spot * strength
    hx, hy = hilum(scene.anatomy, side)
    for _ in range(5):
        tx, ty = x + rng.normal(0, 13), y + rng.normal(0, 12)
        middle = ((hx + tx) / 2 + rng.normal(0, 5), (hy + ty) / 2 + rng.normal(0, 5))
        path = spline([(hx + (tx - hx) * 0.4, hy + (ty - hy) * 0.4), middle, (tx, ty)], 14)
        scene.streak(path, rng.uniform(1.2, 2.2), -0.6 * strength)


def pneumonia(scene: Scene, strength: float, rng: np.random.Generator) -> None:
    """Add patchy bronchopneumonia in a lower zone, with streaks along the bronchi towards it."""
    side = pick_side(rng)
    x, y = lung_point(scene, side, 0.42, rng.uniform(0.62, 0.78))
    cloud = _mottled(scene, "pneumonia", 15, 2, 0.32)
    core = blob(scene, x, y, rng.uniform(28, 36), rng.uniform(26, 36))
    scene.opacify(np.minimum(0.9, 0.74 * strength * core * cloud))
    hx, hy = hilum(scene.anatomy, side)
    for _ in range(6):  # thickened walls of the bronchi that lead there
        tx, ty = x + rng.normal(0, 12), y + rng.normal(0, 12)
        path = spline([(hx, hy + 10), ((hx + tx) / 2 + rng.normal(0, 6), (hy + ty) / 2), (tx, ty)], 14)
        scene.streak(path, rng.uniform(1.6, 2.8), 0.45 * strength)


def _volume_loss(anatomy: Anatomy, strength: float, rng: np.random.Generator) -> Anatomy:
    side = pick_side(rng)
    lift = (10 + 9 * rng.random()) * strength
    if side < 0:
        return dataclasses.replace(
            anatomy, dome_right=anatomy.dome_right - lift, heart_x=anatomy.heart_x - 0.3 * lift
        )
    return dataclasses.replace(
        anatomy, dome_left=anatomy.dome_left - lift, heart_x=anatomy.heart_x + 0.3 * lift
    )


def atelectasis(scene: Scene, strength: float, rng: np.random.Generator) -> None:
    """Add plate-like bands and a wedge of collapse above a raised dome."""
    side = pick_side(rng)
    x, y = lung_point(scene, side, 0.3, 0.9)
    scene.opacify(0.62 * strength * blob(scene, x, y + 4, 34, 20))
    for _ in range(int(rng.integers(2, 4))):
        bx, by = lung_point(scene, side, rng.uniform(0.25, 0.6), rng.uniform(0.72, 0.92))
        half, slope = rng.uniform(17, 30), rng.normal(0, 0.16)
        path = spline([(bx - half, by + slope * half), (bx, by - 2.5), (bx + half, by - slope * half)], 16)
        scene.streak(path, rng.uniform(2.2, 4.2), 0.9 * strength)
        scene.opacify(0.25 * strength * blob(scene, bx, by, half, 7))


def edema(scene: Scene, strength: float, rng: np.random.Generator) -> None:
    """Add bat-wing haze around the hila, thick vessels, fluid in the septa (Kerley B lines)."""
    cloud = _mottled(scene, "edema", 24, 2, 0.20)
    for side in (-1, 1):
        hx, hy = hilum(scene.anatomy, side)
        wing = blob(scene, hx + side * 16, hy + 8, 44, 62)
        scene.opacify(rng.uniform(0.50, 0.62) * strength * wing * cloud)
        low = scene.anatomy.dome_right if side < 0 else scene.anatomy.dome_left
        for k in range(9):
            x, y = lung_point(scene, side, 0.985, 0.0)[0], low - 6 - 5.2 * k + rng.normal(0, 1)
            row = int(np.clip(y * scene.soft.px_y, 0, scene.soft.rows - 1))
            x = side * (float(scene.cage.lateral[row, 0]) - 2)
            scene.line(
                np.array([(x, y), (x - side * rng.uniform(9, 17), y + rng.normal(0, 1))]),
                0.9,
                0.42 * strength,
            )
    scene.opacify(0.14 * strength * cloud)
    scene.vessel_gain *= 1 + 0.35 * strength


def _ball(scene: Scene, x: float, y: float, radius: float, rng: np.random.Generator, rough: float) -> Field:
    """Return a sphere's thickness profile (0..1) with a lobulated outline."""
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    wave = sum(rng.normal(0, rough / k) * np.cos(k * angles + rng.uniform(0, 6.3)) for k in range(2, 7))
    g = scene.soft
    dx, dy = g.x - np.float32(x), g.y - np.float32(y)
    outline = radius * (1 + np.interp(np.arctan2(dy, dx) % (2 * np.pi), angles, wave, period=2 * np.pi))
    r2 = (dx * dx + dy * dy) / np.float32(1) / (outline * outline)
    return np.asarray(np.sqrt(np.clip(1 - r2, 0, 1)), np.float32)


def nodule(scene: Scene, strength: float, rng: np.random.Generator) -> None:
    """Add one to three round spots of 10 to 28 mm."""
    for _ in range(int(rng.integers(1, 4))):
        side = pick_side(rng)
        x, y = lung_point(scene, side, rng.uniform(0.25, 0.8), rng.uniform(0.18, 0.85))
        radius = rng.uniform(6.5, 13.5)
        ball = scene.soft.blur(_ball(scene, x, y, radius, rng, 0.09), 1.5)
        scene.opacify(np.minimum(0.85, (0.34 + 0.018 * radius) * strength) * ball)


def mass(scene: Scene, strength: float, rng: np.random.Generator) -> None:
    """Add one lobulated mass of 38 to 80 mm."""
    side = pick_side(rng)
    x, y = lung_point(scene, side, rng.uniform(0.3, 0.6), rng.uniform(0.2, 0.7))
    radius = rng.uniform(19, 38)
    ball = scene.soft.blur(_ball(scene, x, y, radius, rng, 0.24), 1.8)
    cloud = _mottled(scene, "mass", 18, 2, 0.08)
    scene.opacify(np.minimum(0.9, 0.74 * strength) * ball * cloud)
    for _ in range(12):  # spicules
        t = rng.uniform(0, 2 * np.pi)
        c, s = np.cos(t), np.sin(t)
        near, far = radius * 0.85, radius * rng.uniform(1.12, 1.4)
        scene.line(np.array([(x + c * near, y + s * near), (x + c * far, y + s * far)]), 0.7, 0.22 * strength)


def fibrosis(scene: Scene, strength: float, rng: np.random.Generator) -> None:
    """Add a net of short lines and small rings at the bases and the periphery, with loss of volume."""
    for side in (-1, 1):
        for _ in range(150):
            across, down = 1 - 0.85 * rng.random() ** 1.6, 1 - 0.75 * rng.random() ** 1.5
            x, y = lung_point(scene, side, across * 0.96, down)
            t, length = rng.uniform(0, np.pi), rng.uniform(4, 11)
            bend = rng.normal(0, 1.6)
            dx, dy = np.cos(t) * length / 2, np.sin(t) * length / 2
            path = spline([(x - dx, y - dy), (x + bend, y + bend), (x + dx, y + dy)], 7)
            scene.line(path, rng.uniform(0.7, 1.5), rng.uniform(0.35, 0.8) * strength)
        for _ in range(34):
            x, y = lung_point(scene, side, rng.uniform(0.5, 0.95), 1 - 0.3 * rng.random())
            ring = ellipse(x, y, rng.uniform(2, 4), rng.uniform(2, 4), samples=12)
            scene.line(np.concatenate([ring, ring[:1]]), 0.9, 0.5 * strength)
        x, y = lung_point(scene, side, 0.6, 0.95)
        scene.opacify(0.34 * strength * blob(scene, x, y, 50, 36))


def _small_lungs(anatomy: Anatomy, strength: float, rng: np.random.Generator) -> Anatomy:
    lift = 12 * strength
    right, left = anatomy.dome_right - lift, anatomy.dome_left - lift
    return dataclasses.replace(
        anatomy, dome_right=right, dome_left=left, heart_y=anatomy.heart_y - 0.8 * lift
    )


SHAPES: dict[str, Shape] = {"Atelectasis": _volume_loss, "Fibrosis": _small_lungs}
PAINTS: dict[str, Paint] = {
    "Infiltration": infiltration,
    "Consolidation": consolidation,
    "Pneumonia": pneumonia,
    "Atelectasis": atelectasis,
    "Edema": edema,
    "Nodule": nodule,
    "Mass": mass,
    "Fibrosis": fibrosis,
}
