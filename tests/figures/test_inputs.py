"""Figures of a data set and of a training draw what is there, also when little is."""

import pandas as pd
import pytest

from analysis.figures.pages import draw_class_counts, draw_training
from analysis.figures.theme import render


def history(seeds: int, epochs: int, val_map: float | None = 0.3) -> pd.DataFrame:
    rows = [
        {"seed": s, "epoch": e, "train_loss": 1 / e, "val_loss": 1.1 / e + s, "val_map": val_map, "best": 1}
        for s in range(seeds)
        for e in range(1, epochs + 1)
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(("seeds", "epochs"), [(1, 1), (4, 8)])
def test_training_has_a_line_per_seed_and_loss(seeds: int, epochs: int) -> None:
    figure = draw_training(history(seeds, epochs), theme="dark")
    losses, areas = figure.axes
    lines = [line for line in losses.lines if line.get_linestyle() == "-"]
    assert len(lines) == 2 * seeds
    kept = [line for line in losses.lines if line.get_marker() == "o"]
    assert [line.get_xdata()[0] for line in kept] == [epochs] * seeds
    assert len([line for line in areas.lines if line.get_linestyle() == "-"]) == seeds
    assert b"<svg" in render(figure)


def test_training_without_areas_has_one_panel() -> None:
    assert len(draw_training(history(2, 3, None)).axes) == 1


def test_class_counts_stand_in_order_with_the_commonest_on_top() -> None:
    classes = pd.DataFrame({"name": ["A", "B", "C"], "train": [4, 900, 0], "test": [1, 90, 0]})
    figure = draw_class_counts(classes)
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["C  0", "A  4", "B  900"]
    assert [round(bar.get_width()) for bar in axes.patches] == [1, 4, 900]
    assert axes.get_xscale() == "log"
    only_test = draw_class_counts(classes.drop(columns="train"), theme="dark")
    assert [label.get_text() for label in only_test.axes[0].get_yticklabels()][-1] == "B  90"
