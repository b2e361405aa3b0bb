"""Everything that is read of a data set for a run or an import, checked, with its digests and its notes.

Experts' labels are a second file for some of the images: what they said, finding by finding. A finding may be about
several classes (nodule or mass), and a class about none: it is unknown to the experts, not negative. What comes is kept
in the experts' own findings, so that nothing is made up where they do not say which class it is.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis import vocabulary
from analysis.columns import FrameError
from analysis.durable import sha256_file
from analysis.frames import IGNORED, any_of, one_row_each
from analysis.identity import NameClashError, Names, join
from analysis.sweep.data.people import People, read_people
from analysis.sweep.data.splits import Split, class_groups, images_table, read_split
from analysis.sweep.data_spec import DataSpec, pairs
from analysis.sweep.errors import DataError
from analysis.sweep.layouts.registry import PEOPLE, read_texts

_MEANINGS = {"1": 1, "1.0": 1, "yes": 1, "0": 0, "0.0": 0, "no": 0}


@dataclass(frozen=True)
class Experts:
    """`table`: image, then a column per finding (1, 0 or blank), of those images of the split that experts read."""

    table: pd.DataFrame
    sha256: str
    notes: tuple[str, ...]


def read_experts(split: Split, data: DataSpec) -> Experts | None:
    """Read [data] expert_labels beside the test split; None where there is none.

    Raises
    ------
    DataError: no file, a missing column, an image with two different rows, a cell that is neither yes, no, 1, 0 nor
        blank (file, row and column named), no image of the split.
    """
    where, about = data.expert_labels, pairs(data.expert_classes, "expert_classes")
    if where is None:
        return None
    table = read_texts(where)
    heading = next((name for name in (data.id_column, *PEOPLE["image"]) if name in table), None)
    if heading is None:
        raise DataError(f"{where}: expected one of the columns {', '.join(PEOPLE['image'])}, got none")
    kept = table[[name for name in (heading, *about) if name in table]]
    try:
        kept = one_row_each(kept, list(about), heading, str(where))
        found = join(Names(split.images, rows=False), Names(kept[heading]))
    except (FrameError, NameClashError) as error:
        raise DataError(str(error)) from error
    if not found:
        raise DataError(f"{where}, column '{heading}': expected images of {split.where.name}, got none")
    places = sorted(found)
    said = kept.iloc[[found[place] for place in places]]
    out = pd.DataFrame({"image": [split.images[place] for place in places]})
    notes = [f"{where.name}: experts read {len(places):,} of {len(split.images):,} test images"]
    for finding, classes in about.items():
        cells = [
            _answer(text, f"{where}, row {row + 1}, column '{finding}'")
            for row, text in zip(said.index, said[finding], strict=True)
        ]
        out[finding] = pd.array(cells, "Int8")
        labels = any_of(split.labels[places], [data.classes.index(name) for name in classes.split("|")])
        notes.append(_compared(finding, out[finding].fillna(IGNORED).to_numpy(np.int8), labels))
    return Experts(out, sha256_file(where), tuple(notes))


def _answer(text: str, place: str) -> int | None:
    if vocabulary.is_blank(text):
        return None
    if (meant := _MEANINGS.get(text.strip().lower())) is None:
        raise DataError(f"{place}: expected yes, no, 1, 0 or a blank, got {text[:40]!r}")
    return meant


def _compared(finding: str, said: NDArray[np.int8], labels: NDArray[np.int8]) -> str:
    known = (said != IGNORED) & (labels != IGNORED)
    both, experts, data_set = (
        int(((said == a) & (labels == b) & known).sum()) for a, b in ((1, 1), (1, 0), (0, 1))
    )
    return (
        f"{finding}: of {int(known.sum()):,} images, {both:,} positive for both, {experts:,} for the experts alone, "
        f"{data_set:,} for the data set alone"
    )


def read_cases(split: Split, people: People, data: DataSpec) -> pd.Series | None:
    """Return the image that stands for the case of each image, blank for a prior; None where every image is a case.

    PA stands for its case before other views, these by their names, images of one view by theirs.

    Raises
    ------
    DataError: no studies to average over, nothing but priors, current images of a study that differ in labels or
        patient.
    """
    told = people.frame.reindex(columns=["study", "view", "role", "patient"], fill_value="").fillna("")
    own = told.assign(image=split.images, role=told["role"].where(told["role"] != "", told["view"]))
    prior = own["role"].map(vocabulary.is_prior)
    if prior.all():
        raise DataError(f"{split.where}: expected images to be scored, got nothing but priors")
    if data.cases == "image":
        return own["image"].where(~prior, "") if prior.any() else None
    if (own["study"] == "").all():
        raise DataError(
            f'{split.where}: expected the study of each image for cases = "mean", got none; give metadata with it'
        )
    own["study"] = own["study"].where(own["study"] != "", "\0" + own["image"])
    own["other"] = own["role"] != "PA"
    current = own[~prior].sort_values(["other", "role", "image"])
    stands = current.groupby("study")["image"].transform("first").reindex(own.index, fill_value="")
    first = pd.Index(own["image"]).get_indexer(stands)
    patient = own["patient"].to_numpy()
    torn = ((split.labels != split.labels[first]).any(axis=1) | (patient != patient[first])) & ~prior
    if torn.any():
        row = int(torn.to_numpy().argmax())
        raise DataError(
            f"{split.where}, row {split.rows[row]}: expected images of one study to have the same labels and patient, "
            f'for cases = "mean" scores them together, got others for {split.images[row]!r} than for {stands[row]!r} '
            f'({int(torn.sum())} images); correct them, or take cases = "image"'
        )
    return stands


@dataclass(frozen=True)
class Source:
    """The test split, who is on its images, and the training split and expert labels where there are some.

    `cases`: see `read_cases`.
    """

    data: DataSpec
    split: Split
    train: Split | None
    people: People
    experts: Experts | None
    cases: pd.Series | None

    @property
    def digests(self) -> dict[str, str]:
        """The SHA-256 of each file."""
        found = {"labels_test": self.split.sha256}
        found |= {"labels_train": self.train.sha256} if self.train else {}
        found |= {"metadata": self.people.sha256} if self.people.sha256 else {}
        return found | ({"expert_labels": self.experts.sha256} if self.experts else {})

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return the tables of a RUN folder that are known before any score, by their names in `RunPaths`."""
        found = {
            "images": images_table(self.split, self.people, self.data, self.cases),
            "classes": class_groups(self.data, self.split, self.train),
        }
        return found | ({"experts": self.experts.table} if self.experts else {})

    @property
    def warnings(self) -> list[str]:
        """What its user should know."""
        found = [*self.people.warnings, *self.split.notes, *(self.train.notes if self.train else ())]
        found += self.experts.notes if self.experts else ()
        for name, count in zip(self.data.classes, self.split.positives, strict=True):
            if count == 0:
                found.append(f"class '{name}' has no positive test image: its AP, AUC and F1 are missing")
        if self.train is None:
            found.append(
                "no training labels: classes are grouped by their share of the test split (10 %, 1 %)"
            )
        return found


def read_source(data: DataSpec) -> Source:
    """Read the label files, the metadata and the expert labels of a data set.

    Raises
    ------
    DataError: as `read_split`, `read_people`, `read_experts` and `read_cases`.
    """
    split = read_split(data.labels_test, data, "test")
    train = read_split(data.labels_train, data, "train") if data.labels_train else None
    people = read_people(split.images, data)
    return Source(data, split, train, people, read_experts(split, data), read_cases(split, people, data))
