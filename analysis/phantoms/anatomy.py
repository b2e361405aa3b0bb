"""One patient's chest as numbers: sizes in mm, drawn from who the patient is and how the image was taken."""

from dataclasses import dataclass

import numpy as np

from analysis.phantoms.catalogue import PhantomImage
from analysis.phantoms.spec import stream


@dataclass(frozen=True)
class Anatomy:
    """Lengths in mm (axes as in canvas), densities relative to water; "right" is the patient's right."""

    apex: float
    dome_right: float
    dome_left: float
    dome_curve: float
    chest: float
    """Largest half-width of the lungs."""
    torso: float
    """Half-width of the body below the arms."""
    thickness: float
    """Greatest body thickness in cm of water."""
    fat: float
    """Habitus, 0 lean to 1 obese."""
    breast: float
    """Breast thickness in cm of water, 0 if none shows."""
    heart: float
    """Scale of the heart, 1 = normal."""
    heart_x: float
    heart_y: float
    mediastinum: float
    """Scale of the width of the upper mediastinum."""
    knob: float
    """Radius of the aortic knob."""
    tortuosity: float
    """Sideways excursion of the descending aorta."""
    lung_density: float
    vessel_gain: float
    bone: float
    rib_spacing: float
    rib_drop: float
    clavicle_y: float
    clavicle_rise: float
    scapula_x: float
    arms_down: bool
    scoliosis: float
    roll: float
    """Rotation in the image plane, degrees."""
    zoom: float
    shift_x: float
    shift_y: float
    bubble: float
    """Size of the gastric bubble, 0 if none shows."""
    exposure: float
    """Shift of the display curve, 0 = nominal."""
    contrast: float


def draw_anatomy(seed: int, image: PhantomImage) -> Anatomy:
    """Return the anatomy of an image: the patient's own build, with the pose and exposure of this image."""
    own = stream(seed, "build", image.patient)
    now = stream(seed, "pose", image.patient, image.follow_up)
    female, bedside = image.sex == "F", image.view == "AP"
    age = (image.age - 50) / 30
    fat = float(np.clip(own.beta(2.0, 2.6) + 0.05 * age, 0, 1))
    chest = 136 + 6.5 * own.normal() - (9 if female else 0)
    breath = now.normal(0, 4.5) + (11 if bedside else 0) + 6 * fat
    dome = 243 + 7 * own.normal() - (6 if female else 0) - breath
    return Anatomy(
        apex=49 + 3.0 * own.normal() + (5 if bedside else 0),
        dome_right=dome,
        dome_left=dome + 9 + 3.0 * own.normal(),
        dome_curve=float(np.clip(1 + 0.14 * own.normal(), 0.7, 1.3)),
        chest=chest,
        torso=chest + 16 + 26 * fat + 3 * own.normal(),
        thickness=19.5 + 5.5 * fat + (0 if female else 1.0),
        fat=fat,
        breast=float(np.clip(own.normal(2.6 + 1.5 * fat, 0.8), 1.0, 5.0)) if female else 0.0,
        heart=float(
            (1 + 0.065 * own.normal() + 0.03 * age) * (1.12 if bedside else 1.0) * (0.94 if female else 1.0)
        ),
        heart_x=12 + 3.0 * own.normal(),
        heart_y=dome - 31 + 3.0 * own.normal(),
        mediastinum=float((1 + 0.07 * own.normal() + 0.05 * age) * (1.14 if bedside else 1.0)),
        knob=15.5 + 1.6 * own.normal() + 2.2 * age,
        tortuosity=float(max(0.0, 3 + 3 * age + 1.5 * own.normal())),
        lung_density=float(np.clip(0.24 + 0.02 * own.normal() + 0.0025 * breath, 0.18, 0.34)),
        vessel_gain=float(np.clip(1 + 0.12 * own.normal(), 0.7, 1.4)),
        bone=float(np.clip(1 - 0.14 * age - (0.08 if female else 0) + 0.08 * own.normal(), 0.6, 1.3)),
        rib_spacing=float(22.6 + 0.7 * own.normal() - (1.0 if female else 0)),
        rib_drop=float(np.clip(1 + 0.08 * own.normal(), 0.8, 1.25)),
        clavicle_y=86 + 4 * own.normal() - (16 if bedside else 0),
        clavicle_rise=float(30 + 6 * own.normal() - (14 if bedside else 0)),
        scapula_x=float(132 + 5 * own.normal() - (24 if bedside else 0)),
        arms_down=bedside,
        scoliosis=float(5 * own.normal()),
        roll=float(now.normal(0, 0.9) * (1.8 if bedside else 1)),
        zoom=float(np.clip(now.normal(1.065, 0.015) + (0.02 if bedside else 0), 1.04, 1.12)),
        shift_x=float(now.normal(0, 2.2)),
        shift_y=float(now.normal(0, 2.2)),
        bubble=float(np.clip(now.normal(0.8, 0.4), 0, 1.5)),
        exposure=float(now.normal(0, 0.05)),
        contrast=float(np.clip(now.normal(1, 0.06) - (0.05 if bedside else 0), 0.8, 1.2)),
    )
