"""The stock study read by both readers, with answers that are known."""

from dataclasses import replace

import pytest

from readerstudy.results.services import open_key
from readerstudy.study import services
from tests.results.readings import ANSWERS, read_by_rule
from tests.stock import Stock


@pytest.fixture
def closed(stock: Stock) -> Stock:
    """Bob has read everything, Bella all but her last two cases; reading is closed."""
    bob, bella = stock.readers
    read_by_rule(bob, ANSWERS["R01"])
    read_by_rule(bella, ANSWERS["R02"], leave=2)
    study = services.close(study=stock.study, actor=stock.alice, reason="everybody has finished")
    return replace(stock, study=study)


@pytest.fixture
def opened(closed: Stock) -> Stock:
    """The key is open."""
    open_key(study=closed.study, key=closed.case_set.key, reason="reading is over", actor=closed.alice)
    closed.study.refresh_from_db()
    return closed
