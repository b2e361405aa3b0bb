"""Hostile RUN folders, backups and kept heads: what other machines, and people who could reach them, hand over."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tests.selection.runs import digest, seal, write_run

Change = Callable[[Path], object]
DEEP = '{"format": 1, "a": ' + "[" * 100_000 + "]" * 100_000 + "}"
HUGE = "9" * 400


def _said(**values: Any) -> Change:
    """Change the provenance of a run, the rest being honest."""

    def change(place: Path) -> None:
        path = place / "provenance.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **values}))

    return change


def _text(name: str, text: str | bytes) -> Change:
    return lambda place: (place / name).write_bytes(text if isinstance(text, bytes) else text.encode())


def _sealed(change: Change) -> Change:
    """Change a file and let the digests fit, so that it comes past them."""

    def changed(place: Path) -> None:
        change(place)
        seal(place)

    return changed


def _objects(place: Path) -> None:
    scores = next((place / "predictions").iterdir())
    np.save(scores, np.array([[{}]], dtype=object), allow_pickle=True)


def _outside(place: Path) -> None:
    """Name a file of the machine, with its digest, as one of the run's own."""
    outside = place.parent / "outside.csv"
    outside.write_text("secret\n")
    _said(tables={str(outside): digest(outside.read_bytes())})(place)


RUNS: dict[str, Change] = {
    "no provenance": lambda place: (place / "provenance.json").unlink(),
    "provenance that is no JSON": _text("provenance.json", "{"),
    "provenance that is no UTF-8": _text("provenance.json", b"\xff\xfe{}"),
    "provenance nested 100,000 deep": _text("provenance.json", DEEP),
    "provenance that is a list": _text("provenance.json", "[]"),
    "predictions that are a list": _said(predictions=["a.npy"]),
    "predictions that are a text": _said(predictions="a.npy"),
    "tables that are a number": _said(tables=7),
    "a digest that is a number": _said(tables={"images.csv": 7}),
    "a digest of another file": _said(tables={"images.csv": "0" * 64}),
    "a table by its full path": _outside,
    "a table outside": _said(tables={"../outside.csv": "0" * 64}),
    "a table that is a folder": _said(tables={"predictions": "0" * 64}),
    "a table whose name has a zero byte": _said(tables={"images\0.csv": "0" * 64}),
    "no scores": _said(predictions={}),
    "a score file that is gone": lambda place: next((place / "predictions").iterdir()).unlink(),
}
"""What both readers of a RUN folder must refuse: the ledger's and the selection's."""

NAMES: dict[str, Change] = {
    f"a run named {shown!r}": _said(run_id=name)
    for shown, name in (
        ("../x", "../x"), ("a/b", "a/b"), ("", ""), ("x" * 9 + "...", "x" * 65), ("a\0b", "a\0b"),
        ("a list", []), ("a number", 7), ("a mark", "<script>alert(1)</script>"),
    )
}  # fmt: skip
NAMES |= {
    "a specification that is a list": _said(spec=["data"]),
    "an import that is a text": _said(imported="x"),
}
"""What the ledger must refuse besides: a run's name becomes part of addresses."""

INSIDE: dict[str, Change] = {
    "scores that are objects": _sealed(_objects),
    "scores named otherwise": _sealed(
        lambda place: next((place / "predictions").iterdir()).rename(place / "predictions" / "x.npy")
    ),
    "labels that are no numbers": _sealed(_text("images.csv", "image,No Finding\na.png,yes\n")),
    "no classes": _sealed(_text("classes.csv", "")),
}
"""What the selection must refuse besides: it reads what is inside."""


def run_folder(folder: Path) -> Path:
    """Write an honest RUN folder."""
    return write_run(folder, images=20, seeds=1)


def backup_folder(folder: Path, name: str = "frames/s/f") -> Path:
    """Write the files of an honest backup, one frame by default; its database is never opened here."""
    (folder / name).parent.mkdir(parents=True)
    (folder / name).write_bytes(b"frame")
    (folder / "database.sqlite3").write_bytes(b"database")
    files = {
        path.relative_to(folder).as_posix(): {
            "bytes": path.stat().st_size,
            "sha256": digest(path.read_bytes()),
        }
        for path in folder.rglob("*")
        if path.is_file()
    }
    said = {
        "format": 2, "kind": "site backup", "at": "2026-01-01T00:00:00+00:00", "vendor": "sqlite", "anchor": None,
        "database": "database.sqlite3", "database_only": False, "chains": {}, "places": {}, "left_out": {},
        "files": files,
    }  # fmt: skip
    (folder / "MANIFEST.json").write_text(json.dumps(said))
    return folder


def _manifest(**values: Any) -> Change:
    def change(place: Path) -> None:
        path = place / "MANIFEST.json"
        said = {**json.loads(path.read_text()), **values}
        path.write_text(json.dumps({name: value for name, value in said.items() if value is not None}))

    return change


def _replaced(make: Callable[[Path, Path], object]) -> Change:
    """Put something else in the place of a frame."""

    def change(place: Path) -> None:
        frame = place / "frames" / "s" / "f"
        outside = place.parent / f"{place.name}-outside"
        outside.write_bytes(frame.read_bytes())
        frame.unlink()
        make(frame, outside)

    return change


BACKUPS: dict[str, Change] = {
    "no manifest": lambda place: (place / "MANIFEST.json").unlink(),
    "a manifest that is no JSON": _text("MANIFEST.json", "{"),
    "a manifest that is no UTF-8": _text("MANIFEST.json", b"\xff\xfe{}"),
    "a manifest nested 100,000 deep": _text("MANIFEST.json", DEEP),
    "a manifest that is a list": _text("MANIFEST.json", "[]"),
    "another format": _manifest(format=9),
    "files that are a list": _manifest(files=[]),
    "a length that is infinite": _manifest(files={"frames/s/f": {"bytes": float("inf"), "sha256": "0"}}),
    "a file outside": _manifest(files={"../x": {"bytes": 1, "sha256": "0"}}),
    "no database": _manifest(database=None),
    "a database that is not among the files": _manifest(database="/etc/passwd"),
    "a database that is a list": _manifest(database=["database.sqlite3"]),
    "no chains": _manifest(chains=None),
    "chains that are a list": _manifest(chains=[]),
    "chains that end nowhere": _manifest(chains={"site": 7}),
    "chains that end in a text": _manifest(chains={"site": ["7", "0"]}),
    "no date": _manifest(at=None),
    "an anchor that is not among the files": _manifest(anchor="/etc/passwd"),
    "an anchor that is a list": _manifest(anchor=["x"]),
    "places that are a list": _manifest(places=["/"]),
    "places that are no texts": _manifest(places={"runs": ["/"]}),
    "a link instead of a frame": _replaced(lambda frame, outside: frame.symlink_to(outside)),
    "a pipe instead of a frame": _replaced(lambda frame, _: os.mkfifo(frame)),
    "a link to a folder besides": lambda place: (place / "frames" / "more").symlink_to("/etc"),
}


PLACES = (
    "site/site.env", "site/db.sqlite3", "site/db.sqlite3-journal", "site/audit-anchor.jsonl", "site/sealed/key.csv",
    "site/static/x.js", "site/broker/x", "site/frames/s/f", "broker/x", "static/x.mjs", "db.sqlite3", "site.env",
    "elsewhere/x", "x",
)  # fmt: skip
"""Names of files of a backup that would be put where nothing of a backup belongs."""


def heads() -> Iterator[tuple[str, bytes]]:
    """Yield files that are no kept heads."""
    study = '"study": "12345678-1234-4234-8234-123456789012"'
    yield "nothing", b""
    yield "no UTF-8", b"\xff\xfe{}"
    yield "no JSON", b"{"
    yield "nested 100,000 deep", DEEP.encode()
    yield "a list", b"[]"
    yield "a study that is none", b'{"study": "x", "audit_heads": {}}'
    yield "no heads", f"{{{study}}}".encode()
    yield "heads that are a list", f'{{{study}, "audit_heads": []}}'.encode()
    sequences = {
        "a list": "[1]",
        "of 400 digits": HUGE,
        "that is infinite": "1e999",
        "that is an object": '{"a": 1}',
    }
    for name, sequence in sequences.items():
        kept = (
            f'{{"study": {{"sequence": {sequence}, "digest": "0"}}, "site": {{"sequence": 0, "digest": ""}}}}'
        )
        yield f"a sequence {name}", f'{{{study}, "audit_heads": {kept}}}'.encode()
