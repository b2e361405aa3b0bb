"""From a study's answers back to labels: how many readers endorsed each label that they saw, and what they added.

A label that a reader ticked as wrong is 0; one that they added is 1; a label that was shown is 1 for anyone who agrees
fully, or who ticked or added something else. Everything else is missing: classes that were not shown, and a reader who
disagrees without saying why. Counts and shares tell how many readers think so, not how probable it is.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.tablefolder import csv_text
from readerstudy.refusals import RefusedError
from readerstudy.results.values import Reading, readings_of
from readerstudy.study.models import Study
from readerstudy.study.protocol import Protocol
from readerstudy.study.protocol.presets import ABOUT_LABELS
from readerstudy.study.protocol.questions import Question

COLUMNS = (
    "case", "arm", "class_group", "class", "shown", "readers", "endorse", "reject", "share", "label", "dawid_skene",
)  # fmt: skip
"""Of labels.csv; docs/formats.md tells what they mean."""

FEWEST = 3
"""Readers of each case from which Dawid and Skene's model is fitted."""

ROUNDS, DRAWS = 200, 2000
"""Steps of the expectation maximisation; resamples of the cases."""


class LabelsError(RefusedError):
    """A study tells nothing about labels; says what was expected."""


def label_question(questions: Sequence[Question]) -> tuple[str, tuple[int, ...]] | None:
    """Return the key of the question on labels, and the answers of anyone who does not fully agree; None without it."""
    asked = {(each.key, each.values) for each in questions}
    return next(
        ((known.key, values) for known, values in ABOUT_LABELS if (known.key, known.values) in asked), None
    )


def tells_labels(protocol: Mapping[str, Any]) -> bool:
    """Say whether the readers are asked about labels."""
    return label_question(Protocol.from_json(protocol).questions) is not None


def judgements(protocol: Mapping[str, Any], readings: Sequence[Reading]) -> pd.DataFrame:
    """Return what each reader said of each label at the first reading: reader, case, class, shown, value (0, 1).

    Raises
    ------
    LabelsError: the protocol has no question on labels.
    """
    question = label_question(Protocol.from_json(protocol).questions)
    if question is None:
        raise LabelsError(
            f"expected a protocol that asks about labels ('{ABOUT_LABELS[0][0].text}'), got none"
        )
    kinds = {each["kind"]: each["key"] for each in protocol["questions"] if each["kind"].endswith("_labels")}
    rows = [row for one in readings if one.presentation == 1 for row in _judged(one, question, kinds)]
    return pd.DataFrame(rows, columns=["reader", "case", "class", "shown", "value"])


def _judged(
    reading: Reading, question: tuple[str, tuple[int, ...]], kinds: Mapping[str, str]
) -> Iterator[tuple[str, str, str, int, int]]:
    said = {key: answer["value"] for key, answer in reading.answers.items() if answer["status"] == "answered"}
    if question[0] not in said:
        return
    agrees = said[question[0]] not in question[1]
    wrong, added = (
        [] if agrees else said.get(kinds.get(kind, ""), []) for kind in ("wrong_labels", "missing_labels")
    )
    head = (reading.reader, reading.case.key)
    if agrees or wrong or added:
        yield from ((*head, name, 1, int(name not in wrong)) for name in reading.case.labels)
    yield from ((*head, name, 0, 1) for name in added)


def labels_frame(study: Study) -> pd.DataFrame:
    """Return what readers said of each label (`COLUMNS`), sorted by case.

    Raises
    ------
    SealedError: the key is not open. LabelsError: the protocol has no question on labels.
    """
    return counted(judgements(study.protocol, readings := readings_of(study)), readings)


def counted(said: pd.DataFrame, readings: Sequence[Reading]) -> pd.DataFrame:
    """Count judgements by case and class."""
    first = [one for one in readings if one.presentation == 1 and one.revisions]
    readers = pd.Series([one.case.key for one in first], dtype=object).value_counts()
    cases = {one.case.key: one.case for one in first}
    grouped = said.groupby(["case", "class"])
    table = grouped.agg(
        shown=("shown", "max"), endorse=("value", "sum"), judged=("value", "size")
    ).reset_index()
    table["reject"] = table["judged"] - table["endorse"]
    table["share"] = table["endorse"] / table["judged"]
    more = table["endorse"] - table["reject"]
    table["label"] = more.map(lambda by: by > 0 if by else None).astype("Int64")
    table["readers"] = table["case"].map(readers)
    table["arm"] = [cases[key].arm for key in table["case"]]
    table["class_group"] = [cases[key].class_group for key in table["case"]]
    table["dawid_skene"] = np.nan
    shown = table["shown"] == 1
    if len(readers) and readers.min() >= FEWEST and shown.any():
        wide = said[said["shown"] == 1].pivot(index=["case", "class"], columns="reader", values="value")
        table.loc[shown, "dawid_skene"] = dawid_skene(wide.to_numpy(dtype=np.float64))
    return table[list(COLUMNS)]


def dawid_skene(votes: np.ndarray) -> np.ndarray:
    """Estimate the probability of each label from votes and how often each reader errs, by expectation maximisation.

    Each error rate has one vote for and one against it beforehand, so that few votes cannot make a reader infallible.

    Parameters
    ----------
    votes: labels x readers, 1, 0 or NaN where a reader did not judge; at least one vote for each label.

    Reference
    ---------
    Dawid and Skene 1979, Appl Stat 28:20.
    """
    there, yes = np.isfinite(votes), np.nan_to_num(votes)
    no, p = there - yes, np.nanmean(votes, axis=1)
    for _ in range(ROUNDS):
        hit, alarm = ((w @ yes + 1) / (w @ there + 2) for w in (p, 1 - p))
        prior = np.clip(p.mean(), 1e-6, 1 - 1e-6)
        odds = np.log(prior / (1 - prior)) + yes @ np.log(hit / alarm) + no @ np.log((1 - hit) / (1 - alarm))
        p = 1 / (1 + np.exp(-odds))
    return np.asarray(p)


def noise_rate(labels: pd.DataFrame, weights: Mapping[str, float]) -> tuple[float, float, float] | None:
    """Return the share of judgements that reject a shown label of arm 1, with a 95 % interval over cases.

    Parameters
    ----------
    weights: how many images of its class group a drawn one stands for.

    Returns
    -------
    Share, low, high; None without such judgements, or where a class group has no weight.
    """
    own = labels[(labels["arm"] == 1) & (labels["shown"] == 1)]
    cases = own.groupby("case").agg(
        group=("class_group", "first"), no=("reject", "sum"), yes=("endorse", "sum")
    )
    weight = cases["group"].map(weights).to_numpy(dtype=float)
    if cases.empty or np.isnan(weight).any():
        return None
    no, judged = weight * cases["no"].to_numpy(), weight * (cases["no"] + cases["yes"]).to_numpy()
    picks = np.random.default_rng(0).integers(len(cases), size=(DRAWS, len(cases)))
    low, high = np.quantile(no[picks].sum(axis=1) / judged[picks].sum(axis=1), (0.025, 0.975))
    return float(no.sum() / judged.sum()), float(low), float(high)


def labels_csv(study: Study, table: pd.DataFrame) -> bytes:
    """Return a table as a file that says when readers were simulated."""
    return csv_text(table, gaps=True, mark="simulated" if study.simulated_readers else None).encode()
