"""The stock study read by both readers, with answers that are known."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from readerstudy.accounts.models import User
from readerstudy.results.services import open_key
from readerstudy.study.design import lifecycle
from readerstudy.study.duties import add_member
from readerstudy.study.models import Role
from tests.results.admins import through
from tests.results.readings import ANSWERS, read_by_rule
from tests.site import stock_of
from tests.stock import Stock, fresh, person


@pytest.fixture
def closed(stock: Stock) -> Stock:
    """Bob has read everything, Bella all but her last two cases; reading is closed."""
    bob, bella = stock.readers
    read_by_rule(bob, ANSWERS["R01"])
    read_by_rule(bella, ANSWERS["R02"], leave=2)
    study = lifecycle.close(study=stock.study, actor=stock.alice, reason="everybody has finished")
    return replace(stock, study=study)


@pytest.fixture
def opened(closed: Stock) -> Stock:
    """The key is open."""
    open_key(study=closed.study, key=closed.case_set.key, reason="reading is over", actor=closed.alice)
    closed.study.refresh_from_db()
    return closed


@pytest.fixture(scope="module")
def _draft_of_module(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stock]:
    folder = tmp_path_factory.mktemp("two")
    with django_db_blocker.unblock(), stock_of(folder, pairs=3, reading=False, locked=False) as made:
        yield made


@pytest.fixture
def draft(_draft_of_module: Stock, db: None) -> Stock:
    """Give a draft of Alice's."""
    return fresh(_draft_of_module)


@pytest.fixture
def nora(draft: Stock) -> User:
    """The other admin, in the study before its lock."""
    made = person("Nora")
    add_member(study=draft.study, person=made, role=Role.STUDY_ADMIN, actor=draft.alice)
    return made


@pytest.fixture
def two(draft: Stock, nora: User) -> Stock:
    """Give a study of Alice's and Nora's, read and closed."""
    return through(draft)
