"""Questions that no code names: a scale with gaps, a number, a yes/no, and two groups with names of their own."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from django.core.management import CommandError, call_command
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.columns import FrameError
from analysis.endpoints import (
    FILE,
    PAPER,
    Endpoint,
    EndpointError,
    Groups,
    endpoints_file,
    endpoints_from,
    read_endpoints,
)
from analysis.exchange.imrmc import imrmc_list
from analysis.exchange.via import read_via, via_csv
from analysis.frames import check_table, ratings_table
from analysis.report import Background, reader_study_report, report_figures
from analysis.report.build import report_html
from analysis.stats import Plan, Results, analyse, check, read_settings, simulate_study
from analysis.stats.agreement import coincidences, interval_alpha, krippendorff_alpha, level_counts
from analysis.tablefolder import write_csv

OWN = (
    Endpoint(
        "blur", "How blurred?", "Motion blur", "ordinal", ((0, "none"), (1, "some"), (4, "much")), "high"
    ),
    Endpoint("size", "How large is it?", "Size", "number", unit="cm"),
    Endpoint(
        "usable", "Is it of use?", "Usable", "binary", ((0, "no"), (1, "yes")), less="fewer usable images"
    ),
)
PLAN = Plan(endpoints=OWN, groups=Groups("film", "films", "scan", "scans"))
TABLES = (
    "comparisons",
    "agreement",
    "intra_reader",
    "missing",
    "multiplicity",
    "paper_compatible",
    "endpoints",
)


def ratings(**more: int) -> pd.DataFrame:
    return simulate_study(seed=5, readers=3, cases=60, endpoints=OWN, **more)


@pytest.fixture(scope="module")
def results() -> Results:
    return analyse(ratings(repeats=12), seed=1, draws=99, bootstraps=50, plan=PLAN)


def test_every_table_has_the_questions_and_no_other(results: Results) -> None:
    for table in TABLES:
        names = [row["endpoint"].split("_")[0] for row in getattr(results, table)]
        assert list(dict.fromkeys(names)) == ["blur", "size", "usable"], table
    assert [row["level"] for row in results.answers] == [0, 1, 4, 0, 1, 4, 0, 1, 0, 1]
    assert "agree" not in results.to_json().replace("agreement", "").replace("disagree", "")


def test_sentences_are_made_of_the_words_and_the_groups(results: Results) -> None:
    said = {row["endpoint"]: row["conclusion"] for row in results.multiplicity}
    assert said["blur"].startswith("Films had higher motion blur than scans")
    assert said["size"].startswith("Films had lower size than scans")
    assert said["usable"].startswith("Films had fewer usable images than scans")


def test_a_number_is_compared_by_its_values(results: Results) -> None:
    first = check(ratings(), endpoints=OWN).first
    means = first.groupby("arm")["size"].mean()
    row = results.comparison("size", "difference")
    assert row["estimate"] == pytest.approx(means[1] - means[0])
    assert row["p"] is None
    assert row["ci_low"] < row["estimate"] < row["ci_high"]
    wins = [
        np.mean(
            0.5
            + 0.5
            * np.sign(np.subtract.outer(*(own.loc[own["arm"] == arm, "size"].to_numpy() for arm in (1, 0))))
        )
        for _, own in first.groupby("reader")
    ]
    assert results.comparison("size", "u_centred")["estimate"] == pytest.approx(np.mean(wins))
    assert "no levels" in results.comparison("size", "clmm")["note"]
    notes = {row["statistic"]: row["note"] for row in results.agreement if row["endpoint"] == "size"}
    assert notes["krippendorff_alpha"] == "interval distances"
    assert "no categories" in notes["fleiss_kappa"]


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 6), st.integers(3, 12))
def test_alpha_of_numbers_is_the_one_by_coincidences(seed: int, readers: int, cases: int) -> None:
    rng = np.random.default_rng(seed)
    table = rng.integers(0, 5, (cases, readers)).astype(float)
    table[rng.random(table.shape) < 0.2] = np.nan
    table = table[(~np.isnan(table)).sum(axis=1) > 1]
    levels = np.arange(5.0)
    weights = (
        rng.multinomial(len(table), np.full(len(table), 1 / len(table)), 4).astype(float)
        if len(table)
        else None
    )
    if weights is None:
        return
    single = coincidences(level_counts(table, levels))
    wanted = krippendorff_alpha(np.tensordot(weights, single, axes=1), levels, "interval")
    np.testing.assert_allclose(interval_alpha(table, weights), wanted, atol=1e-9)


@pytest.mark.parametrize(("worse", "worst"), [("low", -2.0), ("high", 9.0)])
def test_a_number_that_could_not_be_told_ranks_beyond_all_or_at_its_limit(worse: str, worst: float) -> None:
    endpoint = replace(OWN[1], worse=worse)
    assert endpoint.worst([8.0, -1.0]) == worst
    assert replace(endpoint, low=-5.0, high=30.0).worst([8.0]) == {"low": -5.0, "high": 30.0}[worse]


def test_the_plan_comes_back_from_results_json(results: Results, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text(results.to_json())
    assert read_settings(path).plan == PLAN


def test_ratings_beside_their_questions_are_analysed_and_without_them_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ratings.csv"
    write_csv(path, ratings())
    with pytest.raises(CommandError, match="missing: agree, quality, difficulty"):
        call_command("analyse_ratings", str(path), "--out", str(tmp_path / "out"))
    (tmp_path / FILE).write_text(endpoints_file(OWN))
    call_command("analyse_ratings", str(path), "--out", str(tmp_path / "out"), "--endpoints", "size")
    assert "size: PIEs had lower size than controls" in capsys.readouterr().out
    stored = read_settings(tmp_path / "out" / "results.json").plan
    assert (stored.endpoints, stored.others) == (OWN[1:2], (OWN[0], OWN[2]))
    with pytest.raises(CommandError, match="expected endpoints of blur, size, usable, got agree"):
        call_command("analyse_ratings", str(path), "--out", str(tmp_path / "no"), "--endpoints", "agree")


def test_an_answer_between_the_levels_is_refused() -> None:
    wrong = ratings().assign(blur=2)
    with pytest.raises(FrameError, match="column 'blur': expected one of 0, 1, 4, got 2"):
        check(wrong, endpoints=OWN)
    check_table(ratings(), ratings_table(OWN))


def test_other_programs_get_the_questions(tmp_path: Path) -> None:
    tidy = ratings()
    tidy["size"] /= 8
    lines = imrmc_list(tidy, endpoints=OWN).splitlines()
    size = tidy.loc[(tidy["reader"] == "R1") & (tidy["case"] == "C001"), "size"].iloc[0]
    assert f"R1,C001,size,{size:.15g}" in lines
    (tmp_path / "R1.csv").write_text(via_csv(tidy, "R1", endpoints=OWN))
    key = tidy.drop_duplicates("case")[["case", "arm"]]
    back = read_via([tmp_path / "R1.csv"], cases="shared", key=key, endpoints=OWN).ratings.set_index("case")
    wanted = tidy[tidy["reader"] == "R1"].set_index("case")
    for endpoint in OWN:
        assert back[endpoint.name].astype(float).to_dict() == wanted[endpoint.name].to_dict()


def test_report_and_figures_call_the_groups_by_their_names(results: Results) -> None:
    figures = report_figures(results)
    html = re.sub(r"base64,[\w+/=]+", "", report_html(results, Background(), figures))
    assert "PIE" not in html
    assert "control" not in html.lower().replace("controls differ", "")
    assert html.count("Films") > 5
    assert "Motion blur" in html
    assert reader_study_report(results).sections


def test_only_numbers_leave_the_figure_of_answers_out() -> None:
    results = analyse(ratings(), seed=1, draws=19, bootstraps=10, plan=Plan(endpoints=OWN[1:2]))
    assert "answers" not in report_figures(results)
    assert "answers" not in {section.anchor for section in reader_study_report(results).sections}


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "at least one"),
        ([{"name": "a"}, {"name": "a"}], "question is missing"),
        ([PAPER[0].as_row(), PAPER[0].as_row()], "its own name"),
        ([PAPER[0].as_row() | {"kind": "choice"}], "expected a kind"),
        ([PAPER[1].as_row() | {"levels": [[2, "a"], [1, "b"]]}], "two rising"),
        ([PAPER[1].as_row() | {"levels": [["x", "a"]]}], "cannot be read"),
        ([PAPER[1].as_row() | {"name": "case"}], "none of arm"),
        ([PAPER[1].as_row() | {"short": 3}], "cannot be read"),
        ([OWN[1].as_row() | {"low": "x"}], "cannot be read"),
        ([PAPER[1].as_row() | {"missing": ["lost"]}], "missing of"),
        ({"name": "a"}, "a list"),
    ],
)
def test_questions_that_cannot_be_are_refused(rows: object, words: str) -> None:
    with pytest.raises(EndpointError, match=words):
        endpoints_from(json.loads(json.dumps(rows)))


@pytest.mark.parametrize("name", sorted(PAPER[1].as_row()))
@pytest.mark.parametrize("junk", [None, [], {}, [[]], [{}], [[1, 2, 3]], [[1e999, "a"]], 3, 1e999, True, "x"])
def test_whatever_a_field_holds_is_read_or_refused(name: str, junk: object) -> None:
    for endpoint in (*PAPER, OWN[1]):
        try:
            found = endpoints_from([endpoint.as_row() | {name: junk}])
        except EndpointError:
            continue
        ratings_table(found)
        assert Plan(endpoints=found).check() is None


def test_a_file_of_questions_that_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / FILE
    for content in (b"", b"\xff", b"[" * 100_000, b"3", b"{}"):
        path.write_bytes(content)
        with pytest.raises(EndpointError, match=FILE):
            read_endpoints(path)
    good = json.loads(endpoints_file(PAPER))
    for wrong in (good | {"format": 2}, good | {"more": 1}, {"questions": good["questions"]}):
        path.write_text(json.dumps(wrong))
        with pytest.raises(EndpointError, match="expected format 1 with questions"):
            read_endpoints(path)
    path.write_text(json.dumps(good))
    assert read_endpoints(path) == PAPER
