"""The command: a thin wrapper that refuses in words and needs no database."""

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
    assert "quality: PIEs had lower image quality than controls" in out.getvalue()
    assert json.loads((tmp_path / "results" / "results.json").read_text())["study"]["readers"] == 6


def test_the_groups_may_have_names_of_their_own(tmp_path):
    out, names = StringIO(), ["film", "films", "scan", "scans"]
    call_command("analyse_ratings", FOLDER / f"{A}.csv", out=tmp_path / "results", groups=names, stdout=out)
    assert "quality: Films had lower image quality than scans" in out.getvalue()
    assert "PIE" not in (tmp_path / "results" / "report.html").read_text(encoding="utf-8")
    like = tmp_path / "results" / "results.json"
    with pytest.raises(CommandError, match="expected --groups from"):
        call_command("analyse_ratings", FOLDER / f"{A}.csv", out=tmp_path / "other", groups=names, like=like)


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
    header, row, *_, foot = out.getvalue().splitlines()
    assert {"cell", "u_equal.rejects", "u_centred.rejects", "kruskal_pooled.rejects"} <= set(
        header.split(",")
    )
    assert row.startswith("crossed3x20_ord_RA.044,")
    assert "u_equal: fails 0 cells" in out.getvalue()
    assert foot.startswith("3 studies per cell, seed 20260101; Monte Carlo standard error")
    with pytest.raises(CommandError, match="expected one of"):
        call_command("calibrate_statistics", simulations=3, cell=["no such"])


def test_a_reader_whose_name_comes_in_two_unicode_forms_is_counted_once(tmp_path):
    rows = ["reader,case,arm,presentation,agree,quality,difficulty"]
    for number in range(12):
        name = "M\u00fcller" if number % 2 else "Mu\u0308ller"
        rows += [
            f"{name},c{number:02d},{number // 6},1,{number % 2},3,2",
            f"R2,c{number:02d},{number // 6},1,0,4,1",
        ]
    path = tmp_path / "ratings.csv"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    call_command("analyse_ratings", path, out=tmp_path / "results", stdout=StringIO())
    assert json.loads((tmp_path / "results" / "results.json").read_text())["study"]["readers"] == 2
    path.write_text(path.read_text().replace("R2,c03", "r2,c03"), encoding="utf-8")
    with pytest.raises(CommandError, match="got row 2 'R2' and row 8 'r2'"):
        call_command("analyse_ratings", path, out=tmp_path / "other")
    assert not (tmp_path / "other").exists()
