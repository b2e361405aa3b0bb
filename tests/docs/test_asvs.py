"""docs/asvs.csv has every requirement of OWASP ASVS 5.0 at levels 1 and 2, each with a verdict that can be followed."""

import csv
from collections import Counter

import pytest

from tests.docs.drawn import ROOT

with (ROOT / "docs" / "asvs.csv").open(encoding="utf-8", newline="") as file:
    ROWS = list(csv.DictReader(file))
VERDICTS = {"met", "partly", "not met", "not applicable"}


def test_every_requirement_has_its_row_once() -> None:
    assert Counter(row["level"] for row in ROWS) == {"1": 70, "2": 183}
    assert len({row["requirement"] for row in ROWS}) == len(ROWS)
    chapters = Counter(row["requirement"].split(".")[0] for row in ROWS)
    assert set(chapters) == {f"V{number}" for number in range(1, 18)}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["requirement"])
def test_a_verdict_can_be_followed(row: dict[str, str]) -> None:
    assert row["verdict"] in VERDICTS
    for column in ("where", "test"):
        assert not row[column] or (ROOT / row[column]).exists(), row[column]
    assert not row["test"] or (row["test"].startswith("tests/") and (ROOT / row["test"]).is_file()), row[
        "test"
    ]
    if row["verdict"] == "met":
        assert row["where"]
        assert row["test"], "what no test shows is met in part at most"
    else:
        assert row["note"]
