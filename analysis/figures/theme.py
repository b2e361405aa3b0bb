"""Colours and small parts shared by the figures, for a dark page and for print; and the cells of result tables."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.textpath import TextPath
from matplotlib.ticker import LogFormatterSciNotation

# Names and titles are what people typed: between two dollar signs matplotlib would read them as mathematics, and fail.
# Set once and not while drawing: threads of one process draw at the same time, and share these settings.
mpl.rcParams.update({"text.parse_math": False, "svg.hashsalt": "analysis.figures"})

ThemeName = Literal["light", "dark"]

SIZE = 9.0
"""Text size in points at the figure's own size; titles are a little larger."""


@dataclass(frozen=True)
class Theme:
    """Colours of one ground. `scale` runs from unfavourable to favourable answers; orange against blue is
    told apart by readers with any common colour vision deficiency, and by lightness in grey print."""

    ground: str
    text: str
    muted: str
    line: str
    pie: str
    control: str
    scale: tuple[str, str, str, str, str]

    def valence(self, value: float) -> str:
        """Return the colour of an answer from -1 (unfavourable) to 1 (favourable)."""
        return self.scale[round((value + 1) / 2 * (len(self.scale) - 1))]


THEMES: dict[ThemeName, Theme] = {
    "light": Theme(
        ground="#ffffff",
        text="#1c1e21",
        muted="#5c6168",
        line="#d5d6d3",
        pie="#bf5b12",
        control="#2b6a99",
        scale=("#b5621f", "#e3b384", "#dcdcd8", "#97c0d6", "#2f7299"),
    ),
    "dark": Theme(
        ground="#18191b",
        text="#e3e5e7",
        muted="#a3a8af",
        line="#3a3e44",
        pie="#eb9a55",
        control="#86bce0",
        scale=("#e8934b", "#99683f", "#4b4f55", "#467590", "#86c1e4"),
    ),
}


def ink_on(color: str) -> str:
    """Return black or white, whichever reads better on a colour (relative luminance, WCAG 2)."""
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color))
    return "#000000" if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.18 else "#ffffff"


_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_NO_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML may hold, and so no SVG."""


class _Powers(LogFormatterSciNotation):
    """Labels of a logarithmic axis as they are by default, in Unicode."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        words = re.sub(
            r"\^\{(.*?)\}", lambda power: power[1].translate(_SUPERSCRIPT), super().__call__(x, pos)
        )
        return re.sub(r"\$|\\mathdefault|[{}]", "", words.replace(r"\times", "×"))


def label_powers(axis: Axis) -> None:
    """Label a logarithmic axis by powers of ten, and between them where it is short."""
    axis.set_major_formatter(_Powers())
    axis.set_minor_formatter(_Powers())


def shortened(name: object, most: int = 48) -> str:
    """Return a name on one line of at most `most` characters."""
    words = " ".join(str(name).split())
    return words if len(words) <= most else f"{words[: most - 1]}…"


def text_width(words: str, size: float) -> float:
    """Return the width of a text in inches at a size in points, without drawing it."""
    outline = TextPath((0, 0), words, size=size)
    # A font's curves have their corners at their outermost points; to look along every curve takes ten times as long.
    across = outline.vertices[outline.codes != TextPath.CLOSEPOLY, 0]
    return float(np.ptp(across)) / 72 if across.size else 0.0


def wrapped(text: str, width: float, size: float) -> list[str]:
    """Break a text at blanks into lines of at most a width in inches; later lines are indented."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        longer = f"{line} {word}" if line.strip() else f"{line}{word}"
        if line.strip() and text_width(longer, size) > width:
            lines.append(line)
            longer = f"   {word}"
        line = longer
    return [*lines, line] if line.strip() else lines


def new_figure(width: float, height: float, theme: Theme) -> Figure:
    """Return an empty figure of a size in inches, on the theme's ground."""
    return Figure(figsize=(width, height), facecolor=theme.ground)


def strip(axes: Axes, theme: Theme, *, keep: Sequence[str] = ()) -> None:
    """Take away the frame but the sides in `keep`, and the ticks; colour their labels."""
    axes.set_facecolor("none")
    for side, spine in axes.spines.items():
        spine.set_visible(side in keep)
        spine.set_color(theme.line)
    axes.tick_params(which="both", labelcolor=theme.text, labelsize=SIZE - 0.5, length=0)


def dress(
    axes: Axes, theme: Theme, *, title: str, below: str = "", grid: Literal["x", "y"] = "y", **more: Any
) -> None:
    """Give axes a title at their left, a label below, faint lines of a grid behind what is drawn, and no frame.

    `more` is for the title, such as its distance (`pad`, points).
    """
    axes.set_title(title, color=theme.text, fontsize=SIZE + 0.5, loc="left", **{"pad": 10, **more})
    axes.set_xlabel(below, color=theme.muted, fontsize=SIZE - 0.5)
    axes.grid(axis=grid, color=theme.line, linewidth=0.6)
    axes.set_axisbelow(True)
    strip(axes, theme, keep=("bottom",) if grid == "y" else ())


def write(
    on: Axes | Figure,
    x: float,
    y: float,
    words: str,
    color: str,
    *,
    size: float = 0.0,
    by: Literal["data", "axes", "row"] = "data",
    side: str = "left",
    level: str = "baseline",
    **more: Any,
) -> None:
    """Write a text on a figure (shares of it) or on axes.

    Parameters
    ----------
    size: points beyond SIZE.
    by: on axes, whether x and y are in the units of the data, shares of the axes, or x a share and y a row.
    side, level: what of the text is at x and at y, as matplotlib calls them.
    """
    if isinstance(on, Axes):
        more["transform"] = {"axes": on.transAxes, "row": on.get_yaxis_transform(), "data": on.transData}[by]
    on.text(x, y, words, color=color, fontsize=SIZE + size, ha=side, va=level, **more)


def mark(figure: Figure, theme: ThemeName, words: str) -> None:
    """Write in a corner, in bold, what nobody may overlook: that images or ratings are not real."""
    figure.text(0.995, 0.995, words, ha="right", va="top", color=THEMES[theme].pie, fontsize=SIZE - 2.5,
                fontweight="bold")  # fmt: skip


def render(figure: Figure, kind: str = "svg") -> bytes:
    """Return a figure as the bytes of an SVG, PNG or PDF file; the same figure gives the same bytes."""
    buffer = BytesIO()
    metadata = {"png": {"Software": None}, "pdf": {"CreationDate": None}}.get(kind, {"Date": None})
    figure.savefig(buffer, format=kind, dpi=160, metadata=metadata, facecolor=figure.get_facecolor())
    drawn = buffer.getvalue()
    # An SVG repeats each text as a comment.
    return _NO_XML.sub("\ufffd", drawn.decode()).encode() if kind == "svg" else drawn


def save_all(
    draw: Callable[[ThemeName], dict[str, Figure]], folder: Path, kinds: Sequence[str]
) -> dict[str, Figure]:
    """Write figures to a folder: NAME.KIND on white and NAME-dark.svg for a dark page; return those on white."""
    folder.mkdir(parents=True, exist_ok=True)
    light = draw("light")
    for name, figure in light.items():
        for kind in kinds:
            (folder / f"{name}.{kind}").write_bytes(render(figure, kind))
    for name, figure in draw("dark").items():
        (folder / f"{name}-dark.svg").write_bytes(render(figure))
    return light


Record = dict[str, Any]


def records(frame: pd.DataFrame) -> list[Record]:
    """Return the rows of a frame as dictionaries; an absent number (None, NaN) becomes None."""
    rows = frame.astype(object).where(frame.notna(), None).itertuples(index=False, name=None)
    return [dict(zip(frame.columns, values, strict=True)) for values in rows]
