"""A tiny data set and tiny checkpoints in the published layouts."""

from pathlib import Path

import pytest
import torch

from tests.sweep.tiny import TinySweep, make_tiny


@pytest.fixture(autouse=True)
def one_thread():
    """Keep torch to one core, so that tests beside each other do not fight."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def tiny(tmp_path: Path) -> TinySweep:
    """Four test images, two seeds of a small network, three ratios."""
    return make_tiny(tmp_path)
