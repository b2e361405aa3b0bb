"""The swap test fires: each planted leak of the arm is seen, and a visit without one differs from none."""

import shutil
from pathlib import Path

import pytest
from django.conf import settings as site
from pytest_django import Settings

from readerstudy.cases.selectors import cases_of
from tests.blinding.plants import PLANTS, Arms, Plant
from tests.blinding.visit import Exchange, differences, frozen_randomness, short_visit, thrown_away
from tests.guards import drop_guards
from tests.stock import Stock, fresh

pytestmark = pytest.mark.django_db


@pytest.fixture
def two_visits(stock: Stock, settings: Settings, tmp_path: Path):
    """Return a function that visits twice, under one set of arms and under the exchanged one."""
    keys = [case.key for case in cases_of(stock.study.key)]
    arms: Arms = {key: number % 2 for number, key in enumerate(keys)}
    middleware = list(site.MIDDLEWARE)

    def visit(plant: Plant, told: Arms, folder: Path) -> list[Exchange]:
        settings.FRAMES_ROOT = folder
        settings.MIDDLEWARE = middleware
        with thrown_away(), frozen_randomness("plant"):
            drop_guards()
            plant(stock, told)
            return short_visit(fresh(stock))

    def both(plant: Plant) -> tuple[list[Exchange], list[Exchange]]:
        folders = [shutil.copytree(site.FRAMES_ROOT, tmp_path / name) for name in ("one", "other")]
        exchanged = {key: 1 - arm for key, arm in arms.items()}
        return visit(plant, arms, folders[0]), visit(plant, exchanged, folders[1])

    return both


def test_without_a_leak_nothing_differs(two_visits) -> None:
    one, other = two_visits(lambda stock, arms: None)
    assert len(one) > 15
    assert differences(one, other) == []


@pytest.mark.parametrize("name", PLANTS)
def test_planted_leak_is_seen(two_visits, name: str) -> None:
    one, other = two_visits(PLANTS[name])
    assert differences(one, other)
