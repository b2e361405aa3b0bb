"""Page, report, figures, CSV, JSON and command line say one thing: the plan's level, its correction, its decision."""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from django.core.management import call_command
from django.test import Client
from matplotlib.text import Text

from analysis.endpoints import PAPER
from analysis.printed import p_equals
from analysis.report import Background, fragment, reader_study_report, report_figures
from analysis.report.build import report_html
from analysis.report.comparison import METHODS
from analysis.report.document import Findings
from analysis.stats import Plan, Results, analyse, simulate_study
from analysis.stats.conclusions import DISAGREE
from readerstudy.results.export import export_zip
from readerstudy.study.models import Study
from tests.guards import drop_guards
from tests.results.test_export import recomputed
from tests.stats.reference_data import FOLDER, A
from tests.stock import Stock

BEYOND = re.compile(r"95\s*%|(?<![\d.])5\s*%|(0|\b)\.05, two-sided|alpha\W+0?\.05\b")
"""Words of the usual level, which another plan must not print."""

CLAIM = re.compile(
    r"(PIEs had less agreement with the label than controls|PIEs had lower image quality than controls)(?!, but| \()"
)
"""An effect that is claimed: a direction without a reservation."""


def readings() -> pd.DataFrame:
    """Return ratings with everything that a table can hold: repeats, times, answers that could not be given."""
    tidy = simulate_study(seed=4, readers=4, cases=24, repeats=8)
    unable = (tidy["arm"] == 1) & tidy["position"].mod(3).eq(0)
    tidy.loc[unable, ["quality", "quality_status"]] = [np.nan, "cannot_assess"]
    return tidy


@cache
def results_of(plan: Plan) -> Results:
    tidy = readings()
    cases = tidy.drop_duplicates("case")[["case"]]
    groups = cases.assign(class_group=["head", "head", "tail", "tail"] * (len(cases) // 4), n_findings="1")
    return analyse(tidy, seed=1, draws=99, bootstraps=200, plan=plan, subgroups=groups)


def drawn(results: Results) -> str:
    figures = report_figures(results).values()
    return "\n".join(text.get_text() for figure in figures for text in figure.findobj(Text))  # type: ignore[attr-defined]


def written(html: str) -> str:
    """Return the words of a page."""
    return re.sub(r"<style>.*?</style>|<[^>]*>", " ", html, flags=re.DOTALL).replace(
        "\N{NO-BREAK SPACE}", " "
    )


def outputs(results: Results, folder: Path) -> Iterator[tuple[str, str]]:
    """Yield each way in which results are told, by name, as text."""
    yield "page", written(fragment(reader_study_report(results), lambda picture: picture.text))
    yield "report", written(report_html(results, Background(), report_figures(results)))
    yield "figures", drawn(results)
    results.write(folder / "written")
    for path in (folder / "written").iterdir():
        yield path.name, path.read_text()
    yield "command", said_by_command(folder, folder / "written" / "results.json")


def said_by_command(folder: Path, like: Path) -> str:
    readings().to_csv(folder / "ratings.csv", index=False)
    cases = readings().drop_duplicates("case")[["case"]].assign(class_group="head")
    cases.to_csv(folder / "cases.csv", index=False)
    said = io.StringIO()
    call_command("analyse_ratings", folder / "ratings.csv", out=folder / "again", like=like,
                 subgroups=folder / "cases.csv", stdout=said)  # fmt: skip
    return said.getvalue()


@pytest.mark.parametrize(
    ("alpha", "name", "multiplicity"), [(0.01, "99 % interval", "holm"), (0.1, "90 % interval", "none")]
)
def test_another_level_changes_every_word_of_it(
    tmp_path: Path, alpha: float, name: str, multiplicity: str
) -> None:
    told = dict(outputs(results_of(Plan(alpha=alpha, multiplicity=multiplicity)), tmp_path))
    for where, text in told.items():
        assert not BEYOND.search(text), (where, BEYOND.search(text))
        if multiplicity == "none":
            assert "Holm" not in text, where
    for where in (
        "page",
        "report",
        "figures",
        "results.json",
        "endpoints.csv",
        "multiplicity.csv",
        "command",
    ):
        assert name in told[where], where
        assert ("Holm" in told[where]) is (
            multiplicity == "holm" and where not in {"figures", "endpoints.csv"}
        )
    assert told["page"].count(name) > 10
    assert json.loads(told["results.json"])["study"]["interval_level"] == 1 - alpha


@pytest.mark.django_db
def test_page_and_export_of_a_site_have_the_locked_level(opened: Stock, tmp_path: Path) -> None:
    drop_guards()  # a locked protocol cannot be changed
    protocol = opened.study.protocol | {"alpha": 0.01}
    Study.objects.filter(pk=opened.study.pk).update(protocol=protocol)
    opened.study.refresh_from_db()
    client = Client()
    client.force_login(opened.alice)
    page = written(client.get("/results/chest/").content.decode())
    assert not BEYOND.search(page)
    assert page.count("99 % interval") > 10
    with zipfile.ZipFile(io.BytesIO(export_zip(opened.study))) as archive:
        archive.extractall(tmp_path)
    folder = tmp_path / "chest"
    for path in folder.rglob("*.*"):
        planted = path.name in {"protocol.json", "audit.csv"} or "code" in path.parts
        if not planted and path.suffix in {".csv", ".json", ".html", ".txt"}:
            words = written(path.read_text()) if path.suffix == ".html" else path.read_text()
            assert not BEYOND.search(words), (path, BEYOND.search(words))
    assert "99 % interval" in (folder / "tables" / "multiplicity.csv").read_text()
    assert recomputed(folder).returncode == 0


def intervals(results: Results) -> dict[tuple[object, ...], tuple[float, float]]:
    """Return every interval of every table by what it is of."""
    found = {}
    for table, frame in results.frames().items():
        for row in frame.to_dict("records"):
            for low in (name for name in row if name.endswith("_low")):
                high = low.removesuffix("_low") + "_high"
                if isinstance(row[low], float) and isinstance(row[high], float):
                    of = (
                        "endpoint",
                        "method",
                        "measure",
                        "statistic",
                        "scope",
                        "reader",
                        "grouping",
                        "group",
                    )
                    found[(table, low, *(row.get(name) for name in of))] = (row[low], row[high])
    return found


def test_every_interval_of_every_table_follows_the_level() -> None:
    narrow, wide = intervals(results_of(Plan())), intervals(results_of(Plan(alpha=0.01)))
    assert narrow.keys() == wide.keys()
    assert {key[0] for key in wide} == {
        "comparisons", "agreement", "intra_reader", "reading_time", "order", "subgroups",
    }  # fmt: skip
    assert len(wide) > 100
    same = set()
    for key, (low, high) in wide.items():
        assert low <= narrow[key][0] <= narrow[key][1] <= high, key
        most = 0.5 if "reader_spread" in key else 1.0  # no standard deviation of shares is larger
        if low == narrow[key][0] not in {0.0, -1.0} or high == narrow[key][1] != most:
            same.add(key)
    # Few samples of the bootstrap, and coefficients of few values, may share a percentile.
    assert {key[0] for key in same} <= {"agreement"}
    assert len(same) < 0.3 * sum(key[0] == "agreement" for key in wide)


def test_a_study_locked_with_the_first_analysis_keeps_its_intervals_and_says_so() -> None:
    first = results_of(Plan(alpha=0.01, version=1))
    assert intervals(first) == intervals(results_of(Plan(version=2)))
    page = written(fragment(reader_study_report(first), lambda picture: picture.text))
    for told in (page, drawn(first), first.to_json()):
        assert "95 % interval" in told
        assert "99 %" not in told


def test_what_holm_takes_back_is_claimed_nowhere(tmp_path: Path) -> None:
    said = io.StringIO()
    call_command("analyse_ratings", FOLDER / f"{A}.csv", out=tmp_path / "out", stdout=said)
    stored = json.loads((tmp_path / "out" / "results.json").read_text())
    decided = {row["endpoint"]: row for row in stored["multiplicity"]}
    assert decided["agree"]["p"] < 0.05 <= decided["agree"]["p_adjusted"]  # or this test shows nothing
    assert decided["quality"]["p_adjusted"] < 0.05
    told = {path.name: path.read_text() for path in (tmp_path / "out").glob("*.*")} | {
        "command": said.getvalue()
    }
    claims = {where: {found[0] for found in CLAIM.finditer(text)} for where, text in told.items()}
    lower = {"PIEs had lower image quality than controls"}
    assert (
        claims["results.json"]
        == claims["report.html"]
        == claims["command"]
        == claims["multiplicity.csv"]
        == lower
    )
    assert all(found <= lower for found in claims.values())
    reserved = (
        "but with Holm's correction for the questions asked, chance could explain it "
        f"({p_equals(decided['agree']['p_adjusted'], 'adjusted p')}); the interval is that of this question alone"
    )
    for where in ("results.json", "comparisons.csv", "multiplicity.csv", "command"):
        assert reserved in told[where], where
    assert reserved.replace("'", "&#x27;") in told["report.html"]


@pytest.mark.parametrize(("primary", "version"), [("u_centred", 4), ("theta_set", 4), ("pairs", 3)])
@pytest.mark.parametrize("alpha", [0.001, 0.02, 0.1])
def test_only_the_primary_comparison_claims_and_only_below_the_adjusted_level(
    alpha: float, primary: str, version: int
) -> None:
    from tests.stats.reference_data import ratings

    plan = Plan(alpha=alpha, primary=primary, version=version)
    results = analyse(ratings(A), seed=1, draws=99, bootstraps=20, plan=plan)
    decided = {row["endpoint"]: row["p_adjusted"] < alpha for row in results.multiplicity}
    for row in (*results.comparisons, *results.subgroups):
        if row["direction"]:
            claims = ", but" not in row["direction"] and " (" not in row["direction"]
            assert claims == (row["method"] == primary and decided.get(row["endpoint"], False)), row


def test_with_pairs_primary_the_interval_shown_beside_p_is_theirs() -> None:
    results = results_of(Plan(primary="pairs", version=3))
    row = results.comparison("quality", "pairs")
    assert row["ci_low"] is not None
    primary = next(s for s in reader_study_report(results).sections if s.anchor == "primary")
    finding = next(block for block in primary.blocks if isinstance(block, Findings)).items[1]
    facts = dict(finding.facts)
    theta = results.comparison("quality", "u_centred")["estimate"]
    assert facts["θ (95 % interval)"] == f"{theta:.2f}"
    shown = facts["Difference, PIE − control"].replace(" ", " ").replace("−", "-")
    assert shown == f"{row['estimate']:.2f} points ({row['ci_low']:.2f} to {row['ci_high']:.2f})"


def test_an_interval_that_contradicts_its_test_is_named_once_in_every_sentence(tmp_path: Path) -> None:
    for seed in range(60):
        results = analyse(
            simulate_study(seed=seed, readers=3, cases=12), seed=1, draws=9, bootstraps=9,
            plan=Plan(endpoints=PAPER[1:2], version=2),
        )  # fmt: skip
        if DISAGREE in results.comparison("quality", "u_centred")["note"]:
            break
    else:
        raise AssertionError("no study in which test and interval disagree was found")
    assert results.multiplicity[0]["conclusion"].endswith(f"; {DISAGREE}")
    document = reader_study_report(results)
    summary, primary = (
        next(s for s in document.sections if s.anchor == name) for name in ("summary", "primary")
    )
    assert str(summary).count(DISAGREE) == 1
    grids = next(section for section in document.sections if section.anchor == "sensitivity")
    noted = [row for row in results.comparisons if DISAGREE in row["note"] and row["method"] in METHODS]
    assert str(grids).count(DISAGREE) == len(noted) > 0
    (finding,) = next(block for block in primary.blocks if isinstance(block, Findings)).items
    assert finding.sentence.endswith(f"; {DISAGREE}.")
    assert DISAGREE not in finding.note


@pytest.mark.parametrize("alpha", [0.001, 0.2])
def test_the_warning_of_missing_answers_follows_the_level(alpha: float) -> None:
    tidy = simulate_study(seed=2, readers=4, cases=40)
    gone = (tidy["arm"] == 1) & tidy["position"].mod(9).eq(0)
    tidy.loc[gone, ["quality", "quality_status"]] = [np.nan, "cannot_assess"]
    results = analyse(tidy, seed=1, draws=199, bootstraps=9, plan=Plan(alpha=alpha))
    (row,) = (row for row in results.missing if row["endpoint"] == "quality" and row["reader"] is None)
    assert 0.001 < row["p"] < 0.2
    assert ("WARNING" in row["note"]) is (row["p"] < alpha)


def test_a_subgroup_and_a_sensitivity_analysis_that_contradict_themselves_say_so() -> None:
    results = results_of(Plan())
    row = results.comparison("quality_worst_rank", "u_centred") | {"note": f"a; {DISAGREE}"}
    group = next(row for row in results.subgroups if row["p"] is not None)
    changed = replace(
        results,
        comparisons=[
            row if each["endpoint"] == "quality_worst_rank" else each for each in results.comparisons
        ],
        subgroups=[each | {"note": DISAGREE} if each is group else each for each in results.subgroups],
    )
    told = {section.anchor: str(section) for section in reader_study_report(changed).sections}
    assert told["sensitivity"].count(f"{row['direction']}; {DISAGREE}") == 1
    assert told["subgroups"].count(DISAGREE) == 1
