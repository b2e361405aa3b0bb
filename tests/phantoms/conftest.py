"""A small phantom data set that the tests of this folder share (drawn once, 32 x 40 pixels)."""

from pathlib import Path

import pytest

from analysis.phantoms import PhantomSpec, write_data_set

SMALL = PhantomSpec(seed=7, train=20, val=20, test=20, rows=32, columns=40)


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a small written set; its truth is beside it as truth.csv."""
    home = tmp_path_factory.mktemp("phantoms")
    write_data_set(SMALL, home / "set", home / "truth.csv", ("png", "dicom"), workers=1)
    return home / "set"
