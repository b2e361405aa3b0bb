"""An anchor of its own for each test: what tests in a browser have committed before stands in the site's."""

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _own_anchor(settings: Any, tmp_path: Path) -> None:
    settings.AUDIT_ANCHOR = tmp_path / "anchor.jsonl"
