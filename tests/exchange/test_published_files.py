"""Six files of the published layout in, one answer out: beside Kruskal-Wallis, with why they differ."""

import json
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from django.core.management import CommandError, call_command
from scipy import stats

from analysis.stats import analyse, read_ratings, simulate_study
from analysis.stats.paper import explained
from tests.exchange.test_via import HEADER

QUESTIONS = {
    "agree": "Do you fully agree with the label?",
    "quality": "How would you rate the image quality?",
    "difficulty": "How difficult would you consider it to properly diagnose this image?",
}


def published(folder: Path, *, own_cases: bool) -> tuple[list[Path], pd.DataFrame]:
    """Six files of 40 rows as VIA writes them, the first 20 names in their order the exemplars; and what they hold."""
    tidy = simulate_study(seed=11, readers=6, cases=40, design="nested" if own_cases else "crossed")
    rng, files = np.random.default_rng(4), []
    for k, (_, own) in enumerate(tidy.groupby("reader"), 1):
        ranked = own.sort_values(["arm", "case"], ascending=[False, True])
        lines = []
        for n, row in enumerate(ranked.itertuples()):
            words = {"agree": "yes" if row.agree else "no", "quality": f"{row.quality:.0f}",
                     "difficulty": f"{row.difficulty:.0f}"}  # fmt: skip
            cell = json.dumps({QUESTIONS[name]: word for name, word in words.items()}).replace('"', '""')
            lines.append(f'{n:08d}_000.png,-1,"{cell}",0,0,"{{}}","{{}}"')
        rng.shuffle(lines)
        lines.append(lines[0])  # a row that comes again, as one of the published files has
        files.append(folder / f"v{k}.csv")
        files[-1].write_text("\n".join([HEADER, *lines]) + "\n", encoding="utf-8")
        tidy.loc[own.index, "reader"] = f"v{k}"
        assert len(lines) == 41
    return files, tidy


@pytest.mark.parametrize("cases", ["shared", "own"])
def test_one_command_gives_the_answer_beside_kruskal_wallis_and_says_why_they_differ(tmp_path, cases):
    files, tidy = published(tmp_path, own_cases=cases == "own")
    out = StringIO()
    call_command(
        "import_via", *files, out=tmp_path / "ratings.csv", cases=cases, first_exemplars=20, paper=True,
        results=tmp_path / "results", stdout=out, stderr=StringIO(),
    )  # fmt: skip
    said = out.getvalue().splitlines()
    assert said[0].startswith(
        f"6 readers, {240 if cases == 'own' else 40} cases, 240 readings; repeated rows: 6,"
    )
    wanted = analyse(tidy, seed=1)
    results = json.loads((tmp_path / "results" / "results.json").read_text())
    for question in QUESTIONS:
        row, other = (
            next(r for r in table if (r["endpoint"], r["method"]) == (question, "u_centred"))
            for table in (results["comparisons"], wanted.comparisons)
        )
        assert [row[k] for k in ("estimate", "variance", "p")] == pytest.approx(
            [other[k] for k in ("estimate", "variance", "p")]
        )
        pooled = [tidy.loc[tidy["arm"] == arm, question] for arm in (1, 0)]
        p = stats.kruskal(*pooled).pvalue
        printed = "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
        assert f"{question}: Kruskal-Wallis of all ratings pooled: {printed}" in said
    sentences = said[-3:]
    per_image = "1.0" if cases == "own" else "6.0"
    assert sentences[0] == (
        "Kruskal-Wallis takes the 240 ratings as if each had a reader and an image of its own; they are 6 readers' "
        f"ratings of {240 if cases == 'own' else 40} images, {per_image} per image and 40.0 per reader on average."
    )
    report = (tmp_path / "results" / "report.html").read_text(encoding="utf-8")
    assert "as if each had a reader and an image of its own" in report


def test_the_variance_told_is_how_many_times_the_pooled_one():
    results = analyse(simulate_study(seed=11, readers=6, cases=40), seed=1, draws=19, bootstraps=5)
    _, second, third = explained(results)
    row = results.comparison("quality", "u_centred")
    first = read_first()
    pie, control = (first.loc[first["arm"] == arm, "quality"] for arm in (1, 0))
    n1, n0 = len(pie), len(control)
    ties = pd.concat([pie, control]).value_counts()
    n = n1 + n0
    pooled = ((n + 1) - (ties**3 - ties).sum() / (n * (n - 1))) / (12 * n1 * n0)
    assert f"{row['variance'] / pooled:.1f} (Image quality)" in second
    assert second.endswith("times what pooling takes it for, so the pooled p-values are too small.")
    assert third.endswith(
        "the comparison with readers and images random decides, as it alone speaks of other readers and other images."
    )


def read_first() -> pd.DataFrame:
    return simulate_study(seed=11, readers=6, cases=40)


def test_a_used_folder_is_refused_before_anything_is_written(tmp_path):
    files, _ = published(tmp_path, own_cases=False)
    used = tmp_path / "results"
    used.mkdir()
    (used / "kept").touch()
    with pytest.raises(CommandError, match="results"):
        call_command(
            "import_via",
            *files,
            out=tmp_path / "ratings.csv",
            cases="shared",
            first_exemplars=20,
            results=used,
        )
    assert not (tmp_path / "ratings.csv").exists()
    assert [path.name for path in used.iterdir()] == ["kept"]


def test_answers_where_the_two_part_are_named():
    table = read_ratings(Path(__file__).parents[1] / "stats" / "reference" / "A_crossed_6x40_repeats.csv")
    results = analyse(table, seed=1, draws=19, bootstraps=5)
    assert (
        "the two part on Difficulty (p < 0.001 and p = 0.058: only Kruskal-Wallis finds a difference); "
        in explained(results)[2]
    )
    alike = analyse(
        read_first().assign(quality=3.0, quality_status="answered"), seed=1, draws=19, bootstraps=5
    )
    assert "Image quality" not in explained(alike)[1]
    third = explained(alike)[2]
    assert "say the same of every question" not in third
    assert (
        "; Image quality (no p and no p) cannot be judged, for not both have a p-value; the compar" in third
    )
    one_reader = read_first().query("reader == 'R1'")
    alone = explained(analyse(one_reader, seed=1, draws=19, bootstraps=5))[2]
    assert "finds a difference" not in alone
    assert "decides" not in alone
    constant = {name: 3.0 for name in ("quality", "difficulty")} | {"agree": 1.0}
    status = {f"{name}_status": "answered" for name in constant}
    nothing = explained(analyse(read_first().assign(**constant, **status), seed=1, draws=19, bootstraps=5))[2]
    assert nothing.endswith("cannot be judged, for not both have a p-value.")
    assert "decides" not in nothing
