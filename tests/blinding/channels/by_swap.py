"""Channels that the swap test guards: two visits with the arms exchanged must be the same, byte for byte."""

import shutil

from django.conf import settings as site

from tests.blinding.channels import Check, Scene
from tests.blinding.plants import PLANTS
from tests.blinding.visit import differences, frozen_randomness, short_visit, thrown_away
from tests.guards import drop_guards
from tests.stock import fresh


def swap(name: str) -> Check:
    """Make a check of one plant of `plants.py`."""

    def check(scene: Scene, planted: bool) -> list[str]:
        usual, root = list(site.MIDDLEWARE), site.FRAMES_ROOT
        visits = []
        try:
            for turn in (0, 1):
                copy = scene.folder / f"{planted}{turn}"
                scene.settings.FRAMES_ROOT = shutil.copytree(root, copy)
                scene.settings.MIDDLEWARE = usual
                with thrown_away(), frozen_randomness("plant"):
                    if planted:
                        drop_guards()
                        PLANTS[name](scene.stock, {key: arm ^ turn for key, arm in scene.arms.items()})
                    visits.append(short_visit(fresh(scene.stock)))
        finally:
            scene.settings.MIDDLEWARE, scene.settings.FRAMES_ROOT = usual, root
        return differences(*visits)

    return check
