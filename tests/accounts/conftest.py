"""Each test of signing in has its own files of hashing slots."""

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _own_slots(settings: Any, tmp_path: Path) -> None:
    settings.HASHING_SLOTS = tmp_path / "doors"
