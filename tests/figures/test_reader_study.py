"""The figures of a reader study: they show the numbers, survive gaps, and leave no global state."""

import pytest
from matplotlib import rcParams
from matplotlib.figure import Figure

from analysis.figures.reader_study import reader_study_figures
from analysis.figures.theme import THEMES, ink_on, render
from analysis.report import report_figures
from analysis.stats import analyse, simulate_study
from tests.stats.reference_data import A, C, analysed

STUDIES = {
    "crossed": A,
    "missing": C,
    "identical": "G_degenerate_all_identical",
    "separated": "G_degenerate_perfect_separation",
    "one reader": "G_degenerate_one_reader",
}


def texts(figure: Figure) -> set[str]:
    found = [text.get_text() for text in figure.texts]
    for axes in figure.axes:
        found += [text.get_text() for text in (*axes.texts, *axes.get_xticklabels(), axes.title)]
        found.append(axes.get_title(loc="left"))
    return set(found)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_every_study_is_drawn_inside_its_figure(study, theme):
    tables = analysed(study).frames()
    for figure in reader_study_figures(tables, theme=theme).values():
        figure.canvas.draw()
        width, height = figure.bbox.width, figure.bbox.height
        for axes in figure.axes:
            for text in axes.texts:
                box = text.get_window_extent()
                assert box.x0 >= 0, text
                assert box.x1 <= width, text
                assert box.y1 <= height, text


def test_forest_shows_estimate_interval_and_p():
    results = analysed(A)
    forest = reader_study_figures(results.frames())["forest"]
    shown = texts(forest)
    assert {"0.33  [0.22, 0.44]", "0.005", "R1", "R6", "All", "Another", "0.33  [0.19, 0.48]"} <= shown
    forest.canvas.draw()
    assert all(text.get_window_extent().x1 <= forest.bbox.width for text in forest.texts)
    assert "← PIEs: lower image quality" in shown


def test_what_is_not_estimable_is_said_not_drawn():
    tables = analysed("G_degenerate_all_identical").frames()
    figures = reader_study_figures(tables)
    assert "0.50  [no interval]" in texts(figures["forest"])
    assert any("with readers and cases: p –" in text for text in texts(figures["paper_means"]))


def test_answers_show_shares_of_the_answered_and_their_number():
    tables = analysed(A).frames()
    shown = texts(reader_study_figures(tables)["answers"])
    assert {"39%", "61%", "PIE\nn = 120", "5 excellent", "1 very easy"} <= shown


def test_simulated_ratings_say_so_on_every_figure():
    study = simulate_study(seed=1, readers=3, cases=12)
    for simulated in (True, False):
        results = analyse(study, seed=1, draws=19, bootstraps=20, simulated=simulated)
        figures = report_figures(results)
        assert len(figures) == 4
        for figure in figures.values():
            assert ("SIMULATED RATINGS" in texts(figure)) is simulated


def subgrouped():
    study = simulate_study(seed=2, readers=3, cases=24)
    cases = study.drop_duplicates("case")[["case"]].assign(
        class_group=lambda f: ["tail", "head"] * (len(f) // 2), n_findings="0"
    )
    return analyse(study, seed=1, draws=19, bootstraps=20, subgroups=cases)


def test_subgroups_are_drawn_from_frequent_to_rare_with_all_cases_below():
    shown = texts(reader_study_figures(subgrouped().frames())["subgroups"])
    assert {
        "By rarest finding",
        "head",
        "tail",
        "By number of diseases",
        "All cases",
        "Label agreement",
    } <= shown
    assert "subgroups" not in reader_study_figures(analysed(A).frames())


def test_drawing_is_the_same_bytes_again_and_settings_stay_as_they_were():
    before = dict(rcParams)
    tables = subgrouped().frames()
    first, second = (
        {name: render(figure) for name, figure in reader_study_figures(tables).items()} for _ in range(2)
    )
    assert first == second
    assert dict(rcParams) == before


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_numbers_on_bars_have_a_contrast_of_at_least_four_to_one(theme):
    def luminance(color):
        parts = [int(color[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for color in theme.scale:
        light, dark = sorted([luminance(color), luminance(ink_on(color))], reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4
