"""Results: one entry point, folders written whole, nothing a parser or a spreadsheet would choke on."""

import csv
import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.endpoints import PAPER
from analysis.stats import Plan, Settings, StatsError, analyse, analyse_file, check, simulate_study
from analysis.stats.conclusions import direction
from analysis.stats.grid import make_grid
from analysis.stats.primary import DISAGREE, compare_u
from analysis.stats.results import TABLES
from analysis.stats.rows import Comparison
from tests.stats.reference_data import FOLDER, QUESTIONS, A, load, ratings


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def results():
    return analyse(ratings(A), seed=1)


@pytest.fixture(scope="module")
def before():
    """The same study, locked with the second version of the analysis."""
    return analyse(ratings(A), seed=1, draws=99, bootstraps=20, plan=Plan(version=2))


def test_primary_p_and_interval_are_on_the_arcsine_scale(results, before):
    for question in QUESTIONS:
        row, old = results.comparison(question, "u_centred"), before.comparison(question, "u_centred")
        # Crossed and complete: readers weigh alike in both; only the scale of test and interval is new.
        same = ("estimate", "variance", "df", "ci_plain_low", "ci_plain_high")
        assert [row[name] for name in same] == pytest.approx([old[name] for name in same])
        theta, df = row["estimate"], row["df"]
        error = row["se"] / (2 * np.sqrt(theta * (1 - theta)))
        place = np.arcsin(np.sqrt(theta))
        assert row["p"] == pytest.approx(2 * stats.t.sf(abs(place - np.pi / 4) / error, df))
        half = stats.t.ppf(0.975, df) * error
        limits = (np.sin(place - half) ** 2, np.sin(place + half) ** 2)
        assert (row["ci_low"], row["ci_high"]) == pytest.approx(limits)
        assert row["effective_readers"] == pytest.approx(row["readers"])


def test_primary_p_and_logit_interval_of_a_study_locked_before(before):
    for question in QUESTIONS:
        row, results = before.comparison(question, "u_centred"), before
        wanted = load("centred_kernel")[A][question]["auc"]
        assert row["p"] == pytest.approx(wanted["p"], rel=1e-9)
        center = np.log(row["estimate"] / (1 - row["estimate"]))
        low, high = (np.log(row[k] / (1 - row[k])) for k in ("ci_low", "ci_high"))
        assert (low + high) / 2 == pytest.approx(center)
        assert row["cliffs_delta"] == pytest.approx(2 * row["estimate"] - 1)
        plain = load("summary")[A][question]["iMRMC"]
        imrmc = results.comparison(question, "u_imrmc")
        assert imrmc["p"] == pytest.approx(plain["pValueBDG"], rel=1e-9)
        assert imrmc["ci_low"] == pytest.approx(plain["botCIBDG"], rel=1e-9)


def test_risk_difference_takes_its_interval_from_theta(results, before):
    for found in (results, before):
        theta, risk = (found.comparison("agree", method) for method in ("u_centred", "difference"))
        assert risk["estimate"] == pytest.approx(2 * theta["estimate"] - 1)
        assert (risk["ci_low"], risk["ci_high"]) == pytest.approx(
            (2 * theta["ci_low"] - 1, 2 * theta["ci_high"] - 1)
        )
    assert risk["p"] == pytest.approx(theta["p"])


def test_a_row_in_natural_units_has_no_p_of_its_own(results):
    for question in QUESTIONS:
        row = results.comparison(question, "difference")
        assert (row["p"], row["p_from"]) == (None, None)
        assert row["ci_low"] < row["estimate"] < row["ci_high"]


def test_direction_is_in_words(results):
    words = {q: results.comparison(q, "u_centred")["direction"] for q in QUESTIONS}
    assert words["quality"] == "PIEs had lower image quality than controls"
    assert words["agree"].startswith(
        "PIEs had less agreement with the label than controls, but with Holm's correction"
    )
    assert words["difficulty"].startswith(
        "PIEs had higher difficulty than controls, but chance could explain it"
    )


@pytest.mark.parametrize("p", [1.0, None])
def test_a_balanced_answer_is_never_told_as_no_difference(p):
    """An estimate of exactly one half is what these readers gave; it proves nothing of others."""
    row = Comparison("quality", "u_centred", estimate=0.5, p=p)
    words = direction(row, PAPER[1], Plan())
    assert words.startswith("The answers to PIEs and to controls were balanced")
    assert words.endswith("which does not show that there is no difference" if p else "can be given)")


def test_holm_is_over_the_three_primary_p_values(results):
    rows = {r["endpoint"]: r for r in results.multiplicity}
    quality = results.comparison("quality", "u_centred")["p"]
    assert rows["quality"]["p_adjusted"] == pytest.approx(3 * quality)
    assert rows["difficulty"]["p_adjusted"] >= rows["agree"]["p_adjusted"]


def test_the_same_seed_gives_the_same_bytes_and_row_order_does_not_matter(results):
    shuffled = ratings(A).sample(frac=1, random_state=1)
    assert analyse(shuffled, seed=1).to_json() == results.to_json()


def test_renaming_readers_changes_no_number(results):
    renamed = ratings(A)
    renamed["reader"] = renamed["reader"].replace({"R1": "Zoe", "R4": "Ann"})
    again = analyse(renamed, seed=1)
    for question in QUESTIONS:
        for method in ("u_centred", "or_jackknife", "permutation"):
            first, second = results.comparison(question, method), again.comparison(question, method)
            assert second["p"] == pytest.approx(first["p"])


def test_a_nan_in_a_table_is_an_error_not_a_file(results):
    results.missing[0]["p"], kept = float("nan"), results.missing[0]["p"]
    with pytest.raises(ValueError, match="JSON compliant"):
        results.to_json()
    results.missing[0]["p"] = kept


def test_folder_holds_the_json_and_one_csv_per_table(tmp_path):
    out = tmp_path / "out"
    results = analyse_file(FOLDER / f"{A}.csv", out, settings=Settings(seed=1))
    assert {p.name for p in out.iterdir()} == {"results.json", *(f"{name}.csv" for name in TABLES)}
    stored = json.loads((out / "results.json").read_text())
    assert stored["comparisons"] == results.comparisons
    assert {"agreement", "intra_reader", "missing", "reading_time", "multiplicity"} <= set(stored)
    table = pd.read_csv(out / "comparisons.csv")
    got = table[(table.endpoint == "quality") & (table.method == "u_centred")]["variance"].item()
    assert got == results.comparison("quality", "u_centred")["variance"]


def test_a_used_folder_is_refused_and_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(StatsError, match="expected a new or empty folder"):
        analyse_file(FOLDER / f"{A}.csv", tmp_path, settings=Settings(seed=1))
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_a_failure_half_way_leaves_nothing(tmp_path):
    def fail(results, folder):
        (folder / "figure.svg").write_text("half")
        raise RuntimeError("the pen broke")

    with pytest.raises(RuntimeError, match="pen"):
        analyse_file(FOLDER / f"{A}.csv", tmp_path / "out", settings=Settings(seed=1), also=fail)
    assert list(tmp_path.iterdir()) == []


def test_simulated_ratings_say_so_everywhere(tmp_path):
    tidy = simulate_study(seed=4, readers=3, cases=12)
    tidy.to_csv(tmp_path / "ratings.csv", index=False)
    analyse_file(tmp_path / "ratings.csv", tmp_path / "out", settings=Settings(seed=1, simulated=True))
    stored = json.loads((tmp_path / "out" / "results.json").read_text())
    assert stored["simulated"] is True
    assert stored["warning"].startswith("SIMULATED")
    for name in ("comparisons", "missing", "paper_compatible"):
        rows = rows_of(tmp_path / "out" / f"{name}.csv")
        assert {row["simulated"] for row in rows} == {"1"}


def test_a_reader_name_that_looks_like_a_formula_is_quoted_in_csv(tmp_path):
    tidy = simulate_study(seed=4, readers=["=1+1", "Ann", "Bob"], cases=12)
    tidy.to_csv(tmp_path / "ratings.csv", index=False)
    analyse_file(tmp_path / "ratings.csv", tmp_path / "out", settings=Settings(seed=1))
    rows = rows_of(tmp_path / "out" / "comparisons.csv")
    assert "'=1+1" in {row["reader"] for row in rows}
    assert "-" in {row["cliffs_delta"][:1] for row in rows}


@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.2])
def test_an_interval_leaves_out_no_difference_exactly_where_its_own_p_is_below_the_level(alpha):
    """Every row with both, of small studies, where the scales of version 2 parted ways."""
    told = {True: 0, False: 0}
    for seed in range(12):
        tidy = simulate_study(seed=seed, readers=3, cases=12, missing=0.1 * (seed % 3))
        found = analyse(tidy, seed=1, draws=9, bootstraps=5, plan=Plan(alpha=alpha, multiplicity="none"))
        nulls = {"theta": 0.5, "difference": 0.0, "log_odds_ratio": 0.0}
        rows = [(row, nulls[row["scale"]]) for row in found.comparisons if row["scale"] in nulls]
        rows += [(row, 0.5 if row["method"] == "u_centred" else 1.0) for row in found.reading_time]
        for row, null in rows:
            if row["p"] is not None and row["ci_low"] is not None:
                inside = row["ci_low"] <= null <= row["ci_high"]
                assert inside == (row["p"] >= alpha), row
                told[inside] += 1
            assert DISAGREE not in row["note"]
    assert min(told.values()) > 10


def test_up_to_version_2_a_test_and_an_interval_that_disagree_are_noted():
    """Look through simulated studies for one where the logit interval and the t-test part ways."""
    found = []
    for seed in range(40):
        first = check(simulate_study(seed=seed, readers=3, cases=12)).first
        for endpoint in PAPER:
            row = compare_u(make_grid(first, endpoint.name), endpoint, seed=1, draws=1, plan=Plan(version=2))[
                0
            ]
            if row.ci_low is not None:
                covers = row.ci_low <= 0.5 <= row.ci_high
                found.append((DISAGREE in row.note, (row.p < 0.05) == covers))
    assert all(noted == parted for noted, parted in found)
    assert any(noted for noted, _ in found)
