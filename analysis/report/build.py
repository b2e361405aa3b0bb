"""Puts the report of a finished reader study together: the document, its figures, and both as files."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from matplotlib.figure import Figure

from analysis.endpoints import GROUPS
from analysis.figures.described import draw_described
from analysis.figures.flow import draw_flow
from analysis.figures.reader_study import reader_study_figures
from analysis.figures.theme import ThemeName, mark, render, save_all
from analysis.printed import listed
from analysis.report import comparison, reliability
from analysis.report.checklists import checklist_section
from analysis.report.document import Background, Block, Document, Grid, Named, Picture, Points, Section, Text
from analysis.report.flow import courses, flow, reader_grid
from analysis.report.html import standalone
from analysis.report.methods import assumptions_section, deviations_section, methods_section, of_patients
from analysis.report.words import groups_of, interval_of, planned_words, plural, prose
from analysis.stats import Results
from analysis.stats.conclusions import SEVERAL
from analysis.stats.results import SIMULATED

WHAT = "(pruning-identified exemplars: images for which pruning changes the networks' predictions) "
SYNTHETIC = "SYNTHETIC IMAGES: a program drew the images of this study; they show no patient."
NO_BACKGROUND = Background()


def reader_study_report(results: Results, background: Background = NO_BACKGROUND) -> Document:
    """Return the report as a document.

    Parameters
    ----------
    results: all tables.
    background: title, protocol and history, as far as known. From a CSV alone nothing of it is.

    Returns
    -------
    Document: its pictures are named flow, forest, answers, paper_means and, where there are any, subgroups and
    described; where nothing can be compared flow and described alone, and the sections of the comparison are left
    out.
    """
    found = [
        _summary(results, background),
        _flow(results, background),
        _protocol(results, background),
        deviations_section(results, background),
        *(_counted(results, background) if results.not_comparable else _compared(results, background)),
    ]
    sections = [each for each in found if each is not None]
    if not results.not_comparable:
        sections.append(checklist_section(results, background, sections))
    warnings = [f"{SIMULATED}."] if results.simulated else []
    if background.synthetic_images:
        warnings.append(SYNTHETIC)
    return Document(background.title, tuple(sections), tuple(warnings))


def _compared(results: Results, background: Background) -> list[Section | None]:
    return [
        comparison.primary_section(results, declared=background.locked),
        comparison.answers_section(results),
        comparison.readers_section(results),
        comparison.sensitivity_section(results),
        comparison.subgroup_section(results),
        reliability.agreement_section(results),
        reliability.times_section(results, declared=background.locked),
        reliability.order_section(results),
        reliability.missing_section(results, background),
        reliability.described_section(results, background),
        comparison.paper_section(results),
        assumptions_section(results),
        methods_section(results, background),
    ]


def _counted(results: Results, background: Background) -> list[Section | None]:
    """Return what was counted; of the answers that are missing without the words, which speak of a comparison."""
    missing = reliability.missing_section(results, background)
    tables = tuple(block for block in missing.blocks if isinstance(block, Grid))
    return [replace(missing, blocks=tables), reliability.described_section(results, background)]


def _summary(results: Results, background: Background) -> Section:
    study, named = results.study, groups_of(results)
    blind = " without knowing which is which" if background.locked else ""
    counts = (
        f"{plural(study['readers'], 'reader')} judged {plural(study['pie_cases'], named.one, named.ones)} "
        f"{WHAT if named == GROUPS else ''}and {plural(study['control_cases'], named.other, named.others)}{blind}: "
        f"{plural(study['first_readings'], 'first reading')}, {plural(study['repeat_readings'], 'repeat')}."
        f"{of_patients(results)}"
    )
    if results.not_comparable:
        return _nothing_compared(results, background)
    said = Points(
        tuple(f"{row['title']}. {comparison.verdict(results, row)}" for row in results.multiplicity)
    )
    first = [Text(asked_of(background), "lede")] if background.estimand else []
    return Section(
        "summary",
        "Summary",
        (*first, Text(counts, "plain" if first else "lede"), said, *_remarks(results, background)),
    )


def asked_of(background: Background) -> str:
    """Say what was to be compared, as the protocol has it."""
    return f"What was compared: {background.estimand}"


def _nothing_compared(results: Results, background: Background) -> Section:
    readers, words = courses(results, background), planned_words(results, background)
    handed_on = {r.replaces for r in readers}
    read = sum(r.read for r in readers)
    planned = sum(r.read if r.pseudonym in handed_on else r.planned for r in readers)
    begun = f"{sum(1 for r in readers if r.read)} of {plural(len(readers), 'reader')}"
    blocks: list[Block] = [
        Text(f"{read} of {plural(planned, words['saved'])} were saved, by {begun}.", "lede"),
        Text(f"Nothing can be compared: {comparison.why_not(results)}.", "warning"),
        Text("Every answer that was saved is kept and is in the export."),
    ]
    if background.estimand:
        blocks.append(Text(asked_of(background)))
    return Section("summary", "Summary", (*blocks, *_remarks(results, background)))


def _remarks(results: Results, background: Background) -> list[Block]:
    holes = [f"{hole}." for hole in results.study.get("holes", ())]
    return [Text(remark, "warning") for remark in (*holes, *background.remarks)]


def _flow(results: Results, background: Background) -> Section:
    words = planned_words(results, background)
    blocks = (Picture("flow", words["flow"]), reader_grid(courses(results, background), words))
    return Section("flow", "Flow of readers and cases", blocks)


def _protocol(results: Results, background: Background) -> Section:
    study = results.study
    known = {name for name, _ in background.protocol}
    design = [
        ("Design as read", str(study["design"])),
        ("Primary method", comparison.METHODS[study["primary_method"]][0]),
        ("Questions tested", listed([row["title"] for row in results.multiplicity])),
        ("Level", f"{study['alpha']:g}, two-sided; {interval_of(results)}s"),
        ("Several questions", SEVERAL[study["multiplicity"]]),
        ("Times left out", reliability.times_rule(study["shortest_s"], study["longest_s"])),
    ]
    rows = (*background.protocol, *((name, value) for name, value in design if name not in known))
    blocks: list[Block] = [Named(tuple(rows), background.codes)]
    if background.questions:
        blocks.insert(0, Named(background.questions))
    else:
        blocks.append(Text(prose("no_protocol", results), "note"))
    if background.course:
        blocks.append(Named(background.course, background.codes))
    return Section("protocol", "Protocol", tuple(blocks))


def report_figures(
    results: Results, background: Background = NO_BACKGROUND, *, theme: ThemeName = "light"
) -> dict[str, Figure]:
    """Draw every figure that the report names: flow, forest, answers, paper_means; subgroups, described if there are.

    Where nothing can be compared it is flow and described alone.
    """
    figures = {"flow": draw_flow(flow(results, background), theme=theme)}
    named = groups_of(results)
    if not results.not_comparable:
        figures |= reader_study_figures(
            results.frames(),
            groups=named,
            theme=theme,
            pooled="theta_set" if comparison.by_sets(results) else "u_centred",
        )
    if background.described:
        figures["described"] = draw_described(background.described, named, theme=theme)
    if results.simulated:
        for figure in figures.values():
            mark(figure, theme, "SIMULATED RATINGS")
    return figures


def report_html(results: Results, background: Background, figures: Mapping[str, Figure]) -> str:
    """Return the report as one HTML file with its pictures inside."""
    pictures = {name: render(figure) for name, figure in figures.items()}
    return standalone(reader_study_report(results, background), pictures)


def write_report(results: Results, folder: Path, background: Background = NO_BACKGROUND) -> None:
    """Write report.html and figures/ (NAME.svg and NAME.png on white, NAME-dark.svg for a dark page) to a folder."""
    figures = save_all(
        lambda theme: report_figures(results, background, theme=theme), folder / "figures", ("svg", "png")
    )
    (folder / "report.html").write_text(report_html(results, background, figures), encoding="utf-8")
