"""The figures of the findings: they show the numbers, survive gaps, and leave no global state."""

import numpy as np
import pytest
from matplotlib import rcParams

from analysis.figures.findings_files import findings_figures, save_findings
from analysis.figures.findings_pairs import clustered
from analysis.figures.theme import THEMES
from tests.findings.test_analyse import findings

NAMES = {
    "overall",
    "forgettability",
    "frequency",
    "forgotten_alike",
    "co_occurrence",
    "representation",
    "most_represented",
}


def words(figure) -> str:
    found = [text.get_text() for text in figure.texts]
    for axes in figure.axes:
        found += [text.get_text() for text in (*axes.texts, *axes.get_yticklabels())]
        found += [axes.get_title(loc="left")]
    return "\n".join(found)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(
    ("seeds", "without"), [(3, ("E",)), (1, ()), (2, ("A", "B", "C", "E")), (2, ("A", "B", "C", "D", "E"))]
)
def test_every_run_is_drawn(seeds, without, theme) -> None:
    figures = findings_figures(findings(seeds, without).frames(), theme=theme)
    assert set(figures) == (NAMES if len(without) < 5 else NAMES - {"forgotten_alike", "co_occurrence"})
    for figure in figures.values():
        figure.canvas.draw()


def test_figures_show_the_numbers() -> None:
    found = findings()
    figures = findings_figures(found.frames())
    row = next(row for row in found.tables["relations"] if row["with"] == "iou")
    assert f"r {row['estimate']:.2f} [{row['ci_low']:.2f}, {row['ci_high']:.2f}]" in words(
        figures["co_occurrence"]
    )
    assert "No Finding  5,000" in words(figures["forgettability"])
    impact = next(row for row in found.tables["frequency"] if row["quantity"] == "impact")
    assert f"r {impact['estimate']:.2f}" in words(figures["frequency"])
    assert {"No Finding", "A", "B", "C", "D"} <= set(words(figures["forgotten_alike"]).split("\n"))


@pytest.mark.parametrize("synthetic", [True, False])
def test_synthetic_runs_say_so_on_every_figure(synthetic: bool) -> None:
    for figure in findings_figures(findings().frames(), synthetic=synthetic).values():
        assert ("SYNTHETIC IMAGES" in words(figure)) is synthetic


def test_classes_forgotten_alike_stand_together() -> None:
    frame = findings(without=()).frames()["pairs"]
    group = {"No Finding": 0, "A": 1, "B": 0, "C": 1, "D": 0, "E": 1}
    frame["fcd_mse"] = [
        0.01 if group[a] == group[b] else 1.0 for a, b in zip(frame["class_a"], frame["class_b"], strict=True)
    ]
    names, table = clustered(frame, "fcd_mse")
    kinds = [group[name] for name in names]
    assert kinds in ([0, 0, 0, 1, 1, 1], [1, 1, 1, 0, 0, 0])
    np.testing.assert_array_equal(table[:3, 3:], 1.0)
    np.testing.assert_array_equal(np.diag(table), 0.0)


def test_files_are_the_same_bytes_again_and_settings_stay_as_they_were(tmp_path) -> None:
    before = dict(rcParams)
    tables = findings().frames()
    save_findings(tables, tmp_path / "one")
    save_findings(tables, tmp_path / "two")
    names = {path.name for path in (tmp_path / "one").iterdir()}
    assert names == {f"{name}{end}" for name in NAMES for end in (".svg", ".png", ".pdf", "-dark.svg")}
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert dict(rcParams) == before
