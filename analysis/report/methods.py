"""What differed from the locked protocol, what the analysis assumes, and how to redo it."""

import platform
from collections.abc import Iterable
from dataclasses import asdict
from importlib import metadata

from analysis.report.comparison import METHODS, by_sets, primary_row
from analysis.report.document import Background, Block, Grid, Named, Points, Section, Text
from analysis.report.flow import courses
from analysis.report.words import TEXTS, counts_alike, groups_of, plural, prose
from analysis.stats import Results

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
