"""Register data sets: images and label files on the server, checked first."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from django.db import transaction

from analysis.errors import RefusedError
from analysis.identity import path_key
from analysis.models import DataSet
from analysis.services.places import PlaceError, inside
from analysis.signals import tell
from analysis.sweep.data.people import read_people
from analysis.sweep.data.pixels import read_pixels
from analysis.sweep.data.source import read_cases, read_experts
from analysis.sweep.data.splits import Split, locate_images, read_split
from analysis.sweep.data_spec import PLACES, DataSpec
from analysis.sweep.errors import SweepError
from analysis.sweep.spec import PreprocessSpec, plain
from analysis.sweep.toml import spec_from
from analysis.tablefile import read_table

SPLITS = ("train", "val", "test")
LOOKED_AT = 2_000
"""How many images of a split, spread over it, are looked for at once; a sweep's preparation looks for all."""
LOOKED_SO = PreprocessSpec(size=256, antialias=True, colour="rgb")
"""How pictures of a preview are decoded: square, in the colours that they have."""


class InputError(RefusedError):
    """A data set or ensemble that cannot be registered; `field` names the field to correct, if it is one."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


@contextmanager
def at_field(field: str = "") -> Iterator[None]:
    """Turn what a place or the sweep refuses into an error at a field of a form."""
    try:
        yield
    except (PlaceError, SweepError) as error:
        raise InputError(str(error), field) from error


def register_data_set(
    *, slug: str, section: Mapping[str, Any], roots: Sequence[Path] | None, actor_id: int | None = None
) -> DataSet:
    """Check a [data] section and its files, and write it down under a name.

    Parameters
    ----------
    slug: the name; it also is the data set's name in file names.
    section: fields of `DataSpec` but `name`, blank ones left out.
    roots: folders inside which every place must lie; None for a person at the server's own prompt.

    Raises
    ------
    InputError: a name that is taken, a place outside the roots, files that are not what they should be.
    """
    values = {**examine(slug=slug, section=section, roots=roots).values, "created_by_id": actor_id}
    with transaction.atomic():
        found, made = DataSet.objects.get_or_create(slug=slug, defaults=values)
        if not made:
            raise InputError(f"expected a new name, the data set {slug} is already registered", "slug")
        tell("data_set.registered", slug, actor_id, counts=found.counts, digests=found.digests)
    return found


@dataclass(frozen=True)
class Examined:
    """What a data set would be: the `values` of its row; the columns of each label file; some of its `pictures`, and
    what is `refused` of those.
    """

    values: Mapping[str, Any]
    columns: Mapping[str, Sequence[str]]
    pictures: Sequence[tuple[str, npt.NDArray[np.uint8]]] = ()
    refused: Sequence[str] = ()

    @property
    def colours(self) -> str:
        """How many of all pictures were looked at; how many of those are grey, and how many in colour."""
        read, coloured = len(self.pictures), sum(picture.ndim == 3 for _, picture in self.pictures)
        looked = f"{read + len(self.refused)} of {sum(self.values['counts'].values())}"
        return f"{looked}: {read - coloured} grey, {coloured} in colour"


def examine(
    *, slug: str, section: Mapping[str, Any], roots: Sequence[Path] | None, pictures: int = 0
) -> Examined:
    """Check a [data] section and its files as `register_data_set` does, decode `pictures` images, write nothing."""
    data = _data_spec(slug, section, roots)
    splits = _splits(data)
    values = {
        "section": _plain(data),
        "counts": {role: len(split.images) for role, split in splits.items()},
        "classes": _class_rows(data, splits),
        "digests": {role: split.sha256 for role, split in splits.items()},
        "warnings": _warnings(data, splits),
        "synthetic": data.synthetic,
    }
    shown = splits if pictures else {}
    seen, refused = [], []
    for split in shown.values():
        every = max(1, len(split.images) * len(splits) // pictures)
        for name, path in zip(split.images[::every], locate_images(split, data, every), strict=True):
            try:
                seen.append((name, read_pixels(path, LOOKED_SO).square))
            except SweepError as error:
                refused.append(str(error).replace(str(path), name))
    heads = {role: [*read_table(split.where, error=InputError, nrows=0)] for role, split in shown.items()}
    return Examined(values, heads, seen, refused)


def data_section(data_set: DataSet) -> dict[str, Any]:
    """Return the [data] section of a specification."""
    return {"name": data_set.slug, **data_set.section}


def _data_spec(slug: str, section: Mapping[str, Any], roots: Sequence[Path] | None) -> DataSpec:
    given = dict(section)
    if roots is not None:
        for name in PLACES:
            if given.get(name):
                with at_field(name):
                    kind = "folder" if name == "images" else "file"
                    given[name] = str(inside(str(given[name]), roots, kind=kind))
    with at_field():
        spec = spec_from({"data": {"name": slug, **given}}, base=Path("/"), where="data set")
    return spec.data


def _splits(data: DataSpec) -> dict[str, Split]:
    files = {role: file for role in SPLITS if (file := getattr(data, f"labels_{role}"))}
    if not files:
        raise InputError("expected at least one label file, got none", "labels_test")
    found = {}
    for role, file in files.items():
        with at_field(f"labels_{role}"):
            found[role] = read_split(file, data, role)
            locate_images(found[role], data, every=max(1, len(found[role].images) // LOOKED_AT))
    return found


def _class_rows(data: DataSpec, splits: Mapping[str, Split]) -> list[dict[str, Any]]:
    counts = {role: split.positives for role, split in splits.items()}
    return [
        {"name": name, **{role: int(found[place]) for role, found in counts.items()}}
        for place, name in enumerate(data.classes)
    ]


def _warnings(data: DataSpec, splits: Mapping[str, Split]) -> list[str]:
    found = [note for split in splits.values() for note in split.notes]
    for one, other in (("train", "test"), ("val", "test"), ("train", "val")):
        if one in splits and other in splits:
            shared = len(set(map(path_key, splits[one].images)) & set(map(path_key, splits[other].images)))
            if shared:
                found.append(f"{shared} images are in both the {one} and the {other} split")
    for role, split in splits.items():
        if empty := [n for n, count in zip(data.classes, split.positives, strict=True) if count == 0]:
            found.append(f"the {role} split has no positive image of: {', '.join(empty)}")
    if "test" in splits:
        with at_field("metadata"):
            people = read_people(splits["test"].images, data)
            read_cases(splits["test"], people, data)
            found += people.warnings
        with at_field("expert_labels"):
            found += getattr(read_experts(splits["test"], data), "notes", ())
    return found


def _plain(data: DataSpec) -> dict[str, Any]:
    return {name: value for name, value in plain(data).items() if name != "name" and value is not None}
