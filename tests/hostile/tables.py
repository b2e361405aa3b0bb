"""Hostile tables, specifications, predictions, checkpoints and case sets, each with the input it is for."""

import csv
import hashlib
import io
import json
import os
import pickle
import pickletools
import struct
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from analysis.caseset import CaseSetError, read_key
from analysis.caseset.read import read_blind_half
from analysis.caseset.verify import verify_case_set
from analysis.columns import FrameError
from analysis.endpoints import Groups
from analysis.exchange.via import ViaError, read_via
from analysis.identity import NameClashError
from analysis.imports.errors import PredictionsError
from analysis.imports.listing import Choices, data_spec
from analysis.imports.readers import read_predictions
from analysis.services.listed import read_listed
from analysis.stats.intake import check, read_ratings
from analysis.stats.rows import StatsError
from analysis.stats.study import read_settings, read_subgroups
from analysis.sweep.data.people import read_people
from analysis.sweep.data.splits import read_split
from analysis.sweep.data_spec import DataSpec
from analysis.sweep.errors import CheckpointError, DataError, SpecError
from analysis.sweep.layouts import LAYOUTS
from analysis.sweep.networks.checkpoints import read_checkpoint
from analysis.sweep.toml import load_spec
from analysis.tablefile import MAX_COLUMNS
from tests.cases.images import blind_half, greys, png
from tests.hostile.raster import CANARY
from tests.sweep import published

Refused = tuple[type[Exception], ...]
CLASSES = ("Hernia", "Mass")
IMAGES = 3


@dataclass(frozen=True)
class Input:
    """How a file comes in, and by which named errors it may be refused."""

    name: str
    ending: str
    open: Callable[[Path], object]
    errors: Refused


def _predictions(path: Path) -> object:
    return read_predictions(path, images=IMAGES, classes=CLASSES, id_column="id")


def _labels(path: Path) -> object:
    return read_split(path, DataSpec(name="d", images=path.parent, classes=CLASSES), "test")


def _metadata(path: Path) -> object:
    return read_people(["a.png"], DataSpec(name="d", images=path.parent, classes=CLASSES, metadata=path))


def _class_names(path: Path) -> object:
    return data_spec(Choices(path), None)


def _ratings(path: Path) -> object:
    return check(read_ratings(path))


def _via(path: Path) -> object:
    return read_via([path], cases="shared", first_exemplars=1)


def _listed(path: Path) -> object:
    return read_listed(path, Groups("one", "ones", "other", "others"))


def _published(layout: str) -> Callable[[Path], object]:
    """Read labels in a published layout, with every policy that lets cells through."""
    one = LAYOUTS[layout]
    spec = DataSpec(
        name="d", images=Path(), layout=layout, classes=one.classes or CLASSES, id_column=one.id_column,
        uncertain=("ignore",), blank=("ignore",),
    )  # fmt: skip
    return lambda path: read_split(path, spec, "test")


PUBLISHED = {name: Input(f"labels of {name}", "csv", _published(name), (DataError,)) for name in LAYOUTS}
LABELS = Input("labels", "csv", _labels, (DataError,))
SPEC = Input("specification", "toml", load_spec, (SpecError,))
RESULTS = Input("results", "json", read_settings, (StatsError,))
METADATA = Input("metadata", "csv", _metadata, (DataError,))
CLASS_NAMES = Input("label heading", "csv", _class_names, (PredictionsError,))
VIA = Input("VIA", "csv", _via, (ViaError, NameClashError))
SUBGROUPS = Input("subgroups", "csv", read_subgroups, (StatsError,))
RATINGS = Input("ratings", "csv", _ratings, (StatsError, FrameError))
LISTED = Input("list of cases", "csv", _listed, (CaseSetError, FrameError))
KEY = Input("key", "csv", read_key, (CaseSetError, FrameError))
CHECKPOINT = Input("checkpoint", "pt", read_checkpoint, (CheckpointError,))
TENSORS = Input("checkpoint", "safetensors", read_checkpoint, (CheckpointError,))
PREDICTIONS = {
    ending: Input("predictions", ending, _predictions, (PredictionsError,))
    for ending in ("pkl", "npy", "csv", "parquet")
}


TABLES = (LABELS, METADATA, CLASS_NAMES, RATINGS, SUBGROUPS, LISTED, KEY, VIA, PREDICTIONS["csv"])
"""Every input that takes a CSV, but for cases.csv, which is read after its digest was checked."""


class Runs:
    """An object whose pickle makes a file when it is loaded by a careless reader."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return os.mkdir, (str(self.target),)


def files(trap: Path) -> Iterator[tuple[str, Input, bytes]]:
    """Yield a name, an input and the bytes of each file; code in a file would make the folder `trap`."""
    for reader in (LABELS, RATINGS, LISTED, KEY, PREDICTIONS["csv"], METADATA, VIA, *PUBLISHED.values()):
        for name, data in _any_table():
            yield f"{reader.name}: {name}", reader, data
    for reader in TABLES:
        for name, data in wide_tables():
            yield f"{reader.name}: {name}", reader, data
    yield from _label_files()
    yield from _published_files(trap)
    yield from _specifications()
    yield from _rating_files()
    yield from _settings_files()
    yield from _pickles(trap)
    yield from _arrays()
    yield from _checkpoints(trap)


def _any_table() -> Iterator[tuple[str, bytes]]:
    yield "nothing", b""
    yield "bytes that are no UTF-8", b"\xff\xfe\0a,\xc3\x28\n"
    yield "zero bytes", b"\0" * 5_000
    yield "a quote that never ends", b'id,Hernia\n"' + b"x" * 200_000
    yield "rows of other lengths", b"id,Hernia,Mass\n1,2\n1,2,3,4,5,6\n"
    yield "a column twice", b"id,id,Hernia,Hernia\na,b,0,1\n"


def wide_tables() -> Iterator[tuple[str, bytes]]:
    """Yield what costs a reader seconds before it learns anything."""
    names = b",".join(b"c%d" % i for i in range(100_000))
    yield "100,000 columns", names + b"\n" + b",".join([b"1"] * 100_000) + b"\n"
    yield "100,000 columns in the first row", b"id,Hernia,Mass\n" + b",".join([b"1"] * 100_000) + b"\n"
    yield (
        "100,000 quoted columns over as many lines",
        b",".join(b'"c%d\n"' % i for i in range(100_000)) + b"\n",
    )
    yield "a column more than may come", b",".join(b"c%d" % i for i in range(MAX_COLUMNS + 1)) + b"\n"
    yield "a heading that does not end", b"id," + b"x" * 100_000 + b",y" * 1_000_000
    yield "a heading after 2,000,000 blank lines", b"\n" * 2_000_000 + b"id,Hernia,Mass\n"


def _label_files() -> Iterator[tuple[str, Input, bytes]]:
    for name in ("../../etc/passwd", "/etc/passwd", "a/../../b.png", "..", "", "a\0b.png"):
        yield f"labels: an image named {name!r}", LABELS, f"id,Hernia,Mass\n{name},0,1\n".encode()
    for value in ("2", "-1", "nan", "", "yes", "1e400", "=1+1", "0.5", "9" * 400):
        yield f"labels: a label {value[:20]!r}", LABELS, f"id,Hernia,Mass\na.png,0,{value}\n".encode()
    yield "labels: an image twice", LABELS, b"id,Hernia,Mass\na.png,0,1\na.png,1,1\n"


def _published_files(trap: Path) -> Iterator[tuple[str, Input, bytes]]:
    for name, cell in (
        ("code", f"[__import__('os').mkdir('{trap}')]"), ("lists 5,000 deep", "[" * 5_000 + "]" * 5_000),
        ("half a list", "['Hernia'"), ("numbers", "[1, 2]"), ("a mapping", "{'Hernia': 1}"), ("a bar alone", "|"),
        ("100,000 names", "|".join(["Hernai"] * 100_000)),
    ):  # fmt: skip
        for layout, text, usual in (
            ("padchest", published.PADCHEST, "['normal']"), ("nih-cxr14", published.NIH, "No Finding"),
        ):  # fmt: skip
            quoted = '"' + cell.replace('"', '""') + '"'
            yield f"{layout}: {name}", PUBLISHED[layout], text.replace(usual, quoted).encode()
    rows = published.VINDR.replace(",1,", ",1e999,").encode()
    yield "vindr-cxr: votes beyond all numbers", PUBLISHED["vindr-cxr"], rows
    yield "mimic-cxr: no list of images", PUBLISHED["mimic-cxr"], published.MIMIC_LABELS.encode()


def _specifications() -> Iterator[tuple[str, Input, bytes]]:
    usual = '[data]\nname = "d"\nimages = "images"\n'
    texts = {
        "nothing": "",
        "no TOML": "[data\nname",
        "a key twice": usual + 'name = "e"\n',
        "an unknown section": usual + "[code]\nrun = 'rm'\n",
        "an unknown key": usual + "shell = 'rm'\n",
        "lists 5,000 deep": usual + "classes = " + "[" * 5_000 + "]" * 5_000,
        "a wrong type": usual.replace('"d"', "7"),
        "a sparsity of 2": usual + "[prune]\nsparsities = [2.0]\n",
        "a sparsity that is no number": usual + "[prune]\nsparsities = [nan]\n",
        "a number of 5,000 digits": usual + "head = " + "9" * 5_000 + "\n",
        "a number of 400 digits": usual + "head = " + "9" * 400 + "\n",
        "sparsities of 400 digits": usual + "[prune]\nsparsities = [" + "9" * 400 + "]\n",
        "a batch of nothing": usual + "[infer]\nbatch_size = 0\n",
        "an unknown engine": usual + "[infer]\nengine = 'eval'\n",
        "a data set without a name": usual.replace('"d"', '""'),
    }
    for name, text in texts.items():
        yield f"specification: {name}", SPEC, text.encode()
    yield "specification: bytes that are no UTF-8", SPEC, b"\xff\xfe[data]"


def _rating_files() -> Iterator[tuple[str, Input, bytes]]:
    heading = "reader,case,arm,pair,batch,presentation,position,agree,quality,difficulty,time_s"
    usual = "r1,c1,1,p1,b1,1,1,1,3,3,9.5"
    for name, row in {
        "an arm of 2": usual.replace(",1,p1", ",2,p1"), "an arm that is a formula": usual.replace(",1,p1", ",=1,p1"),
        "a quality of 9": usual.replace(",3,3,", ",9,3,"), "a quality of 3.5": usual.replace(",3,3,", ",3.5,3,"),
        "an infinite time": usual.replace("9.5", "inf"), "a time in words": usual.replace("9.5", "soon"),
        "presentation 0": usual.replace("b1,1", "b1,0"), "no reader": usual.replace("r1", ""),
        "one rating twice": f"{usual}\n{usual.replace(',3,3,', ',3,4,')}",
        "a case in both arms": f"{usual}\n{usual.replace(',1,p1', ',0,p1').replace('r1', 'r2')}",
    }.items():  # fmt: skip
        yield f"ratings: {name}", RATINGS, f"{heading}\n{row}\n".encode()
    yield "ratings: a column that is missing", RATINGS, f"{heading.replace('arm,', '')}\n".encode()


def _settings_files() -> Iterator[tuple[str, Input, bytes]]:
    study = {
        "seed": 1, "draws": 9, "bootstraps": 9, "endpoints": ["quality"], "primary_method": "u_centred", "alpha": 0.05,
        "multiplicity": "holm", "shortest_s": None, "longest_s": 900.0,
    }  # fmt: skip
    usual = json.dumps({"format": 1, "simulated": False, "study": study})
    for name, text in {
        "nothing": "", "no JSON": "{", "lists 100,000 deep": "[" * 100_000, "a list": "[]",
        "another format": usual.replace('"format": 1', '"format": 9'),
        "draws for years": usual.replace('"draws": 9', '"draws": 999999999999'),
        "a seed of 5,000 digits": usual.replace('"seed": 1', '"seed": 1' + "0" * 5_000),
        "an infinite time": usual.replace("900.0", "1e999"), "a level that is none": usual.replace("0.05", "NaN"),
        "questions that are objects": usual.replace('["quality"]', "[{}]"),
    }.items():  # fmt: skip
        assert text != usual
        yield f"results: {name}", RESULTS, text.encode()
    yield "results: bytes that are no UTF-8", RESULTS, b"\xc3\x28"


def _pickles(trap: Path) -> Iterator[tuple[str, Input, bytes]]:
    reader = PREDICTIONS["pkl"]
    for protocol in range(6):
        yield f"pickle: code, protocol {protocol}", reader, pickle.dumps(Runs(trap), protocol)
    target = str(trap).encode()
    calls = {
        "os.system": b"cos\nsystem\n(S'mkdir " + target + b"'\ntR.",
        "builtins.eval": b'c__builtin__\neval\n(S\'__import__("os").mkdir("' + target + b"\")'\ntR.",
        "an instance": b"(S'" + target + b"'\nios\nmkdir\n.",
        "an object of a class": b"(cos\nmkdir\nS'" + target + b"'\no.",
        "a nested name": b"\x80\x04\x8c\x02os\x8c\x0epath.os.system\x93.",
        "an extension": b"\x80\x02\x82\x01.",
        "a persistent id": b"P1\n.",
        "a list that holds itself": b"]\x94h\0a.",
        "10,000 nested tuples": b"(" + b")\x85" * 10_000 + b".",
        "a text of 2**63 bytes": b"\x80\x04\x8d" + struct.pack("<Q", 2**63) + b"x.",
        "bytes of 2**40": b"\x80\x04\x8e" + struct.pack("<Q", 2**40) + b"x.",
        "a number of 2**31 bytes": b"\x80\x02\x8b" + struct.pack("<i", 2**31 - 1) + b"x.",
        "a frame larger than the file": b"\x80\x04\x95" + struct.pack("<Q", 2**62) + b"N.",
        "doubling tuples": b"(" + b"2" * 3 + b"t" + b"2\x86" * 5_000 + b".",
        "no stop": b"\x80\x04N",
        "an unknown opcode": b"\x80\x04\xff.",
        "a dict": pickle.dumps({"Hernia": [0.1] * IMAGES}),
        "an array of objects": pickle.dumps(np.array([[1, "a"]] * IMAGES, dtype=object)),
        "scores that are no number": pickle.dumps(np.full((IMAGES, 2), "x")),
    }
    for name, data in calls.items():
        yield f"pickle: {name}", reader, data
    assert {op.name for op, _, _ in pickletools.genops(calls["os.system"])} >= {"GLOBAL", "REDUCE"}


def _arrays() -> Iterator[tuple[str, Input, bytes]]:
    reader, buffer = PREDICTIONS["npy"], io.BytesIO()
    np.save(buffer, np.zeros((IMAGES, 2)))
    whole = buffer.getvalue()
    objects = io.BytesIO()
    np.save(objects, np.array([[{}] * 2] * IMAGES, dtype=object), allow_pickle=True)
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("arr_0.npy", b"\0" * 50_000_000)
    for name, data in {
        "cut": whole[:-5],
        "of objects": objects.getvalue(),
        "larger than its bytes": whole.replace(b"(3, 2)", b"(3,99)"),
        "with code in its header": whole.replace(b"'<f8'", b"exec("),
        "of another version": whole[:6] + b"\x09\0" + whole[8:],
        "that is a zip": bomb.getvalue(),
    }.items():
        yield f"array {name}", reader, data
    yield "predictions: text in a CSV", PREDICTIONS["csv"], b"Hernia,Mass\n=cmd(),1\n1,1\n1,1\n"
    yield "predictions: Parquet mark and nothing more", PREDICTIONS["parquet"], b"PAR1" + b"\0" * 60 + b"PAR1"


def _checkpoints(trap: Path) -> Iterator[tuple[str, Input, bytes]]:
    for protocol in range(6):
        yield f"checkpoint: code, protocol {protocol}", CHECKPOINT, pickle.dumps(Runs(trap), protocol)
    buffer = io.BytesIO()
    torch.save({"weights": Runs(trap)}, buffer)
    whole = buffer.getvalue()
    yield "checkpoint: code in a torch file", CHECKPOINT, whole
    honest = io.BytesIO()
    torch.save({"weights": {"fc.weight": torch.zeros(2, 2)}}, honest)
    bad = io.BytesIO()
    torch.save({"weights": {"fc.weight": torch.full((2, 2), float("nan"))}}, bad)
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../escape/data.pkl", b"N.")
        archive.writestr("big", b"\0" * 100_000_000)
    for name, data in {
        "cut": honest.getvalue()[:-200], "weights that are no number": bad.getvalue(),
        "a zip that leaves its folder": zipped.getvalue(),
        "nothing": b"", "noise": np.random.default_rng(8).bytes(3_000), "a list": pickle.dumps([1, 2]),
    }.items():  # fmt: skip
        yield f"checkpoint: {name}", CHECKPOINT, data
    for name, data in {
        "a header of 2**60 bytes": struct.pack("<Q", 2**60) + b"{}",
        "no JSON": struct.pack("<Q", 5) + b"{{{{{",
        "a tensor beyond the end": _tensors(
            {"a": {"dtype": "F32", "shape": [10**9], "data_offsets": [0, 4 * 10**9]}}
        ),
        "tensors over each other": _tensors(
            {n: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]} for n in "ab"}
        ),
        "an unknown type": _tensors({"a": {"dtype": "PY", "shape": [1], "data_offsets": [0, 4]}}),
        "nothing": b"",
    }.items():
        yield f"safetensors: {name}", TENSORS, data


def _tensors(header: dict[str, object]) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + b"\0" * 4


def case_sets(folder: Path) -> Iterator[tuple[str, Path]]:
    """Write blind halves that are not what they say; yield a name and the folder of each."""
    image = png(greys(bits=8))
    for number, (name, change) in enumerate(_CHANGES.items()):
        place = blind_half(folder / str(number), [image] * 8)
        change(place)
        yield name, place


def _rows(place: Path, change: Callable[[list[dict[str, str]]], object]) -> None:
    """Change the rows of cases.csv, and let provenance.json hold the new digest."""
    rows = list(csv.DictReader(io.StringIO((place / "cases.csv").read_text())))
    change(rows)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    (place / "cases.csv").write_text(text.getvalue())
    provenance = json.loads((place / "provenance.json").read_text())
    provenance["cases_sha256"] = hashlib.sha256(text.getvalue().encode()).hexdigest()
    provenance["cases"] = len(rows)
    (place / "provenance.json").write_text(json.dumps(provenance))


def _first(column: str, value: str) -> Callable[[Path], None]:
    return lambda place: _rows(place, lambda rows: rows[0].update({column: value}))


def _provenance(name: str, value: object) -> Callable[[Path], None]:
    def change(place: Path) -> None:
        path = place / "provenance.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), name: value}))

    return change


def _image(place: Path) -> Path:
    return next((place / "images").iterdir())


def _link(place: Path) -> None:
    path = _image(place)
    outside = place.parent / f"{place.name}-outside.png"
    path.rename(outside)
    path.symlink_to(outside)


def _wide(rows: list[dict[str, str]]) -> None:
    rows[0].update({f"c{number}": "1" for number in range(100_000)})
    for row in rows[1:]:
        row.update(dict.fromkeys(rows[0].keys() - row.keys(), ""))


_CHANGES: dict[str, Callable[[Path], object]] = {
    "a table of 100,000 columns": lambda place: _rows(place, _wide),
    "an image outside the folder": _first("image", "../../etc/passwd"),
    "an image by its full path": _first("image", "/etc/passwd"),
    "an image that is the table": _first("image", "cases.csv"),
    "an image named otherwise than its case": _first("image", "images/other.png"),
    "a case that is no key": _first("case", "../x"),
    "a digest that is none": _first("sha256", "z" * 64),
    "another image's digest": _first("sha256", "0" * 64),
    "a block of zero": _first("block", "0"),
    "a group that is a name": _first("separation_group", CANARY),
    "no labels": _first("labels", ""),
    "a link instead of an image": _link,
    "a folder instead of an image": lambda place: (
        _image(place).unlink(),
        (place / "images" / "x.png").mkdir(),
    ),
    "an image that is gone": lambda place: _image(place).unlink(),
    "an image too many": lambda place: (place / "images" / "more.png").write_bytes(b"x"),
    "a byte changed in an image": lambda place: _image(place).write_bytes(
        _image(place).read_bytes()[:-1] + b"x"
    ),
    "no provenance": lambda place: (place / "provenance.json").unlink(),
    "provenance that is no JSON": lambda place: (place / "provenance.json").write_text("{" * 100_000),
    "provenance of another format": lambda place: (place / "provenance.json").write_text('{"format": 99}'),
    **{
        f"provenance with {name} {value!r}"[:60]: _provenance(name, value)
        for name, value in (
            ("key_sha256", "b" * 63),
            ("key_sha256", None),
            ("synthetic", "false"),
            ("cases", "8"),
            ("run", "r1"),
            ("run", {"run_id": "a\0"}),
            ("run", {"run_id": "x" * 65}),
            ("run", [1]),
        )
    },
    "provenance nested 100,000 deep": lambda place: (place / "provenance.json").write_text(
        '{"format": 1, "a": ' + "[" * 100_000 + "]" * 100_000 + "}"
    ),
    "a table changed afterwards": lambda place: (place / "cases.csv").write_text("case\n"),
    "the key inside": lambda place: (place / "key.csv").write_text("case,arm\n"),
    "a program inside": lambda place: (place / "images" / "run.sh").write_text("#!/bin/sh\n"),
}


def open_case_set(place: Path) -> None:
    """Read and verify a blind half, as the commands do."""
    read_blind_half(place)
    verify_case_set(place)
