"""Channels through files: the blind half, the site's folders, the static files."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from scipy.stats import fisher_exact

from analysis.caseset import CaseSet
from analysis.caseset.read import read_report
from tests.blinding.channels import Check, Scene
from tests.blinding.test_words import told
from tests.caseset import sets
from tests.caseset.pictures import CANARY, jpeg, pixels
from tests.stock import SECRETS

ROOT = Path(__file__).resolve().parents[3]
STORES = {
    ("static/js/reading.mjs", "document.cookie"): "the token that Django asks for",
    ("static/js/reading.mjs", "sessionStorage"): "the draft of the case on the screen, gone with the tab",
}
"""Where a script may use the browser's storage, and what for; anything else fails."""


def halves(plant: Callable[[Path, dict[str, int]], None]) -> Check:
    """Make a check that writes a set twice, the arms exchanged, and compares the blind halves."""

    def check(scene: Scene, planted: bool) -> list[str]:
        listed = []
        for number, exchange in enumerate((lambda rows: rows, sets.swapped)):
            place = scene.folder / f"{planted}{number}"
            rows = exchange(sets.selection(8))
            made = sets.write(rows, sets.sources(rows, place / "in"), place / "out")
            if planted:
                plant(made.folder, arms_of(made))
            digest = json.loads((made.folder / "provenance.json").read_text())["key_sha256"].encode()
            listed.append(
                {
                    name: (data.replace(digest, b"") if name == "provenance.json" else data)
                    for name, (_, _, data) in sets.contents(made.folder).items()
                }
            )
        one, other = listed
        return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))

    return check


def arms_of(made: CaseSet) -> dict[str, int]:
    """Read the arms from the key."""
    key = pd.read_csv(made.key, dtype=str)
    return dict(zip(key["case"], key["arm"].astype(int), strict=True))


def renamed(folder: Path, arms: dict[str, int]) -> None:
    """Name the images by arm."""
    for path in sorted((folder / "images").iterdir()):
        path.rename(path.with_name(f"{'ab'[arms[path.stem]]}-{path.name}"))


def unsanitised(ending: str) -> Check:
    """Make a check that looks for the canary in the blind half; the plant copies the source file as it is."""

    def check(scene: Scene, planted: bool) -> list[str]:
        place = scene.folder / f"{planted}"
        rows = sets.selection(5, ending=ending)
        images = sets.sources(rows, place / "in")
        made = sets.write(rows, images, place / "out")
        if planted:
            target = next((made.folder / "images").iterdir())
            target.write_bytes(next(iter(images.values())).read_bytes())
        return [
            path.name
            for path in made.folder.rglob("*")
            if path.is_file() and CANARY.encode() in path.read_bytes()
        ]

    return check


def tail(scene: Scene, planted: bool) -> list[str]:
    """Look behind the end of each image; the plant puts bytes there that are no canary."""
    place = scene.folder / f"{planted}"
    rows = sets.selection(5)
    made = sets.write(rows, sets.sources(rows, place / "in"), place / "out")
    paths = sorted((made.folder / "images").iterdir())
    if planted:
        paths[0].write_bytes(paths[0].read_bytes() + b"\0")
    return [path.name for path in paths if not path.read_bytes().endswith(b"IEND\xaeB`\x82")]


def jpeg_tables(scene: Scene, planted: bool) -> list[str]:
    """Ask the sealed leak report whether a coding goes with the arm; the plant saves one arm finer."""
    place = scene.folder / f"{planted}"
    rows = sets.selection(20, ending="jpg")
    images = {}
    for number, (name, arm) in enumerate(zip(rows["image"], rows["arm"], strict=True)):
        path = place / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg(pixels(number), quality=95 if planted and arm else 80))
        images[name] = path
    report = read_report(sets.write(rows, images, place / "out").key)
    found = []
    for encoding, count in report["leaks"]["encodings"].items():
        ones, zeros = count["exemplar"], count["control"]
        if fisher_exact([[ones, zeros], [20 - ones, 20 - zeros]]).pvalue < 0.001:
            found.append(encoding)
    return found


def site_files(scene: Scene, planted: bool) -> list[str]:
    """Look for what is sealed in every file of the site; the plant leaves the key among the static files."""
    place = Path(scene.settings.HOME) / "static" / "planted.csv"
    try:
        if planted:
            shutil.copy(scene.stock.case_set.key, place)
        files = [path for path in Path(scene.settings.HOME).rglob("*") if path.is_file()]
        return [
            path.name for path in files if any(secret.encode() in path.read_bytes() for secret in SECRETS)
        ]
    finally:
        place.unlink(missing_ok=True)


def static(plant: Callable[[Path], None]) -> Check:
    """Make a check that scans a copy of the static files, into which the plant writes."""

    def check(scene: Scene, planted: bool) -> list[str]:
        folder = scene.folder / f"{planted}" / "static"
        shutil.copytree(ROOT / "static", folder)
        if planted:
            plant(folder)
        return [*source_maps(folder), *telling_names(folder), *stores(folder)]

    return check


def source_maps(folder: Path) -> list[str]:
    """Name the files that are, or point to, a source map."""
    return [
        path.name
        for path in folder.rglob("*")
        if path.is_file() and (path.suffix == ".map" or b"sourceMappingURL" in path.read_bytes())
    ]


def telling_names(folder: Path) -> list[str]:
    """Name the files, and the entries of manifests, that hold a telling word."""
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    for path in folder.rglob("*.json"):
        names += json.loads(path.read_text())["paths"].keys()
    return [name for name in names if told(name)]


def stores(folder: Path) -> list[str]:
    """Name each use of the browser's storage that STORES does not explain."""
    pattern = re.compile(r"document\.cookie|localStorage|sessionStorage|indexedDB|caches\.open|\.persist\(")
    used = {
        (f"static/{path.relative_to(folder).as_posix()}", word)
        for path in folder.rglob("*.mjs")
        for word in pattern.findall(path.read_text(encoding="utf-8"))
    }
    return [f"{name} uses {word}" for name, word in sorted(used - STORES.keys())]


def map_comment(folder: Path) -> None:
    """Point to a source map."""
    path = folder / "js" / "reading.mjs"
    path.write_text(path.read_text() + "\n//# sourceMappingURL=reading.mjs.map\n")


def manifest(folder: Path) -> None:
    """Write a manifest that names a file by what it shows."""
    (folder / "staticfiles.json").write_text(json.dumps({"paths": {"js/exemplar-view.mjs": "js/1.mjs"}}))


def kept_answers(folder: Path) -> None:
    """Keep something in the browser beyond the tab."""
    path = folder / "js" / "viewer" / "view.mjs"
    path.write_text(path.read_text() + "\nlocalStorage.setItem('seen', '1');\n")
