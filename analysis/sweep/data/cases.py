"""Which images of a test split are one case of a sweep: each by itself, or the current images of a study together."""

import pandas as pd

from analysis import vocabulary
from analysis.sweep.data.people import People
from analysis.sweep.data.splits import Split
from analysis.sweep.data_spec import DataSpec
from analysis.sweep.errors import DataError


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
