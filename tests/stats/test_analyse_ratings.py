"""The command: a thin door that refuses in words and needs no database."""

import json
import os
import subprocess
import sys
from io import StringIO
from pathlib import Path

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


def test_runs_on_a_machine_without_a_site(tmp_path):
    manage = Path(__file__).parents[2] / "manage.py"
    kept = {name: os.environ[name] for name in ("PATH", "OMP_NUM_THREADS") if name in os.environ}
    done = subprocess.run(
        [sys.executable, manage, "analyse_ratings", FOLDER / f"{A}.csv", "--out", tmp_path / "results"],
        env={**kept, "READERSTUDY_HOME": str(tmp_path / "no site")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "results" / "figures" / "forest.svg").is_file()
    assert not (tmp_path / "no site").exists()


def test_calibration_prints_a_row_per_cell_and_refuses_another():
    out = StringIO()
    call_command("calibrate_statistics", simulations=3, cell=["crossed3x20_ord_RA.044"], stdout=out)
    header, row, foot = out.getvalue().splitlines()
    assert header.split()[:3] == ["cell", "θ", "primary"]
    assert row.split()[:2] == ["crossed3x20_ord_RA.044", "0.5000"]
    assert foot.startswith("3 studies per cell, seed 20260101; Monte Carlo standard error")
    with pytest.raises(CommandError, match="expected one of"):
        call_command("calibrate_statistics", simulations=3, cell=["no such"])
