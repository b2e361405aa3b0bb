"""The list of long tests names tests that there are: a renamed one would else slip back among the quick ones."""

import re

import pytest

from tests import long
from tests.architecture.test_shape import ROOT


@pytest.mark.parametrize("name", sorted(long.names()))
def test_it_is_there(name: str) -> None:
    file, *_, function = name.split("::")
    assert re.search(rf"^ *def {function}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)
