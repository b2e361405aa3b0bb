"""What a name is: the one place that decides when two texts name the same image, patient, reader or case.

Rules, also in docs/formats.md. A name is trimmed (blanks and invisible marks around it) and put into Unicode form
NFC: texts that are equal then are one name. Names that differ only in letter case, in the spelling of a whole
number (7, 07, 7.0, 7e+00), in compatibility forms, inner blanks or invisible marks have one key: between two tables
they are the same, within one table they are refused, since nobody can tell a slip from two things. Decimals stay:
1.1 and 1.10 are two names.

The name of an image is a path. \\ is /, ./ and // are nothing. Only a known ending (`ENDINGS`) is an ending: the
last part of 1.2.826.0.1 is none.
"""

import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cached_property, lru_cache
from pathlib import Path

from analysis.errors import RefusedError

ENDINGS = frozenset(
    ("png", "jpg", "jpeg", "jpe", "jfif", "jp2", "j2k", "j2c", "jpf", "jpx", "jls", "tif", "tiff", "bmp", "gif",
     "webp", "heic", "pgm", "ppm", "pnm", "img", "raw", "nii", "mha", "mhd", "nrrd", "npy",
     "dcm", "dicom", "dic", "ima")
)  # fmt: skip
"""Endings of image files. What else follows a dot belongs to the name."""

LONGEST = 4096
"""Characters of a path. No longer one names a file, and its ends are not looked for."""

_NUMBER = re.compile(r"[+-]?[0-9]{1,64}(?:\.[0-9]{0,64})?(?:e\+[0-9]{1,2})?")


class NameClashError(RefusedError):
    """Names that cannot be told apart, or that could stand for several things; the message names two of them."""


def spelled(text: object) -> str:
    """Return a name as it is kept: Unicode form NFC, without blanks and invisible marks around it."""
    name = str(text)
    if name.isascii():
        return name.strip()
    name = unicodedata.normalize("NFC", name)
    return name.strip("".join(filter(_is_outer, set(name))))


def _is_outer(mark: str) -> bool:
    return mark.isspace() or unicodedata.category(mark) == "Cf"


@lru_cache(maxsize=1 << 16)
def name_key(text: object) -> str:
    """Return what names of patients, readers and cases are compared by; never shown."""
    name = spelled(text)
    if not name.isascii():
        name = "".join(mark for mark in _compatible(name) if unicodedata.category(mark) != "Cf")
    name = " ".join(name.casefold().split())
    return _whole(_compatible(name))


def _compatible(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


def _whole(text: str) -> str:
    """Write a whole number in one way; exponents only as programs write them (1e+05), for 1e5 may be a name."""
    if not _NUMBER.fullmatch(text):
        return text
    number = Decimal(text)
    return str(int(number)) if number == number.to_integral_value() else text


def path_key(text: object) -> str:
    """Return what names of images are compared by: the parts of the path, each by `name_key`."""
    parts = [part for part in spelled(text).replace("\\", "/").split("/") if part not in ("", ".")]
    if not parts:
        return ""
    stem, dot, ending = _ending(parts.pop())
    return "/".join([*map(name_key, parts), f"{name_key(stem)}{dot}{ending.lower()}"])


def without_ending(name: str) -> str:
    """Return the name of an image without its ending, if it has one of `ENDINGS`."""
    folder, slash, last = name.rpartition("/")
    return f"{folder}{slash}{_ending(last)[0]}"


def _ending(last: str) -> tuple[str, str, str]:
    stem, dot, ending = last.rpartition(".")
    return (stem, dot, ending) if stem and ending.lower() in ENDINGS else (last, "", "")


class Names:
    """A column of names: as written, and as compared.

    `said` names a place for messages: row and text by default, rows counted from 1 below the heading.
    """

    def __init__(
        self, written: Iterable[object], key: Callable[[object], str] = path_key, *, rows: bool = True
    ) -> None:
        self.written = [str(name) for name in written]
        self.keys = [key(name) for name in self.written]
        self._rows = rows

    def said(self, place: int) -> str:
        """Name one place of the column."""
        text = repr(self.written[place][:200])
        return f"row {place + 1} {text}" if self._rows else text

    @cached_property
    def places(self) -> Mapping[str, list[int]]:
        """The places of each key, rising."""
        return _places(self.keys)

    def refuse_spellings(self, what: str) -> None:
        """Raise NameClashError where one key is spelled in two ways."""
        for places in self.places.values():
            first = spelled(self.written[places[0]])
            for place in places:
                if spelled(self.written[place]) != first:
                    raise NameClashError(
                        f"expected each {what} in one spelling, got {self.said(places[0])} and {self.said(place)}"
                        "; write them alike, or rename one"
                    )


def join(
    wanted: Names, held: Names, *, rows: Collection[int] | None = None, anywhere: bool = False
) -> dict[int, int]:
    """Find for each wanted image the held name that stands for it.

    Names join by their whole path. Where one is missing, one path may be the end of the other, and endings may
    differ: if that fits one name only, seen from both sides. Folders that contradict each other never join, unless
    `anywhere`: then the last part alone joins, if it is the only one of its kind on both sides.

    Parameters
    ----------
    wanted: every image that could lay claim to a held name.
    held: names that may repeat; the first place stands for all that are equal.
    rows: places of `wanted` to find; all by default.
    anywhere: see above.

    Returns
    -------
    dict: place in `wanted` to place in `held`; what is missing is left out.

    Raises
    ------
    NameClashError: several held names fit one wanted, or several wanted one held; two of them are named.
    """
    found: dict[int, int] = {}
    left: list[int] = []
    for row in range(len(wanted.keys)) if rows is None else rows:
        whole = held.places.get(wanted.keys[row])
        if whole:
            found[row] = whole[0]
        else:
            left.append(row)
    if not left:
        return found
    # Of names that are equal on the held side, the first stands for all.
    firsts = [places[0] for places in held.places.values()]
    ours, theirs = _Ends(wanted.keys, range(len(wanted.keys))), _Ends(held.keys, firsts)
    ours.index(theirs.whole)
    theirs.index(ours.whole)
    ways = [_Ends.fitting, _Ends.namesakes][: 1 + anywhere]
    for row in left:
        for find in ways:
            if places := find(theirs, ours.names[row]):
                _refuse_two(f"expected one match for {wanted.said(row)}, got", held, places)
                (place,) = places
                back = find(ours, theirs.names[place])
                _refuse_two(f"expected one image for {held.said(place)}, it fits", wanted, back)
                found[row] = place
                break
    return found


def _refuse_two(told: str, names: Names, places: Sequence[int]) -> None:
    if len(places) > 1:
        one, other = map(names.said, places[:2])
        raise NameClashError(f"{told} {one} and {other}; write the whole path")


class _Ends:
    """A column of paths without their endings, indexed so that ends of paths are found at once."""

    def __init__(self, keys: Sequence[str], of: Iterable[int]) -> None:
        self.names = [without_ending(key) for key in keys]
        self.whole = _places(self.names, of)
        self.longer: dict[str, list[int]] = defaultdict(list)

    def index(self, others: Mapping[str, object]) -> None:
        """Index by those ends that the other column has, as paths or as their last parts: any others are too many."""
        ends = {*others, *map(_last, others)}
        for name, places in self.whole.items():
            for end in ends.intersection(_tails(name)):
                self.longer[end] += places

    def fitting(self, name: str) -> list[int]:
        """List the places of a path, of paths that end with it, and of paths that it ends with."""
        return self._ending(name) + [place for end in _tails(name) for place in self.whole.get(end, ())]

    def namesakes(self, name: str) -> list[int]:
        """List the places of paths with the same last part."""
        return self._ending(_last(name))

    def _ending(self, end: str) -> list[int]:
        return [*self.whole.get(end, ()), *self.longer.get(end, ())]


def _places(keys: Sequence[str], of: Iterable[int] | None = None) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for place in range(len(keys)) if of is None else of:
        found[keys[place]].append(place)
    return dict(found)


def _tails(key: str) -> Iterator[str]:
    if len(key) > LONGEST:
        return
    while "/" in key:
        _, _, key = key.partition("/")
        yield key


def _last(key: str) -> str:
    return key.rpartition("/")[2]


def find_files(
    names: Sequence[str],
    folder: Path,
    *,
    among: Sequence[str] | None = None,
    ending: str = "",
    anywhere: bool = False,
) -> dict[str, Path]:
    """Find the files of images in a folder: at their path, else by `join` with what lies anywhere below.

    Parameters
    ----------
    names: the images, with forward slashes.
    among: all images of the data set, of which `names` are some; those are all by default.
    ending: replaces the names' own (`.dcm`); only files of this ending are taken.
    anywhere: see `join`.

    Returns
    -------
    dict: the file of each image that has one.

    Raises
    ------
    NameClashError: names and files that do not fit one to one.
    """
    found: dict[str, Path] = {}
    for name in names:
        path = folder / (f"{without_ending(name)}{ending}" if ending else name)
        if path.is_file():
            found[name] = path
    if len(found) == len(set(names)):
        return found
    whole = list(names if among is None else among)
    place = {name: row for row, name in enumerate(whole)}
    lying = Names(_below(folder, ending), rows=False)
    absent = [place[name] for name in dict.fromkeys(names) if name not in found]
    for row, at in join(Names(whole, rows=False), lying, rows=absent, anywhere=anywhere).items():
        alike = lying.places[lying.keys[at]]
        if len(alike) > 1:
            raise NameClashError(
                f"expected one file for {whole[row]!r}, got {lying.said(alike[0])} and {lying.said(alike[1])}"
            )
        found[whole[row]] = folder / lying.written[at]
    return found


def _below(folder: Path, ending: str) -> list[str]:
    found = []
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        start = "" if root == str(folder) else f"{Path(root).relative_to(folder).as_posix()}/"
        found += [f"{start}{name}" for name in sorted(files) if name.lower().endswith(ending.lower())]
    return found
