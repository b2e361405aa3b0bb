"""The command: a thin door that refuses in words and needs no database."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from tests.stats.reference_data import FOLDER, A


def test_writes_results_and_says_the_direction(tmp_path):
    out = StringIO()
    call_command("analyse_ratings", FOLDER / f"{A}.csv", out=tmp_path / "results", stdout=out)
    assert "quality: PIEs were rated lower in quality" in out.getvalue()
    assert json.loads((tmp_path / "results" / "results.json").read_text())["study"]["readers"] == 6


def test_refuses_in_words_and_writes_nothing(tmp_path):
    with pytest.raises(CommandError, match="at least 2 PIE cases, got 0"):
        call_command("analyse_ratings", FOLDER / "G_degenerate_empty_pie_arm.csv", out=tmp_path / "results")
    assert list(tmp_path.iterdir()) == []
