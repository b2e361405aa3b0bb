"""Puts the report of a finished reader study together: the document, its figures, and both as files.

The comparison and the agreement have modules of their own. The checklists are GRRAS (Kottner and others 2011, J Clin
Epidemiol 64:96, 15 items) and CLAIM (Tejani and others 2024, Radiol Artif Intell 6:e240300, 2024 Update, 44 items).
STARD-AI is about accuracy against a reference standard, which no study here has.
"""

import platform
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from importlib import metadata
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from analysis.endpoints import GROUPS
from analysis.figures.described import draw_described
from analysis.figures.flow import draw_flow
from analysis.figures.reader_study import reader_study_figures
from analysis.figures.theme import ThemeName, mark, render, save_all
from analysis.printed import listed, number
from analysis.report import comparison, reliability
from analysis.report.comparison import METHODS, by_sets, effect, primary_row
from analysis.report.document import Background, Block, Document, Grid, Named, Picture, Points, Section, Text
from analysis.report.flow import arm_totals, as_read, courses, flow, reader_grid
from analysis.report.html import standalone
from analysis.report.words import TEXTS, counts_alike, groups_of, interval_of, planned_words, plural, prose
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
    study, named = as_read(results, background), groups_of(results)
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
        ("Primary method", METHODS[study["primary_method"]][0]),
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
            pooled="theta_set" if by_sets(results) else "u_centred",
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


LIBRARIES = ("numpy", "scipy", "pandas", "matplotlib")


def assumptions_section(results: Results) -> Section:
    """Return what must hold for the conclusions."""
    return Section("assumptions", "Assumptions and limits", (Points(_named(TEXTS["assumptions"], results)),))


def _named(sentences: Iterable[str], results: Results, **more: str) -> tuple[str, ...]:
    return tuple(sentence.format(**asdict(groups_of(results)), **more) for sentence in sentences)


def methods_section(results: Results, background: Background) -> Section:
    """Return the formulas, settings, versions and digests behind the numbers."""
    study, own = results.study, counts_alike(results)
    used = {
        "theta": True,
        "sets": by_sets(results),
        "test": own,
        "test_before": not own,
        "patients": bool(study.get("clustered")),
        "margin": any(row.get("margin") for row in results.comparisons),
    }
    formulas = [line for name, there in used.items() if there for line in TEXTS["formulas"][name]]
    settings = [
        ("Random seed", str(study["seed"])),
        ("Relabellings of a permutation test", str(study["draws"])),
        ("Bootstrap samples", str(study["bootstraps"])),
        ("Versions", versions()),
    ]
    several = TEXTS["several"][study["multiplicity"]]
    blocks: list[Block] = [
        Text(prose("again", results)),
        Points(_named([*formulas, *several], results, weight="1 / the reader's ΣD" if own else "1")),
        Named((*settings, *background.origin), background.codes),
    ]
    return Section("methods", "How to redo it", tuple(blocks))


def of_patients(results: Results) -> str:
    """Say of how many patients the cases are, where that is known, and that those of one were clustered."""
    if "patients" not in results.study:
        return ""
    name = "of_patients" if results.study["clustered"] else "one_each"
    return " " + prose(name, results, patients=plural(results.study["patients"], "patient"))


def versions() -> str:
    """Return Python's and the libraries' versions in one line."""
    found = [f"{name} {metadata.version(name)}" for name in LIBRARIES]
    return ", ".join([f"Python {platform.python_version()}", *found])


def deviations_section(results: Results, background: Background) -> Section | None:
    """Return what differed, as far as a program can see, as a table; None without a locked protocol."""
    if not background.locked:
        return None
    handed_on = {reader.replaces for reader in background.readers}
    rows = list(background.deviations)
    for reader in courses(results, background):
        if reader.read < reader.planned or reader.withdrawn:
            why = [f"withdrew {reader.withdrawn}"] if reader.withdrawn else []
            why += ["replaced"] if reader.pseudonym in handed_on else []
            what = "; ".join((f"{reader.read} read", *why))
            rows.append((f"Reader {reader.pseudonym}", f"{reader.planned} first readings", what))
    for holm in () if results.not_comparable else results.multiplicity:
        row = primary_row(results, holm["endpoint"])
        if row["p"] is None or row["method"] != holm["primary_method"]:
            declared = METHODS[holm["primary_method"]][0]
            note = row["note"] if "no verdict" in row["note"] else f"no verdict: {row['note']}"
            rows.append((holm["title"], declared, note))
    names = ("About", "Planned", "What happened")
    table = Grid.of("", (dict(zip(names, row, strict=True)) for row in rows))
    seen = prose("deviations", results)
    text = Text(seen if rows else f"None. {seen}")
    return Section("deviations", "Deviations from the protocol", (text, table) if rows else (text,))


CHECKLISTS = tomllib.loads((Path(__file__).with_name("checklists.toml")).read_text("utf-8"))["checklist"]
AUTHORS = "For the authors"
ELSEWHERE = {"authors": AUTHORS.lower(), "sweep": "Sweep: provenance.json", "export": "Export"}


def checklist_section(results: Results, background: Background, sections: Sequence[Section]) -> Section:
    """Return the checklists as tables, filled from a study's data; `sections` are those of the report."""
    places = {**ELSEWHERE, **{section.anchor: section.title for section in sections}}
    facts = facts_of(results, background)
    grids = (
        Grid.of(
            each["title"],
            (_item(str(k), item, places, facts) for k, item in enumerate(each["items"], start=1)),
        )
        for each in CHECKLISTS
    )
    return Section("checklists", "Checklists", (Text(prose("checklists", results)), *grids))


def _item(
    item: str, asked: Mapping[str, Any], places: Mapping[str, str], facts: Mapping[str, str]
) -> dict[str, str]:
    try:
        where, says = asked["where"].format_map(places), asked.get("says", "").format_map(facts)
        known = all(name in facts for name in asked.get("needs", ()))
    except KeyError:  # a section or a fact that this report does not have
        known = False
    if not known:
        where, says = AUTHORS, ""
    where = AUTHORS + where.removeprefix(AUTHORS.lower()) if where.startswith(AUTHORS.lower()) else where
    return {"Item": item, "What": asked["what"], "Where": where, "Answer": says}


def facts_of(results: Results, background: Background) -> dict[str, str]:
    """Return what checklists can name of a study: names of its protocol and course, counts and results in short."""
    study, named = as_read(results, background), groups_of(results)
    titles = {row["endpoint"]: row["title"] for row in results.multiplicity}
    alphas = [
        f"{titles[row['endpoint']]} {number(row['value'], 2)}"
        for row in results.agreement
        if row["statistic"] == "krippendorff_alpha" and row["scope"] == "all" and row["endpoint"] in titles
    ]
    arms = [arm_totals(results, arm) for arm in (0, 1)]
    n, answered = ({k: sum(arm[k][count] for arm in arms) for k in titles} for count in ("n", "answered"))
    aims = {row.get("aim", "superiority") for row in study["questions"] if row["name"] in titles}
    return {
        **{name: str(value) for name, value in study.items()},
        **asdict(named),
        **dict((*background.protocol, *background.course, *background.origin)),
        **({"estimand": background.estimand} if background.estimand else {}),
        "aims": listed(sorted(aims)).capitalize(),
        "alphas": "; ".join(alphas),
        "effects": "; ".join(f"{title} {effect(results, name)}" for name, title in titles.items()),
        "level": interval_of(results),
        "multiplicity": SEVERAL[study["multiplicity"]],
        "plural_readers": plural(study["readers"], "reader"),
        "questions": listed(list(titles.values())),
        "unanswered": "; ".join(f"{titles[k]} {n[k] - answered[k]} of {n[k]}" for k in titles),
    }
