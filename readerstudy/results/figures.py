"""The figures of an unblinded study, by name, as SVG."""

from analysis.figures.reader_study import reader_study_figures
from analysis.figures.theme import ThemeName, render
from analysis.stats import Results

TITLES = {
    "forest": (
        "How often an exemplar got the higher answer than a control (half the ties counted), for each reader "
        "and over all, with 95 % intervals. Right of one half: exemplars higher."
    ),
    "answers": "All first answers by arm, centred on the neutral answer.",
    "paper_means": (
        "The published study's figure, for comparison: pooled means and standard deviations. It counts every "
        "rating as independent, which the comparison above does not."
    ),
}


def figure_svg(name: str, results: Results, *, theme: ThemeName = "light") -> bytes:
    """Draw one figure.

    Raises
    ------
    KeyError: no figure has this name.
    """
    return render(reader_study_figures(results.frames(), theme=theme, simulated=results.simulated)[name])


def figures_of(results: Results) -> dict[str, bytes]:
    """Draw every figure for print."""
    drawn = reader_study_figures(results.frames(), simulated=results.simulated)
    return {name: render(figure) for name, figure in drawn.items()}
