"""The command: a thin wrapper that refuses in words and needs no database."""

import csv
import json
import os
import re
import subprocess
import sys
from html import unescape
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from analysis.selection import read_run
from analysis.selection.exemplars import find_exemplars
from tests.findings.toys import write_run


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    return write_run(tmp_path_factory.mktemp("runs") / "run")


def test_writes_the_findings_of_a_run(run, tmp_path) -> None:
    out = StringIO()
    call_command("analyse_run", run, out=tmp_path / "out", stdout=out)
    content = json.loads((tmp_path / "out" / "results.json").read_text())
    assert content["synthetic"] is True
    assert (content["run"]["run_id"], content["run"]["seeds"], content["run"]["images"]) == (
        "toy-run",
        3,
        120,
    )
    assert list(content["answers"].values()) == out.getvalue().splitlines()[:4]
    # A good classifier mixed with noise gets worse: mAP falls with sparsity.
    means = [row["map_mean"] for row in content["overall"]]
    assert means == sorted(means, reverse=True)
    assert (tmp_path / "out" / "figures" / "forgettability.png").is_file()


def test_validity_stands_beside_the_list_and_the_level_stays(run, tmp_path) -> None:
    call_command("analyse_run", run, out=tmp_path / "out", stdout=StringIO())
    content = json.loads((tmp_path / "out" / "results.json").read_text())
    assert [row["condition"] for row in content["validity"]] == list(read_run(run).conditions[1:])
    own = next(row for row in content["validity"] if row["condition"] == "0.90")
    assert f"({own['verdict']})" in content["answers"]["images"]
    assert own["splits"] == 20
    assert "No level is proposed" in content["answers"]["images"]
    assert unescape(content["answers"]["images"]) in unescape((tmp_path / "out" / "report.html").read_text())
    other = write_run(tmp_path / "other", ending="val.png")
    call_command("analyse_run", run, out=tmp_path / "more", validation=other, stdout=StringIO())
    more = json.loads((tmp_path / "more" / "results.json").read_text())
    assert "On the validation split" in more["answers"]["images"]
    assert more["run"]["exemplar_sparsity"] == 0.9
    assert more["representation"] == content["representation"]


def test_the_level_is_proposed_by_other_images_and_the_same_networks(run, tmp_path) -> None:
    """An import has no checkpoints: its networks are known by their seeds."""
    same = write_run(tmp_path / "same", images=40, ending="000.PNG")
    fewer = write_run(tmp_path / "fewer", seeds=2, ending="val.png")
    foreign = write_run(tmp_path / "foreign", ending="val.png")
    retold = foreign / "provenance.json"
    nets = [{"seed": seed, "sha256": "a"} for seed in range(3)]
    retold.write_text(json.dumps(json.loads(retold.read_text()) | {"checkpoints": nets}))
    for other, words in (
        (run, "expected the validation split, got 120 images of the run"),
        (same, "expected the validation split, got 40 images of the run"),
        (fewer, "expected the networks of"),
        (foreign, "expected the networks of"),
    ):
        with pytest.raises(CommandError, match=words):
            call_command("analyse_run", run, out=tmp_path / "out", validation=other, stdout=StringIO())
    assert not (tmp_path / "out").exists()


def test_over_representation_is_that_of_the_chosen_exemplars(run, tmp_path) -> None:
    call_command(
        "analyse_run",
        run,
        out=tmp_path / "out",
        criterion="pearson",
        condition=0.95,
        fraction=0.1,
        stdout=StringIO(),
    )
    read = read_run(run)
    chosen = find_exemplars(
        list(read.images["image"]),
        read.mean_scores(0.0),
        read.mean_scores(0.95),
        criterion="pearson",
        fraction=0.1,
    ).images
    with (tmp_path / "out" / "representation.csv").open(newline="") as file:
        rows = {row["group"]: row for row in csv.DictReader(file)}
    for name in read.class_names:
        assert int(rows[name]["exemplars"]) == read.images.set_index("image").loc[chosen, name].sum()


def test_a_sparsity_that_was_not_run_is_said(run, tmp_path) -> None:
    call_command("analyse_run", run, out=tmp_path / "out", condition=0.7, stdout=StringIO())
    content = json.loads((tmp_path / "out" / "results.json").read_text())
    assert content["representation"] == []
    note = "no exemplars: expected one of the conditions dense, 0.50, 0.90, 0.95, got '0.70'"
    assert content["run"]["representation_note"] == note


def test_refuses_in_words_and_writes_nothing(tmp_path) -> None:
    damaged = write_run(tmp_path / "run", images=30, seeds=1)
    with (damaged / "metrics.csv").open("a") as file:
        file.write("\n")
    with pytest.raises(CommandError, match=r"metrics\.csv: expected SHA-256"):
        call_command("analyse_run", damaged, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(CommandError, match="expected a new or empty folder"):
        call_command("analyse_run", damaged, out=damaged)


def test_runs_on_a_machine_without_a_site(run, tmp_path) -> None:
    manage = Path(__file__).parents[2] / "manage.py"
    kept = {name: os.environ[name] for name in ("PATH", "OMP_NUM_THREADS") if name in os.environ}
    done = subprocess.run(
        [sys.executable, manage, "analyse_run", run, "--out", tmp_path / "out"],
        env={**kept, "READERSTUDY_HOME": str(tmp_path / "no site")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "figures" / "co_occurrence.svg").is_file()
    assert not (tmp_path / "no site").exists()


def test_the_report_answers_the_questions_and_needs_nothing_beside_it(run, tmp_path) -> None:
    call_command("analyse_run", run, out=tmp_path / "out", stdout=StringIO())
    page = (tmp_path / "out" / "report.html").read_text()
    content = json.loads((tmp_path / "out" / "results.json").read_text())
    for sentence in content["answers"].values():
        assert sentence in unescape(page)
    assert "SYNTHETIC" in page
    assert page.count('src="data:image/svg+xml;base64,') == len(
        list((tmp_path / "out" / "figures").glob("*.pdf"))
    )
    assert not re.findall(r'(?:src|href)="(?!data:|#)[^"]*"', page)
