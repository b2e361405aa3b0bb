"""A second label file for some of the images: what experts said, finding by finding.

A finding may be about several classes (nodule or mass), and a class about none: it is unknown to the experts, not
negative. What comes is kept in the experts' own findings, so that nothing is made up where they do not say which class
it is.
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
from analysis.sweep.data.splits import Split
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
