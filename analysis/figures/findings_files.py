"""All figures of the findings of a run, and their files."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from analysis.figures.findings_curves import draw_conditions, draw_curves, draw_overall
from analysis.figures.findings_frequency import draw_frequency
from analysis.figures.findings_images import draw_representation, draw_stability, draw_suspects
from analysis.figures.findings_pairs import draw_heat_map, draw_relations
from analysis.figures.theme import ThemeName, mark, save_all

MOST = 6
"""Classes in the small picture of over-representation."""


def findings_figures(
    tables: Mapping[str, pd.DataFrame], *, theme: ThemeName = "light", synthetic: bool = False
) -> dict[str, Figure]:
    """Draw what the tables have rows for.

    With shares of removed weights overall and forgettability, with other conditions conditions; frequency; with two
    or more classes forgotten_alike and co_occurrence; with exemplars representation, most_represented and stability;
    with better labels suspects.

    Parameters
    ----------
    tables: the tables of the findings by name, and exemplars (rank, inclusion).
    theme: ground and colours.
    synthetic: writes on every figure that the images are not of patients.
    """
    overall = tables["overall"]
    named, shares = overall["sparsity"].isna(), overall["sparsity"].notna()
    figures = {}
    if shares[1:].any():
        figures["overall"] = draw_overall(overall[shares], tables["significance"], theme=theme)
        figures["forgettability"] = draw_curves(tables["curves"], tables["classes"], theme=theme)
    if named[1:].any():
        named[0] = True
        figures["conditions"] = draw_conditions(overall[named], theme=theme)
    figures["frequency"] = draw_frequency(tables["classes"], tables["frequency"], theme=theme)
    if len(tables["pairs"]):
        figures["forgotten_alike"] = draw_heat_map(tables["pairs"], theme=theme)
        figures["co_occurrence"] = draw_relations(tables["pairs"], tables["relations"], theme=theme)
    if len(tables["representation"]):
        figures["representation"] = draw_representation(tables["representation"], theme=theme)
        figures["most_represented"] = draw_representation(_most(tables["representation"]), theme=theme)
    if len(tables["overlap"]) and len(tables.get("exemplars", ())):
        figures["stability"] = draw_stability(tables["exemplars"], tables["overlap"], theme=theme)
    if len(tables.get("relabelling", ())):
        figures["suspects"] = draw_suspects(tables["relabelling"], tables["suspects"], theme=theme)
    if synthetic:
        for figure in figures.values():
            mark(figure, theme, "SYNTHETIC IMAGES")
    return figures


def _most(representation: pd.DataFrame) -> pd.DataFrame:
    """Keep the numbers of diseases and the classes of highest ratio, for a small picture."""
    ratio = pd.to_numeric(representation["ratio"]).where(representation["kind"] == "class")
    return representation[(representation["kind"] == "diseases") | (ratio.rank(ascending=False) <= MOST)]


def save_findings(tables: Mapping[str, pd.DataFrame], folder: Path, *, synthetic: bool = False) -> None:
    """Write every figure to a folder: NAME.svg, .png and .pdf on white, NAME-dark.svg for a dark page."""
    save_all(
        lambda theme: findings_figures(tables, theme=theme, synthetic=synthetic),
        folder,
        ("svg", "png", "pdf"),
    )
