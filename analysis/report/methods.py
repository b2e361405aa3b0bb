"""What the analysis assumes, and how to redo it."""

import platform
from collections.abc import Iterable
from dataclasses import asdict
from importlib import metadata

from analysis.report.comparison import by_sets
from analysis.report.document import Background, Block, Named, Points, Section, Text
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
