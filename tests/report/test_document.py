"""The report says what the results hold, also where nothing can be estimated."""

import re
from dataclasses import replace
from functools import cache

import pandas as pd
import pytest
from matplotlib.text import Text as Drawn

from analysis.endpoints import Endpoint, Groups
from analysis.figures.described import Described
from analysis.printed import interval, listed, number, p_value
from analysis.report import Background, ReaderCourse, reader_study_report, report_figures
from analysis.report.document import Findings, Grid, Named, Picture, Points, Text
from analysis.report.flow import flow
from analysis.report.reliability import described_section
from analysis.stats import Plan, analyse, simulate_study
from tests.stats.reference_data import A, B, C, analysed, ratings


def sections(results, background=Background()):  # noqa: B008
    return {s.anchor: s for s in reader_study_report(results, background).sections}


def words(section):
    found = []
    for block in section.blocks:
        if isinstance(block, Text | Picture):
            found.append(block.text)
        elif isinstance(block, Points):
            found += block.items
        elif isinstance(block, Named):
            found += [f"{name}: {value}" for name, value in block.rows]
        elif isinstance(block, Findings):
            for item in block.items:
                found += [item.title, item.sentence, item.note, *(f"{n}: {v}" for n, v in item.facts)]
        elif isinstance(block, Grid):
            found += [block.caption, " | ".join(block.columns), *(" | ".join(row) for row in block.rows)]
    return "\n".join(found).replace("\N{NO-BREAK SPACE}", " ")


def test_primary_results_are_in_words_with_their_direction():
    text = words(sections(analysed(A))["primary"])
    assert (
        "PIEs had lower image quality than controls: of 100 pairs of a PIE and a control, the PIE got the higher"
        in text
    )
    assert "PIEs had less agreement with the label than controls" in text
    assert "“yes” was 21 percentage points less frequent" in text
    row = analysed(A).comparison("quality", "u_centred")
    assert f"{row['estimate']:.3f} ({row['ci_low']:.3f} to {row['ci_high']:.3f})" in text


def test_a_result_that_holms_correction_takes_back_says_so():
    holm = {r["endpoint"]: r for r in analysed(A).multiplicity}
    assert holm["agree"]["p"] < 0.05 <= holm["agree"]["p_adjusted"]  # or this test shows nothing
    text = words(sections(analysed(A))["primary"])
    said = f"questions asked, chance could explain it (adjusted p = {p_value(holm['agree']['p_adjusted'])})"
    assert text.count(said) == 1


def test_the_summary_has_every_effect_with_its_interval_and_a_direction_only_where_the_declared_test_says_so():
    adjusted = {r["title"]: r for r in analysed(A).multiplicity}
    points = next(b for b in sections(analysed(A))["summary"].blocks if isinstance(b, Points)).items
    decided = {title for title, row in adjusted.items() if row["p_adjusted"] < 0.05}
    assert 0 < len(decided) < 3  # or this test shows nothing
    for title, point in zip(adjusted, points, strict=True):
        row = analysed(A).comparison(adjusted[title]["endpoint"], "u_centred")
        assert f"θ {row['estimate']:.3f}, 95 % interval {interval(row['ci_low'], row['ci_high'])}" in point
        assert re.search(r"p \(Holm\) [=<].*; difference −?[\d.]+ (percentage )?points \(", point)
        told = "is not decided" in point
        assert told == (title not in decided)
        assert told != bool(re.search(r"PIEs had|of 100 pairs|frequent", point))
    assert "not decided: with Holm's correction for the questions asked" in points[0]


def test_deviations_are_those_that_the_site_recorded_and_none_is_told_of_a_ratings_file():
    readers = (
        ReaderCourse("R1", 24, 24), ReaderCourse("R2", 24, 9, withdrawn="2026-03-01, illness"),
        ReaderCourse("R3", 24, 24, replaces="R2"),
    )  # fmt: skip
    own = ("Software", "version 1", "version 2")
    (told, grid) = sections(simulated(), replace(LOCKED, readers=readers, deviations=(own,)))[
        "deviations"
    ].blocks
    assert grid.rows == (
        own, ("Reader R2", "24 first readings", "9 read; withdrew 2026-03-01, illness; replaced"),
    )  # fmt: skip
    (text,) = sections(simulated(), replace(LOCKED, readers=readers[:1]))["deviations"].blocks
    assert text.text == f"None. {told.text}"
    assert "deviations" not in sections(simulated())
    declared = sections(analysed("G_degenerate_one_reader"), LOCKED)["deviations"].blocks[1]
    assert all(what.count("no verdict") == 1 for *_, what in declared.rows)
    assert len(declared.rows) == 3


def test_every_method_stands_among_the_sensitivity_analyses_with_what_it_holds_for():
    section = sections(analysed(A))["sensitivity"]
    for grid in (block for block in section.blocks if isinstance(block, Grid)):
        assert len(grid.rows) == 12
        assert sum("(primary)" in row[0] for row in grid.rows) == 1
        assert all(row[4] for row in grid.rows)


def test_pairs_declared_primary_are_marked_and_decide():
    results = analyse(ratings(A), seed=1, bootstraps=20, draws=99, plan=Plan(primary="pairs", version=3))
    found = sections(results)
    assert "Matched pairs, readers x pairs (primary)" in words(found["sensitivity"])
    adjusted = {r["endpoint"]: r for r in results.multiplicity}
    for name in adjusted:
        assert adjusted[name]["p"] == results.comparison(name, "pairs")["p"]
    assert f"p: {p_value(adjusted['quality']['p'])}" in words(found["primary"])
    assert "PIEs had lower image quality than controls" in results.comparison("quality", "pairs")["direction"]


@pytest.mark.parametrize("name", [A, B, C, "G_degenerate_all_identical", "G_degenerate_perfect_separation",
                                  "G_degenerate_one_reader", "G_degenerate_reader_missing_one_arm",
                                  "G_degenerate_one_constant_reader"])  # fmt: skip
def test_no_study_prints_nan_none_or_an_empty_sentence(name):
    for section in sections(analysed(name)).values():
        text = words(section)
        assert not re.search(r"\bnan\b|\bNone\b|\binf\b", text), section.anchor
        assert text.strip()


def test_what_cannot_be_estimated_is_said():
    identical = sections(analysed("G_degenerate_all_identical"))
    assert "no variation" in words(identical["primary"])
    assert "p: –" in words(identical["primary"])
    one = words(sections(analysed("G_degenerate_one_reader"))["primary"])
    assert "nothing can be said about other readers" in one
    nested = words(sections(analysed(B))["agreement"])
    assert "not estimable: no case was answered by two readers" in nested


@pytest.mark.parametrize(
    ("left", "why"),
    [
        (1, "only one PIE case was answered, and two are needed"),
        (0, "no PIE case was answered, and two are needed"),
    ],
)
def test_a_question_that_cannot_be_compared_says_so_in_one_sentence(left, why):
    table = ratings(A)
    pies = table.loc[table["arm"] == "1", "case"].unique()[left:]
    assert len(pies) > 1
    lost = table["case"].isin(pies)
    table.loc[lost, "difficulty"] = None
    table["difficulty_status"] = "answered"
    table.loc[lost, "difficulty_status"] = "cannot_assess"
    found = sections(analyse(table, seed=1, bootstraps=20, draws=99))
    said = next(block for block in found["summary"].blocks if isinstance(block, Points)).items
    assert f"Difficulty. Not comparable: {why}." in said
    finding = next(block for block in found["primary"].blocks if isinstance(block, Findings)).items[2]
    assert (finding.sentence, finding.note) == (f"Not comparable: {why}.", "")
    assert "difficulty: expected" not in "\n".join(map(words, found.values()))


def test_paper_section_shows_both_p_values_and_why_they_differ():
    text = words(sections(analysed(A))["published"])
    primary = analysed(A).comparison("difficulty", "u_centred")
    assert text.count(p_value(primary["p"])) >= 1
    assert "Kruskal-Wallis takes the 240 ratings as if each had a reader and an image of its own" in text
    assert "ignores reader and case correlation" in text.lower()


def test_flow_counts_add_up():
    drawn = flow(analysed(C), Background())
    for arm in drawn.arms:
        planned = int(arm[1].split("\n")[1])
        lost = [int(n) for n in re.findall(r": (\d+)", arm[2])]
        kept = [int(n) for n in re.findall(r": (\d+)", arm[3])]
        assert [a + b for a, b in zip(lost, kept, strict=True)] == [planned] * 3
    assert drawn.readers[0] == "Readers in the file\n6"


def test_nothing_is_called_planned_where_nobody_told_a_plan():
    told = {anchor: words(section) for anchor, section in sections(analysed(A)).items()}
    assert "First readings in the file" in str(flow(analysed(A), Background()))
    assert "no plan is known" in told["flow"]
    assert "In the file" in told["missing"]
    for name in ("flow", "missing"):
        assert not re.search(r"\b(Planned|planned|enrolled)\b", told[name]), name
    known = sections(analysed(A), Background(readers=(ReaderCourse("R01", 40, 40),)))
    assert "Planned" in words(known["flow"])
    assert "Planned" in words(known["missing"])


def test_withdrawn_and_replaced_readers_are_both_shown():
    readers = (
        ReaderCourse("R01", 40, 40),
        ReaderCourse("R02", 40, 12, withdrawn="2026-03-01, illness"),
        ReaderCourse("R07", 40, 40, replaces="R02"),
        ReaderCourse("R08", 40, 0),
    )
    background = Background(readers=readers)
    drawn = flow(analysed(A), background)
    assert drawn.readers[:3] == ("Readers enrolled\n4", "Read at least one case\n3", "Finished\n2")
    assert drawn.readers_lost[0].split("\n") == [
        "R02 withdrew: 2026-03-01, illness", "R07 replaced R02", "R08 read nothing",
    ]  # fmt: skip
    assert drawn.readers_lost[1] == "R02: 12 of 40"
    assert "R02 | 40 | 12 | withdrew: 2026-03-01, illness" in words(sections(analysed(A), background)["flow"])


def test_protocol_and_origin_are_printed():
    background = Background(
        title="Films", questions=(("Do you agree?", "yes, no"),), protocol=(("Window", "full"),),
        course=(("Locked", "2026-01-02"),), origin=(("Key", "ab" * 32),), codes=frozenset({"Key"}),
        estimand="PIEs as found.", remarks=("An admin had seen the sweep.",), synthetic_images=True,
    )  # fmt: skip
    document = reader_study_report(analysed(A), background)
    found = {s.anchor: words(s) for s in document.sections}
    assert document.title == "Films"
    assert any("SYNTHETIC" in warning for warning in document.warnings)
    assert "Do you agree?: yes, no" in found["protocol"]
    assert "Locked: 2026-01-02" in found["protocol"]
    assert f"Key: {'ab' * 32}" in found["methods"]
    assert {"What was compared: PIEs as found.", "An admin had seen the sweep."} <= set(
        found["summary"].split("\n")
    )


@cache
def simulated():
    study = simulate_study(seed=4, readers=4, cases=24, repeats=8)
    study.loc[study.index[:6], ["quality_status", "quality"]] = ["cannot_assess", None]
    cases = study.drop_duplicates("case")[["case"]].assign(
        class_group=lambda f: ["head", "head", "tail", "tail"] * (len(f) // 4), n_findings="1"
    )
    return analyse(study, seed=1, draws=99, bootstraps=50, simulated=True, subgroups=cases)


def test_simulated_repeats_subgroups_and_cannot_assess_are_there():
    document = reader_study_report(simulated())
    found = {s.anchor: words(s) for s in document.sections}
    assert any(warning.startswith("SIMULATED") for warning in document.warnings)
    assert "Agreement within readers" in found["agreement"]
    assert "Image quality: share that could not be assessed" in found["sensitivity"]
    assert "Frequency of the rarest finding" in found["subgroups"]
    assert "Explorative: the p-values are not adjusted" in found["subgroups"]
    assert "subgroups" not in sections(analysed(A))


def checklists(results, background=Background()):  # noqa: B008
    _, *grids = sections(results, background)["checklists"].blocks
    return [[dict(zip(grid.columns, row, strict=True)) for row in grid.rows] for grid in grids]


def test_checklists_are_whole_and_name_sections_that_exist():
    titles = {section.title for section in reader_study_report(simulated()).sections}
    grras, claim = checklists(simulated(), LOCKED)
    assert [len(grras), len(claim)] == [15, 44]
    beginnings = (*titles, "For the authors", "for the authors", "Export", "Sweep", "Not applicable",
                  "docs/blinding", "numbers:", "number", "reasons:", "images:", "balance:", "registration")  # fmt: skip
    for row in (*grras, *claim):
        for part in row["Where"].split("; "):
            assert part.startswith(beginnings), row


LOCK = (("Protocol locked", "2026-03-01 10:00 UTC"),)
LOCKED = Background(
    protocol=(("Planned readers", "4"), ("Hidden repeats", "none")), origin=(("Protocol", "ab" * 32),), locked=True,
    estimand="PIEs as found.",
)  # fmt: skip


def test_checklists_are_filled_from_the_study_and_leave_to_the_authors_what_it_does_not_hold():
    grras, claim = checklists(simulated(), LOCKED)
    counts = simulated().study
    assert (
        grras[10]["Answer"]
        == f"4 readers, 12 + 12 cases, {counts['first_readings']} first readings, 32 repeats"
    )
    assert grras[5]["Answer"] == "4 readers planned; hidden repeats: none"
    alpha = next(r for r in simulated().agreement if r["endpoint"] == "quality" and r["scope"] == "all")
    assert f"Image quality {number(alpha['value'], 2)}" in claim[17]["Answer"]
    assert "Image quality 6 of 96" in claim[11]["Answer"]
    assert claim[33]["Answer"] == "The SHA-256 of the locked protocol"
    grras, claim = checklists(simulated())
    for row in (grras[5], grras[7], claim[3], claim[20], claim[33], claim[41]):
        assert (row["Where"], row["Answer"]) == ("For the authors", ""), row


def test_words():
    assert number(-0.0004, 2) == "0.00"
    assert number(-1.5, 1) == "−1.5"
    assert number(None) == "–"
    assert interval(None, 1.0) == "–"
    assert (p_value(0.0004), p_value(0.05), p_value(None)) == ("< 0.001", "0.050", "–")
    assert (listed(["a"]), listed(["a", "b", "c"])) == ("a", "a, b and c")


def test_with_matched_sets_primary_everything_shown_over_all_readers_is_theirs():
    plan = Plan(primary="theta_set")
    results = analyse(ratings(A), seed=1, bootstraps=20, draws=99, plan=plan)
    both = [
        [
            f"{results.comparison(row['endpoint'], method)['estimate']:.2f}"
            for method in ("theta_set", "u_centred")
        ]
        for row in results.multiplicity
    ]
    assert any(one != other for one, other in both)  # or this test shows nothing
    forest = " ".join(text.get_text() for text in report_figures(results)["forest"].findobj(Drawn))
    assert all(own in forest for own, _ in both)
    found = sections(results)
    assert "over all readers and matched sets (diamonds, the primary comparison)" in words(found["readers"])
    assert "Matched sets, readers and sets random (primary)" in words(found["sensitivity"])
    assert "higher answer than a control of its matched set" in words(found["primary"])
    assert "of 100 pairs of a PIE and a control of its matched set" in words(found["summary"])
    assert "h(reader, set)" in words(found["methods"])


def test_a_ratings_file_alone_claims_neither_blinding_nor_a_declaration():
    claims = re.compile(r"without knowing|[Dd]eclared primary|fixed beforehand|locked before")
    results = analysed(A)
    told = "".join(words(section) for section in reader_study_report(results).sections)
    assert not claims.search(told), claims.search(told)
    locked = "".join(
        words(section) for section in reader_study_report(results, replace(LOCKED, course=LOCK)).sections
    )
    assert {found[0] for found in claims.finditer(locked)} == {
        "without knowing", "Declared primary", "fixed beforehand", "locked before",
    }  # fmt: skip


def test_the_estimand_opens_the_report():
    document = reader_study_report(analysed(A), Background(estimand="PIEs as found, for readers like these."))
    first = document.sections[0].blocks[0]
    assert (first.text, first.kind) == ("What was compared: PIEs as found, for readers like these.", "lede")


def test_small_numbers_are_not_told_as_nothing():
    rows = (("Smallest", (0.0, -0.004)), ("Median", (0.00001234, 0.096)), ("Largest", (0.5, 1234567.5)))
    asked = Described("How large?", (9, 9), (9, 9), rows, number=True, unit="ml")
    section = described_section(analysed(A), Background(described=(asked,)))
    (grid,) = [block for block in section.blocks if isinstance(block, Grid)]
    assert [row[1:] for row in grid.rows[1:]] == [
        ("0.00 ml", "−0.0040 ml"), ("0.000012 ml", "0.096 ml"), ("0.50 ml", "1234567.50 ml"),
    ]  # fmt: skip


def test_guesses_of_the_group_have_the_blinding_index_of_each_group():
    """7 of 10 right and 1 wrong in the first group; 5 of 8 right and 2 wrong in the second, whose option is second."""
    rows = (("first", (7.0, 2.0)), ("second", (1.0, 5.0)), ("cannot tell", (2.0, 1.0)))
    asked = Described("Which?", (20, 20), (10, 8), rows, guess=True)
    nobody = Described("Which?", (20, 20), (0, 8), tuple((name, (0.0, n[1])) for name, n in rows), guess=True)
    for each, first in ((asked, "0.60"), (nobody, "–")):
        section = described_section(analysed(A), Background(described=(each,)))
        (grid,) = [block for block in section.blocks if isinstance(block, Grid)]
        name, one, other = grid.rows[-1]
        assert name == "Bang's blinding index"
        assert one.startswith(first)
        assert other.startswith("0.38")
    certain = Described(
        "Which?", (20, 20), (5, 4), (("first", (5.0, 4.0)), ("second", (0.0, 0.0))), guess=True
    )
    (grid,) = [
        block
        for block in described_section(analysed(A), Background(described=(certain,))).blocks
        if isinstance(block, Grid)
    ]
    assert grid.rows[-1][1:] == ("1.00 (no interval)", "−1.00 (no interval)")
    plain = described_section(analysed(A), Background(described=(replace(asked, guess=False),)))
    assert "Bang" not in str(plain)


SIZE = Endpoint("size", "How large?", "Lesion size", "number", unit="mm", aim="equivalence", margin=4)


def sized(readers=3, cases=24):
    """A number in mm, with few cases of a small group of cases, and a reader without any control."""
    table = simulate_study(seed=7, readers=readers, cases=cases).assign(size_status="answered")
    table["size"] = table["difficulty"] * 2.5 + table["quality"]
    return table[(table["reader"] != "R3") | (table["arm"] == 1)]


def test_a_question_with_a_margin_has_its_readers_warnings_unit_and_level_where_it_decides():
    results = analyse(sized(), seed=1, draws=19, bootstraps=5, plan=Plan((SIZE,)))
    primary, _, beside = (words(sections(results)[name]) for name in ("primary", "summary", "sensitivity"))
    assert "Effective readers: 2.0" in primary
    assert "dropped for lack of answers in one arm: R3; fewer than 3 readers" in primary
    row = results.comparison("size", "difference")
    limits = interval(row["ci_low"], row["ci_high"], 3)
    assert re.search(r"Difference, PIE − control: −?[\d.]+ mm \(90 % interval ", primary)
    assert f"{number(row['estimate'], 3)} (90 % interval {limits})".replace("\u00a0", " ") in beside
    assert "points" not in primary
    assert "decides" not in words(sections(results)["published"])


def test_sets_with_a_margin_say_what_is_left_out_of_them():
    table = sized().assign(reader=lambda t: t["reader"].replace("R3", "R4"))
    table = table[(table["reader"] != "R2") | (table["case"] != table["case"].iloc[0])]
    results = analyse(table, seed=1, draws=19, bootstraps=5, plan=Plan((SIZE,), primary="theta_set"))
    left_out = next(
        n for n in results.comparison("size", "theta_set")["note"].split("; ") if "in no set" in n
    )
    assert left_out in results.comparison("size", "difference_set")["note"]


def test_a_margin_without_a_verdict_says_why():
    table = simulate_study(seed=7, readers=3, cases=24).assign(size_status="answered")
    table["size"] = 10 * table["arm"].astype(int) + table["quality"]
    results = analyse(table, seed=1, draws=19, bootstraps=5, plan=Plan((SIZE,)))
    row = results.comparison("size", "difference")
    assert (row["ci_low"], row["p"]) == (None, None)
    assert row["note"].endswith("no interval or verdict for other readers, as theta has no variance")


def test_a_small_subgroup_says_why_it_has_no_interval():
    table = simulate_study(seed=7, readers=3, cases=24)
    cases = sorted(table["case"].unique())
    groups = pd.DataFrame({"case": cases, "part": ["few" if n < 4 else "most" for n in range(len(cases))]})
    results = analyse(table, seed=1, draws=19, bootstraps=5, subgroups=groups)
    few = next(line for line in words(sections(results)["subgroups"]).splitlines() if line.startswith("few"))
    assert few.endswith("given so few: R1, R2, R3")


def test_only_what_was_read_is_counted_as_read():
    """R3 never began, and half of what R2 was to read is blank."""
    table = simulate_study(seed=7, readers=3, cases=24)
    unread = (table["reader"] == "R3") | ((table["reader"] == "R2") & (table["position"] > 12))
    for name in ("agree", "quality", "difficulty"):
        table.loc[unread, [name, f"{name}_status"]] = [None, "missing"]
    results = analyse(
        table, seed=1, draws=19, bootstraps=5, plan=Plan(groups=Groups("film", "films", "scan", "scans"))
    )
    told = sections(results)
    assert "2 readers judged 12 films and 12 scans: 36 first readings, 0 repeats" in words(told["summary"])
    assert (
        "takes the 36 ratings as if each had a reader and an image of its own; they are 2 readers'"
        in words(told["published"])
    )
    assert "2 readers, 12 + 12 cases, 36 first readings, 0 repeats" in words(told["checklists"])


def test_times_and_blanks_that_cannot_be_compared_name_the_groups_of_the_study():
    table = simulate_study(seed=7, readers=3, cases=24)
    table.loc[table["arm"].astype(int) == 1, "time_s"] = None
    results = analyse(
        table, seed=1, draws=19, bootstraps=5, plan=Plan(groups=Groups("film", "films", "scan", "scans"))
    )
    assert results.reading_time[0]["note"] == "not estimable: no film case was answered, and two are needed"
