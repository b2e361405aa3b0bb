"""What a test of the doors counts in the host's files is its own, and hashing is quick where nobody looks at it."""

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _own_doors(settings: Any, tmp_path: Path) -> None:
    settings.DOORS = tmp_path / "doors"


@pytest.fixture
def quick(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
