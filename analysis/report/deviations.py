"""What differed from the locked protocol, as far as a program can see."""

from analysis.report.comparison import METHODS, primary_row
from analysis.report.document import Background, Grid, Section, Text
from analysis.report.flow import courses
from analysis.report.words import prose
from analysis.stats import Results


def deviations_section(results: Results, background: Background) -> Section | None:
    """Return the deviations as a table; None without a locked protocol."""
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
