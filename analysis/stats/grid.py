"""One question's answers as matrices: readers by exemplars and readers by controls."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.endpoints import GROUPS, Groups
from analysis.stats.rows import NotComparableError

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]

FEW_READERS = 3
FEW_CASES = 10
LEAST_CASES = 3
"""Cases of an arm that every reader must have been given for a verdict: below, intervals cover too rarely by every
method that was calibrated (statistics.md)."""
ROUGH = "intervals are wide and, like p-values, only roughly right where there are any"
"""Below these (readers; cases per arm per reader) a comparison carries a warning (judgement)."""


@dataclass(frozen=True)
class Grid:
    """Answers to one question.

    `pie` is readers x PIE cases, `control` is readers x control cases, float, NaN where a reader gave no
    answer. `dropped` names the readers who lack an arm, `constant` those who gave one answer throughout.
    `strata` numbers the cases (PIEs first) by the batches in which they were read, `pairs` holds their
    matched set ("" = none). `thin` names the readers who were given fewer than `LEAST_CASES` cases of an arm,
    answered or not, `few_sets` those who were given fewer matched sets of both arms. `patients` numbers the cases by
    their patients, and cases of one patient, or sets that share one, count as one there; None where each case is of
    another patient, or nothing is known.
    """

    name: str
    readers: tuple[str, ...]
    pie_cases: tuple[str, ...]
    control_cases: tuple[str, ...]
    pie: Floats
    control: Floats
    dropped: tuple[str, ...]
    strata: Integers
    pairs: tuple[str, ...]
    thin: tuple[str, ...] = ()
    few_sets: tuple[str, ...] = ()
    patients: Integers | None = None

    @property
    def answers(self) -> Floats:
        """All answers, readers x cases, PIEs first."""
        return np.hstack([self.pie, self.control])

    @property
    def given(self) -> Floats:
        """The answers that were given, in one row."""
        return self.answers[~np.isnan(self.answers)]

    @property
    def is_pie(self) -> Bools:
        """True for the PIE cases, in the order of `answers`."""
        return np.arange(len(self.pie_cases) + len(self.control_cases)) < len(self.pie_cases)

    @property
    def complete(self) -> bool:
        """Whether every reader answered every case (fully crossed, nothing missing)."""
        return not np.isnan(self.answers).any()

    @property
    def constant(self) -> tuple[str, ...]:
        """Readers who gave the same answer to every case."""
        spread = np.nanmax(self.answers, axis=1) - np.nanmin(self.answers, axis=1)
        return tuple(name for name, width in zip(self.readers, spread, strict=True) if width == 0)

    @property
    def shares_cases(self) -> bool:
        """Whether any case was answered by two readers."""
        return bool(((~np.isnan(self.answers)).sum(axis=0) > 1).any())

    def warnings(self) -> list[str]:
        """Sentences on dropped and constant readers and on small numbers."""
        found = []
        if self.dropped:
            found.append(f"dropped for lack of answers in one arm: {', '.join(self.dropped)}")
        if self.constant:
            found.append(f"gave one answer throughout, kept with theta 0.5: {', '.join(self.constant)}")
        if len(self.readers) < FEW_READERS:
            found.append(f"fewer than {FEW_READERS} readers: {ROUGH}")
        per_reader = [(~np.isnan(arm)).sum(axis=1).min() for arm in (self.pie, self.control)]
        if min(per_reader) < FEW_CASES:
            found.append(f"a reader answered fewer than {FEW_CASES} cases in an arm: {ROUGH}")
        return found


def make_grid(first: pd.DataFrame, column: str, groups: Groups = GROUPS) -> Grid:
    """Arrange first readings as matrices for one question; drop readers who lack an arm and list them.

    Parameters
    ----------
    first: `Checked.first`, or a frame with reader, case, arm, pair, patient, batch and `column`.
    column: the answers, float with NaN for missing.
    groups: what the arms are called in messages.

    Raises
    ------
    NotComparableError: an arm holds no answer, or fewer than two cases with an answer.
    """
    answered = first[first[column].notna()]
    _refuse_small_arms(answered, column, (), groups)
    arms = answered.groupby("reader")["arm"].nunique()
    everyone = sorted(first["reader"].unique())
    kept = [name for name in everyone if arms.get(name, 0) == 2]
    dropped = tuple(str(name) for name in everyone if name not in kept)
    answered = answered[answered["reader"].isin(kept)]
    _refuse_small_arms(answered, column, dropped, groups)
    wide = answered.pivot(index="reader", columns="case", values=column)
    arm_of = answered.groupby("case")["arm"].first()
    pie_cases = [case for case in wide.columns if arm_of[case] == 1]
    control_cases = [case for case in wide.columns if arm_of[case] == 0]
    cases = pie_cases + control_cases
    pair_of = answered.groupby("case")["pair"].first()
    given = first[first["reader"].isin(kept)].assign(one=by_patient(first))
    owners = pd.factorize(given.groupby("case")["one"].first()[cases])[0]
    return Grid(
        name=column,
        readers=tuple(str(name) for name in wide.index),
        pie_cases=tuple(str(case) for case in pie_cases),
        control_cases=tuple(str(case) for case in control_cases),
        pie=wide[pie_cases].to_numpy(dtype=float),
        control=wide[control_cases].to_numpy(dtype=float),
        dropped=dropped,
        strata=_strata(first, cases),
        pairs=tuple(str(pair_of[case]) for case in cases),
        thin=_given_few(given, "one"),
        few_sets=_given_few(_in_sets(given), "set"),
        patients=owners if len(set(owners)) < len(cases) else None,
    )


def by_patient(first: pd.DataFrame) -> pd.Series:
    """Name the patient of each row; a case of whom nothing is known is a patient of its own."""
    return first["patient"].where(first["patient"] != "", "\0" + first["case"])


def linked(groups: Integers, patients: Integers) -> Integers:
    """Renumber the groups (matched sets) of their members: those that share a patient, directly or not, are one."""
    found = pd.Series(groups)
    while True:
        least = found.groupby(patients).transform("min").groupby(groups).transform("min")
        if least.equals(found):
            return found.to_numpy()
        found = least


def _given_few(first: pd.DataFrame, what: str) -> tuple[str, ...]:
    given = first.groupby(["reader", "arm"])[what].nunique().unstack(fill_value=0)
    return tuple(str(reader) for reader in given.index[given.min(axis=1) < LEAST_CASES])


def _in_sets(given: pd.DataFrame) -> pd.DataFrame:
    """Number the sets, those that are `linked` alike; a case of whose set its reader lacks an arm is not counted."""
    arms = given.groupby(["reader", "pair"])["arm"].transform("nunique")
    whole = given[(arms == 2) & (given["pair"] != "")]
    links = linked(*(pd.factorize(whole[name])[0] for name in ("pair", "one")))
    return given.assign(set=pd.Series(links, whole.index, dtype=float))


def _refuse_small_arms(answered: pd.DataFrame, column: str, dropped: tuple[str, ...], groups: Groups) -> None:
    names = ", ".join(dropped)
    after = f" after dropping {names}" if dropped else ""
    left = f" once {names} is left out for lack of answers in one arm" if dropped else ""
    for arm, name in ((1, groups.one), (0, groups.other)):
        n = answered.loc[answered["arm"] == arm, "case"].nunique()
        if n < 2:
            raise NotComparableError(
                f"{column}: expected answers to at least 2 {name} cases, got {n}{after}; "
                "the arms cannot be compared",
                f"{'only one' if n else 'no'} {name} case was answered{left}, and two are needed",
            )


def _strata(first: pd.DataFrame, cases: list[str]) -> Integers:
    """Number the cases by the set of batches in which they were presented, or of readers if none is named."""
    column = "batch" if (first["batch"] != "").any() else "reader"
    patterns = {case: frozenset(values) for case, values in first.groupby("case")[column]}
    numbers = {pattern: k for k, pattern in enumerate(dict.fromkeys(patterns[case] for case in cases))}
    return np.array([numbers[patterns[case]] for case in cases], dtype=np.int64)
