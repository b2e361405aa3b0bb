"""Which labels of a run look wrong, and how well rankings find the wrong ones where better labels are known."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.columns import Column
from analysis.findings.precision import FindingsError
from analysis.frames import IGNORED, NO_FINDING, label_matrix, labels_told, told_of
from analysis.selection import Run, suspects
from analysis.selection.suspects import Labels, Suspicion
from analysis.tablefile import read_table

Row = dict[str, Any]

IN_SAMPLE = "in-sample: the networks have learnt from these labels"
AGREEMENT = "exemplars (agreement)"


@dataclass(frozen=True)
class LabelNoise:
    """Tables of `analysis.selection.suspects`, the labels that are taken for wrong, and what was found in words."""

    tables: dict[str, list[Row]] = field(default_factory=dict)
    listed: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["image", "class"]))
    words: str = ""


def of_training_split(run: Run) -> bool:
    """Say whether the images of a run are those of its training labels."""
    digests = run.provenance.get("digests", {})
    return "labels_test" in digests and digests["labels_test"] == digests.get("labels_train")


def learnt(run: Run) -> bool:
    """Say whether the networks of a run were trained on its images.

    A run without checkpoints has predictions from elsewhere: those joined by cross-fitting, or an importer's own.
    """
    return of_training_split(run) and bool(run.provenance.get("checkpoints"))


def better_labels(run: Run, file: Path | None = None) -> Labels | None:
    """Return what is known better than a run's labels, images x classes, IGNORED elsewhere; None without any.

    Parameters
    ----------
    file: `image` and columns of classes with 1, 0 or blank, as `export_labels` writes them; or the truth of phantoms
        (`flipped_labels`). Without it, what experts said of findings that are one class, where a run has it.

    Raises
    ------
    FindingsError: a file of no image of the run, or without its classes; a fault of a class that it has not.
    FrameError, NameClashError: as `analysis.frames.told_of`.
    """
    names, better = run.class_names, np.full(run.labels.shape, IGNORED, dtype=np.int8)
    columns, source = dict(zip(names, names, strict=True)), file or run.folder / "experts.csv"
    if file is None:
        if "experts.csv" not in run.provenance["tables"]:
            return None
        pairs = (text.partition("=") for text in run.provenance["spec"]["data"]["expert_classes"])
        columns = {named.strip(): finding.strip() for finding, _, named in pairs if named.strip() in names}
    faults = Column("flipped_labels", "text", "labels that are wrong", blank=True, optional=True)
    table = read_table(source, error=FindingsError, where=str(source), dtype={"image": str, faults.name: str})
    told = told_of(list(run.images["image"]), table, [faults, *labels_told(columns.values())], str(source))
    told = told[told.index >= 0]
    at = told.index.tolist()
    if faults.name in table.columns:
        better[at] = unflipped(run.labels[at], names, told[faults.name].fillna(""))
    else:
        better[np.ix_(at, list(map(names.index, columns)))] = label_matrix(told, list(columns.values()))
    if (better == IGNORED).all():
        if file is None:
            return None
        raise FindingsError(f"{source}: expected images and classes of {run.folder}, got none")
    return better


def unflipped(written: Labels, names: Sequence[str], flipped: Iterable[str]) -> Labels:
    """Return the labels (images x classes) without the faults that the truth file names, one text an image.

    Raises
    ------
    FindingsError: a fault that is not + or - and one of the classes.
    """
    truth = written.copy()
    for row, text in zip(truth, flipped, strict=True):
        for name in filter(None, text.split("; ")):
            if name[0] not in "+-" or name[1:] not in names:
                raise FindingsError(
                    f"flipped_labels: expected + or - and one of {', '.join(names)}; got {name!r}"
                )
            row[names.index(name[1:])] = name[0] == "-"
    findings = [place for place, name in enumerate(names) if name != NO_FINDING]
    if len(findings) < len(names):
        truth[:, names.index(NO_FINDING)] = (truth[:, findings] != 1).all(axis=1)
    return truth


def label_noise(
    run: Run, *, reference: str, agreement: pd.Series | None, exemplar: npt.NDArray[np.bool_] | None,
    better: Labels | None, fraction: float, seed: int, in_sample: Run | None = None,
) -> LabelNoise:  # fmt: skip
    """Rank the labels of a run, list those taken for wrong, and try the rankings where better labels are known.

    Nothing is said of a test split without better labels.

    Parameters
    ----------
    reference: the condition whose scores rank the labels. agreement: of each image, that made the exemplars.
    in_sample: a sweep of networks trained on these images, for EL2N, where the run's own are by cross-fitting.
    """
    inside = learnt(run)
    if better is None and not of_training_split(run):
        return LabelNoise()
    scores, labels = run.mean_scores(reference), run.labels
    found = [
        Suspicion(one.name, one.labels, note=IN_SAMPLE if inside else "")
        for one in suspects.rankings(labels, scores)
    ]
    source = run if inside else in_sample
    if source is not None:
        if list(source.images["image"]) != list(run.images["image"]):
            raise FindingsError(f"{source.folder}: expected the images of {run.folder}, got different ones")
        found.append(suspects.el2n(labels, np.stack([source.scores(one, reference) for one in source.seeds])))
    if agreement is not None:
        found.append(
            Suspicion(AGREEMENT, images=agreement.reindex(run.images["image"]).to_numpy(dtype=np.float64))
        )
    tables: dict[str, list[Row]] = {}
    if exemplar is not None:
        tables["suspected"] = suspects.shared_rows(
            found[: -1 if agreement is not None else None], labels, exemplar, run.ties or 0
        )
    if better is not None:
        tables["suspects"], tables["relabelling"] = suspects.detection_rows(
            found, labels, better, patients=run.owners, fraction=fraction, seed=seed
        )
    return LabelNoise(tables, listed_labels(run, scores), _words(tables.get("suspects", [])))


def listed_labels(run: Run, scores: npt.NDArray[np.float64]) -> pd.DataFrame:
    """List the labels that confident learning takes for wrong, from the most suspicious of each class and value on.

    Returns
    -------
    image, class, given, score, rank, of (labels of the class and value), expected (to be wrong among them).
    """
    labels, ranks = run.labels, suspects.ranks_within(run.labels, scores)
    expected = suspects.of_own(labels, suspects.expected_wrong(labels, scores))
    image, column = at = np.nonzero(ranks <= expected)
    table = pd.DataFrame({
        "image": run.images["image"].to_numpy()[image], "class": np.array(run.class_names)[column],
        "given": labels[at], "score": scores[at], "rank": ranks[at],
        "of": suspects.of_own(labels, suspects.sizes(labels))[at], "expected": expected[at],
    })  # fmt: skip
    return table.sort_values(["class", "given", "rank", "image"], ignore_index=True)


def _words(rows: list[Row]) -> str:
    told = []
    for target in ("wrong positives", "missed positives"):
        own = {row["ranking"]: row for row in rows if (row["target"], row["unit"]) == (target, "image")}
        said = ", ".join(f"{name} {_estimate(row)}" for name, row in own.items())
        told += [f"images with {target} ({said})"] if said else []
    if not told:
        return ""
    return (
        "How often an image with a wrong label ranks before one without (AUROC; one half is chance): "
        f"{'; '.join(told)}."
    )


def _estimate(row: Row) -> str:
    inside = "" if row["auroc_low"] is None else f" [{row['auroc_low']:.2f}, {row['auroc_high']:.2f}]"
    return f"{row['auroc']:.2f}{inside}" + (", in-sample" if row["note"].startswith("in-sample") else "")
