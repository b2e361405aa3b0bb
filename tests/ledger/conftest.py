"""What the tests of the ledger share."""

from pathlib import Path

import pytest

from tests.ledger.inputs import Inputs, make_inputs


@pytest.fixture
def inputs(tmp_path: Path) -> Inputs:
    """A data folder with a tiny data set and two checkpoints, and a secret beside it."""
    return make_inputs(tmp_path)
