"""Where the report answers the items of GRRAS and CLAIM, and what this study's data say to each.

Kottner and others 2011, J Clin Epidemiol 64:96 (GRRAS, 15 items); Tejani and others 2024, Radiol Artif Intell 6:e240300
(CLAIM 2024 Update, 44 items). STARD-AI is about accuracy against a reference standard, which no study here has.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from analysis.printed import listed, number
from analysis.report.comparison import effect
from analysis.report.document import Background, Grid, Section, Text
from analysis.report.flow import LOST, arm_totals
from analysis.report.words import groups_of, interval_of, plural, prose
from analysis.stats import Results
from analysis.stats.conclusions import SEVERAL

CHECKLISTS = tomllib.loads((Path(__file__).parent / "checklists.toml").read_text("utf-8"))["checklist"]
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
    study, named = results.study, groups_of(results)
    titles = {row["endpoint"]: row["title"] for row in results.multiplicity}
    alphas = [
        f"{titles[row['endpoint']]} {number(row['value'], 2)}"
        for row in results.agreement
        if row["statistic"] == "krippendorff_alpha" and row["scope"] == "all" and row["endpoint"] in titles
    ]
    lost = {name: [0, 0] for name in titles}
    for name, total in ((n, t) for arm in (0, 1) for n, t in arm_totals(results, arm).items() if n in lost):
        lost[name] = [lost[name][0] + sum(total[kind] for kind in LOST), lost[name][1] + total["n"]]
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
        "unanswered": "; ".join(f"{titles[name]} {gone} of {n}" for name, (gone, n) in lost.items()),
    }
