"""Whatever name or text somebody typed, every figure is drawn with it, word for word, and is a well-formed picture."""

import importlib
import pkgutil
import warnings
from collections.abc import Callable, Iterator, Mapping
from xml.etree import ElementTree

import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from analysis import figures
from analysis.endpoints import Groups
from analysis.figures.agreement import draw_agreement
from analysis.figures.balance import draw_love_plot
from analysis.figures.described import Described, draw_described
from analysis.figures.findings_files import findings_figures
from analysis.figures.findings_frequency import draw_frequency
from analysis.figures.findings_images import draw_stability, draw_suspects
from analysis.figures.findings_pairs import draw_relations
from analysis.figures.flow import Flow, draw_flow
from analysis.figures.pages import draw_class_counts, draw_forgetting, draw_mean_ap, draw_training
from analysis.figures.power import Planned, draw_power, draw_sensitivity
from analysis.figures.retraining import draw_contrasts
from analysis.figures.theme import THEMES, render
from analysis.report import Background, ReaderCourse, report_figures
from analysis.stats import analyse, simulate_study
from tests.findings.test_analyse import findings

MATHS = ("A$_{x$", "$\\frac{", "100 % $5", "$x$ and $y$", "^_{}\\", "\\$")
ODD = (
    "\x01\x1b[31m\x00",
    "a\nb\r\tc",
    "--><b>&amp;",
    "\ufffe\uffff",
    "中文肺炎 😀 عربي",
    "e\u0301\u0328" * 30,
    " ",
)
LONG = "x" * 1000
NAMES = (*MATHS, *ODD, LONG)
CLASSES = ("No Finding", "A", "B", "C", "D", "E")


def named(frames: Mapping[str, pd.DataFrame], names: tuple[str, ...]) -> dict[str, pd.DataFrame]:
    """Return tables of findings whose classes have the given names."""
    new = dict(zip(CLASSES, names, strict=False))
    return {name: frame.replace(new) for name, frame in frames.items()}


def metrics(names: tuple[str, ...]) -> pd.DataFrame:
    rows = [(0, k, name, 9 + n, 0.5 - k / 4) for n, name in enumerate(names) for k in (0.0, 0.9)]
    return pd.DataFrame(rows, columns=["seed", "sparsity", "class", "positives", "ap"])


def of_findings(names: tuple[str, ...]) -> Iterator[tuple[str, Figure, bool]]:
    tables = named(findings(without=(), draws=9, permutations=9).frames(), names)
    shown = {"forgettability", "forgotten_alike", "representation"}
    for name, figure in findings_figures(tables, synthetic=True).items():
        yield name, figure, name in shown
    yield "draw_frequency", draw_frequency(tables["classes"], tables["frequency"]), False
    pairs = [
        {"criterion_a": names[0], "criterion_b": other, "jaccard": 0.2, "jaccard_chance": 0.1}
        for other in names
    ]
    exemplars = pd.DataFrame({"rank": [1, 2], "inclusion": [0.5, 0.7]})
    yield "draw_stability", draw_stability(exemplars, pd.DataFrame(pairs)), False
    one = {"ranking": names[0], "unit": "image", "target": "wrong positives", "units": 9, "wrong": 2}
    curve = pd.DataFrame([one | {"share": 0.5, "found": 0.8, "random": 0.5, "ideal": 1.0}])
    yield "draw_suspects", draw_suspects(curve, pd.DataFrame([one])), False


def of_a_sweep(names: tuple[str, ...]) -> Iterator[tuple[str, Figure, bool]]:
    yield "draw_mean_ap", draw_mean_ap(metrics(names)), False
    yield "draw_forgetting", draw_forgetting(metrics(names)), True
    counts = pd.DataFrame({"name": names, "train": range(9, 9 + len(names)), "test": 1})
    yield "draw_class_counts", draw_class_counts(counts), True
    rows = [{"covariate": n, "level": n, "smd_before": 0.3, "smd_after": 0.05} for n in names]
    yield "draw_love_plot", draw_love_plot(pd.DataFrame(rows), synthetic=True), True
    epochs = {"seed": 0, "epoch": [1, 2], "train_loss": 1.0, "val_loss": 1.1, "val_map": 0.2, "best": [0, 1]}
    yield "draw_training", draw_training(pd.DataFrame(epochs)), False
    agreement = pd.DataFrame({"score": [0.1, 0.5, 0.9], "exemplar": [True, False, False]})
    yield "draw_agreement", draw_agreement(agreement), False
    bare = {"role": "primary", "estimate": 0.1, "ci_low": None, "ci_high": None, "seeds": 2}
    told = [bare | {"comparison": name, "group": name} for name in names]
    yield "draw_contrasts", draw_contrasts(pd.DataFrame(told), synthetic=True), False
    yield "draw_sensitivity", draw_sensitivity({name: (0.2, 0.6) for name in names}, 0.4), True
    yield "draw_power", draw_power([10, 20], {3: [0.2, 0.4]}, Planned(3, 20, 0.4, 0.41, 0.02)), False


def of_a_study(names: tuple[str, ...]) -> Iterator[tuple[str, Figure, bool]]:
    readers = [name.replace("\x00", "0").strip() or "blank" for name in names]
    study = simulate_study(seed=1, readers=readers, cases=24)
    cases = study.drop_duplicates("case")[["case"]].reset_index(drop=True)
    groups = cases.assign(**{names[0]: [names[k % 2] for k in range(len(cases))]})
    results = analyse(study, seed=1, draws=9, bootstraps=9, subgroups=groups, simulated=True)
    courses = tuple(ReaderCourse(name, 24, 20, withdrawn=name, replaces=name) for name in readers)
    background = Background(title=names[0], readers=courses)
    for name, figure in report_figures(results, background).items():
        yield name, figure, name == "forest"
    texts = tuple(names[:4])
    boxes = (texts * 4)[:4]
    boxed = Flow(head=names[0], readers=boxes, readers_lost=texts[:3], arms=(boxes, boxes), foot=names[-1])
    yield "draw_flow", draw_flow(boxed), False
    answers = tuple((name, (1.0, 2.0)) for name in names)
    questions = [Described(name, (9, 9), (5, 6), answers) for name in names[:2]]
    questions.append(
        Described(names[0], (9, 9), (5, 6), (("median", (1.0, None)),) * 5, number=True, unit=names[-1])
    )
    groups_named = Groups(*names[:4])
    yield "draw_described", draw_described(questions, groups_named), True


KINDS = {"findings": of_findings, "sweep": of_a_sweep, "study": of_a_study}


def texts_of(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(Text))  # type: ignore[attr-defined]


@pytest.mark.parametrize("names", [MATHS, (*ODD, LONG)], ids=["mathematics", "odd and long"])
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_figure_is_drawn_with_what_somebody_typed(
    kind: Callable[[tuple[str, ...]], Iterator[tuple[str, Figure, bool]]], names: tuple[str, ...]
) -> None:
    with warnings.catch_warnings():
        # What the font lacks is drawn as a box.
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from font")
        warnings.filterwarnings("ignore", message="Matplotlib currently does not support .* natively")
        for name, figure, shows in kind(names):
            picture = render(figure)
            ElementTree.fromstring(picture)
            words = texts_of(figure)
            assert "mathdefault" not in words, name
            width, height = figure.get_size_inches()
            assert max(width, height) < 40, name
            if shows and names is MATHS:
                assert all(f"<!-- {typed}" in picture.decode() for typed in names if typed in words), name
                assert all(typed in words for typed in names), name


def test_names_are_drawn_by_each_figure_there_is() -> None:
    drawn = set()
    for module in pkgutil.iter_modules(figures.__path__):
        found = vars(importlib.import_module(f"analysis.figures.{module.name}"))
        drawn |= {name for name in found if name.startswith("draw_")}
    called = {name for kind in KINDS.values() for name in kind.__code__.co_names}
    through = {"draw_answers", "draw_forest", "draw_paper_means", "draw_subgroups"}  # report_figures
    through |= {
        "draw_curves",
        "draw_heat_map",
        "draw_relations",
        "draw_representation",
        "draw_conditions",
        "draw_overall",
    }  # findings_figures
    assert drawn == through | {name for name in called if name.startswith("draw_")}


def test_a_long_name_fits_a_picture_of_pixels() -> None:
    rows = pd.DataFrame([{"covariate": LONG, "level": "", "smd_before": 0.3, "smd_after": 0.05}])
    assert render(draw_love_plot(rows), "png").startswith(b"\x89PNG")


def test_powers_of_ten_are_in_unicode() -> None:
    tables = findings(without=(), draws=9, permutations=9).frames()
    figure = draw_frequency(tables["classes"], tables["frequency"])
    figure.draw_without_rendering()  # ticks have their labels only then
    words = texts_of(figure)
    assert "10³" in words
    assert "$" not in words


def test_labels_between_powers_of_ten_can_be_read_on_the_dark_page() -> None:
    table = pd.DataFrame([{"fcd_mse": 2e-3, "iou": 0.1}, {"fcd_mse": 8e-3, "iou": 0.2}])
    table["log_frequency_difference"] = table["iou"]
    figure = draw_relations(table, pd.DataFrame(columns=["variant"]), theme="dark")
    figure.draw_without_rendering()
    labels = [label for label in figure.axes[0].get_yminorticklabels() if label.get_text()]
    assert {label.get_color() for label in labels} == {THEMES["dark"].text}
