"""Every target of the fuzzer has seeds and takes them: what it reports is then of the bytes it made up."""

from pathlib import Path

import pytest

from tests.fuzz.__main__ import TARGETS, seeds


@pytest.mark.parametrize("name", sorted(TARGETS.keys() - {"image", "handover"}))
def test_a_target_takes_its_seeds(name: str, tmp_path: Path) -> None:
    """Images are tried by tests/hostile, in children that may be ended."""
    given = list(seeds(name, tmp_path / "trap"))
    for data in given:
        TARGETS[name](data)
    assert given
    assert not (tmp_path / "trap").exists()
