"""What a test of the doors counts in the host's files is its own."""

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _own_doors(settings: Any, tmp_path: Path) -> None:
    settings.DOORS = tmp_path / "doors"
