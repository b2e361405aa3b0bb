"""Every sentence of the report over a grid of outcomes, in one file that is read line by line.

Each sentence is listed once, under the first outcome that says it; figures are those of the outcome. Draw it again with
`python -m tests.report.test_sentences` and read what changed before you commit it.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pandas as pd

from analysis.endpoints import PAPER, Endpoint, Groups
from analysis.report import Background, reader_study_report
from analysis.report.document import Findings, Grid, Named, Picture, Points, Text
from analysis.stats import Plan, Results, analyse, simulate_study
from analysis.stats.simulate import Latent
from tests.stats.reference_data import A, C, ratings

GOLDEN = Path(__file__).with_name("sentences.txt")
LOCKED = Background(locked=True, estimand="Image quality and difficulty of PIEs against controls, as found.")
AGREE, QUALITY, DIFFICULTY = PAPER


def study(
    effect: float = 0.0, seed: int = 1, readers: int = 5, cases: int = 40, **options: object
) -> pd.DataFrame:
    model = Latent(effect=dict.fromkeys(("agree", "quality", "difficulty"), effect), reader_by_arm=0.01)
    return simulate_study(seed=seed, readers=readers, cases=cases, model=model, **options)  # type: ignore[arg-type]


def answered(table: pd.DataFrame, **answers: object) -> pd.DataFrame:
    return table.assign(**answers, **{f"{name}_status": "answered" for name in answers})


def balanced() -> pd.DataFrame:
    """Each reader gives the same answers to the PIEs as to the controls."""
    table = study().sort_values(["reader", "arm", "case"])
    place = table.groupby(["reader", "arm"]).cumcount() + table["reader"].str[1:].astype(int)
    return answered(table, agree=place % 2, quality=1 + place % 5, difficulty=1 + place % 3)


def thin() -> pd.DataFrame:
    table = study(0.8)
    pies = table.loc[table["arm"] == 1, "case"].unique()[2:]
    return table[(table["reader"] != "R2") | ~table["case"].isin(pies)]


def of_patients(table: pd.DataFrame, images: int) -> pd.DataFrame:
    """Give so many cases of a group in a row to one patient."""
    place = table["case"].str[1:].astype(int).sub(1).floordiv(2 * images)
    return table.assign(
        patient=place.astype(str) + "/" + (table["arm"].astype(str) if images > 1 else table["case"])
    )


def without_an_arm(table: pd.DataFrame, arm: int, *names: str) -> pd.DataFrame:
    table = table.copy()
    for name in names:
        table.loc[table["arm"].astype(int) == arm, [name, f"{name}_status"]] = [None, "missing"]
    return table


def cannot_assess() -> pd.DataFrame:
    table = study(-0.5, missing=0.05)
    table.loc[table["agree"].isna(), "agree_status"] = "cannot_assess"
    return table


def planned_of(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Take the last readings of two readers away, and say that they were planned."""
    plan = table[["reader", "case", "arm"]].assign(state="read")
    late = table["position"] > 34
    for reader, state in (("R1", "never_shown"), ("R2", "withdrawn")):
        plan.loc[late & (table["reader"] == reader), "state"] = state
    return table[plan["state"] == "read"], plan


def margins(aim: str, *sizes: float) -> tuple[Endpoint, ...]:
    return tuple(
        replace(each, aim=aim, margin=size)
        for each, size in zip(PAPER, sizes, strict=True)  # type: ignore[arg-type]
    )


def told(table: pd.DataFrame, plan: Plan = Plan(), planned: pd.DataFrame | None = None) -> Results:  # noqa: B008
    return analyse(table, seed=1, draws=99, bootstraps=20, plan=plan, partial=True, planned=planned)


def lean(**drift: float) -> pd.DataFrame:
    """Twelve readers of 20 + 20 cases; a question named leans by so much."""
    table = simulate_study(
        seed=7, readers=12, cases=40,
        model=Latent(effect={"agree": 0.0, "quality": 0.0, "difficulty": 0.0} | drift, reader_by_arm=0.01),
    )  # fmt: skip
    return table


OUTCOMES: dict[str, Callable[[], Results]] = {
    "a difference in every question": lambda: told(study(-1.2)),
    "none in any": lambda: told(study(0.05)),
    "Holm takes one back": lambda: told(ratings(A)),
    "one in one, each alone": lambda: told(lean(quality=-0.8), Plan(multiplicity="none")),
    "a fixed sequence that stops at its first question": lambda: told(
        lean(quality=-0.8), Plan(multiplicity="fixed sequence")
    ),
    "a level of 1 %": lambda: told(ratings(A), Plan(alpha=0.01)),
    "exactly balanced": lambda: told(balanced()),
    "one answer throughout": lambda: told(answered(study(), agree=1, quality=3, difficulty=2)),
    "perfect separation": lambda: told(ratings("G_degenerate_perfect_separation")),
    "one reader": lambda: told(study(-1.0, readers=1)),
    "two readers": lambda: told(study(-1.0, readers=2)),
    "a reader with two PIEs": lambda: told(thin()),
    "a reader who lacks an arm": lambda: told(ratings("G_degenerate_reader_missing_one_arm")),
    "one question without an arm": lambda: told(without_an_arm(study(-0.8), 1, "quality")),
    "nothing comparable": lambda: told(without_an_arm(study(), 1, "agree", "quality", "difficulty")),
    "cannot assess": lambda: told(cannot_assess()),
    "planned and not read": lambda: told(planned_of(study(-0.5))[0], planned=planned_of(study(-0.5))[1]),
    "cases of each reader's own": lambda: told(study(-0.8, design="nested")),
    "overlapping blocks, answers missing": lambda: told(ratings(C)),
    "equivalence shown and not": lambda: told(
        lean(quality=-0.5), Plan(margins("equivalence", 0.25, 0.3, 1.0))
    ),
    "equivalence taken back": lambda: told(lean(quality=-0.8), Plan(margins("equivalence", 0.2, 0.2, 0.36))),
    "equivalence, no verdict": lambda: told(thin(), Plan(margins("equivalence", 0.2, 0.5, 0.5))),
    "non-inferiority shown and not": lambda: told(
        lean(quality=-0.5), Plan(margins("non-inferiority", 0.25, 0.3, 1.0))
    ),
    "matched sets, a difference": lambda: told(study(-1.0), Plan(primary="theta_set")),
    "matched sets, none": lambda: told(study(0.05), Plan(primary="theta_set")),
    "matched sets with a margin": lambda: told(
        lean(), Plan(margins("equivalence", 0.25, 0.6, 0.6), primary="theta_set")
    ),
    "sets declared, none there": lambda: told(study(-1.0).assign(pair=""), Plan(primary="theta_set")),
    "version 2": lambda: told(ratings(A), Plan(version=2)),
    "version 2, perfect separation": lambda: told(
        ratings("G_degenerate_perfect_separation"), Plan(version=2)
    ),
    "version 3, pairs": lambda: told(study(-1.0), Plan(version=3, primary="pairs")),
    "groups of other names": lambda: told(study(-1.0), Plan(groups=Groups("film", "films", "scan", "scans"))),
    "three images of a patient": lambda: told(of_patients(study(-1.2), 3)),
    "matched sets, three images of a patient": lambda: told(
        of_patients(study(-1.2), 3), Plan(primary="theta_set")
    ),
    "one image of each patient": lambda: told(of_patients(study(-1.2), 1)),
    "a reader of two patients of a group": lambda: told(of_patients(study(-1.0, cases=24), 6)),
    "a file that may have a hole": lambda: told(
        study(cases=80).pipe(
            lambda t: t[(t["reader"] != "R3") | (t["arm"] == 0) | (t["case"].str[1:].astype(int) < 25)]
        )
    ),
}


@cache
def result(name: str) -> Results:
    """Return an outcome, computed once."""
    return OUTCOMES[name]()


_SENTENCE = re.compile(r"[^\W\d_]\S* \S+ \S+ \S+")
"""Four words or more: shorter cells are names and numbers."""


def sentences(results: Results) -> Iterator[str]:
    """Yield the sentences of a report, section by section; what names versions of libraries is left out."""
    report = reader_study_report(results, LOCKED)
    for section in report.sections:
        for block in section.blocks:
            yield from filter(_SENTENCE.search, _texts(block))


def _texts(block: object) -> Iterator[str]:
    if isinstance(block, Text | Picture):
        yield block.text
    elif isinstance(block, Points):
        yield from block.items
    elif isinstance(block, Named):
        yield from (f"{name}: {value}" for name, value in block.rows if name != "Versions")
    elif isinstance(block, Findings):
        for item in block.items:
            yield from (item.sentence, item.note, *(f"{name}: {value}" for name, value in item.facts))
    elif isinstance(block, Grid):
        yield block.caption
        for row in block.rows:
            yield from row


def drawn() -> str:
    seen: set[str] = set()
    parts = []
    for name in OUTCOMES:
        new = [text for text in dict.fromkeys(sentences(result(name))) if text not in seen]
        seen.update(new)
        parts.append("\n".join([f"== {name}", *new]).replace("\N{NO-BREAK SPACE}", " "))
    return "\n\n".join(parts) + "\n"


def test_every_sentence_is_one_that_was_read():
    assert drawn() == GOLDEN.read_text(encoding="utf-8"), (
        "read what changed: python -m tests.report.test_sentences"
    )


def test_no_outcome_claims_what_it_also_denies():
    """Of one question no sentence claims a difference, or a margin kept, while another denies it."""
    for name in OUTCOMES:
        for row in result(name).multiplicity:
            said, p = row["conclusion"], row["p_adjusted"]
            claimed = p is not None and p < row["alpha"]
            hedged = re.search(
                r"could explain it|has no verdict|not shown|no verdict|balanced|cannot be judged|not estim|not avail",
                said,
            )
            assert claimed == (hedged is None), said


if __name__ == "__main__":
    GOLDEN.write_text(drawn(), encoding="utf-8")
