"""All that is read of a data set for a run or an import, checked, with its digests and its notes."""

from dataclasses import dataclass

import pandas as pd

from analysis.sweep.data.cases import read_cases
from analysis.sweep.data.experts import Experts, read_experts
from analysis.sweep.data.people import People, read_people
from analysis.sweep.data.splits import Split, class_groups, images_table, read_split
from analysis.sweep.data_spec import DataSpec


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
