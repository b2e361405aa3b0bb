"""A study keeps the analysis that it was locked with, whichever versions this software has come to since."""

import json
from typing import Any

import pytest

from analysis.stats import plan
from readerstudy.results import computed
from readerstudy.study.design.locking import locked_document
from readerstudy.study.models import Study
from tests.stock import Stock

pytestmark = pytest.mark.django_db


def test_a_lock_names_the_newest_version(stock: Stock) -> None:
    assert locked_document(stock.study)["analysis"] == plan.VERSIONS[-1]


@pytest.mark.parametrize(
    ("named", "version"), [({}, 1), ({"analysis": 1}, 1), ({"analysis": 2}, 2), ({"analysis": 3}, 3)]
)
def test_a_study_keeps_the_version_that_it_was_locked_with(
    stock: Stock, monkeypatch: pytest.MonkeyPatch, named: dict[str, int], version: int
) -> None:
    for module in (plan, computed):
        monkeypatch.setattr(module, "VERSIONS", (1, 2, 3, 4))
    document: dict[str, Any] = locked_document(stock.study)
    document.pop("analysis")  # as in every file of before there were versions
    study = Study(protocol=stock.study.protocol, locked_file=json.dumps(document | named))
    declared = computed.plan_of(study)
    assert declared.version == version
    assert plan.Plan.from_row(declared.as_row()) == declared
    assert (
        plan.Plan.from_row(
            {name: value for name, value in declared.as_row().items() if name != "analysis"}
        ).version
        == 1
    )
