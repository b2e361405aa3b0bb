"""Small selections and the case sets written from them."""

from pathlib import Path
from typing import Any

import pandas as pd

from analysis.caseset import CaseSet, Origin, write_case_set
from tests.caseset.pictures import CANARY, dicom, jpeg, pixels, png

NONCE = bytes(range(32))
SEED = "8675309"

MAKERS = {
    "png": lambda seed: png(pixels(seed)),
    "jpg": lambda seed: jpeg(pixels(seed)),
    "dcm": lambda seed: dicom(pixels(seed, bits=12)),
}


def selection(pairs: int = 10, matched: bool = True, ending: str = "png") -> pd.DataFrame:
    """Make frames.SELECTION rows: as many exemplars as controls, canaries in their names."""
    rows = []
    for number in range(2 * pairs):
        arm = 1 - number % 2
        rows.append(
            {
                "image": f"p1/{CANARY}_{number:03d}.{ending}", "arm": arm,
                "pair": number // 2 if matched else number,
                "score": (-0.123456789 if arm else 0.987654321) + number / 1e6,
                "class_group": "tail" if arm else "head", "n_findings": 1 + number % 2,
                "labels": "Mass; Nodule" if number % 3 else " Mass;  Nodule ",
                "view": "PA", "sex": "FM"[number % 2], "age": 40 + number,
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def swapped(rows: pd.DataFrame) -> pd.DataFrame:
    """Exchange the arms and everything sealed that could go with them."""
    return rows.assign(arm=1 - rows["arm"], score=-rows["score"], class_group="medium", n_findings=7)


def sources(rows: pd.DataFrame, folder: Path, ending: str | None = None) -> dict[str, Path]:
    """Write an image for each row; return where it lies."""
    found = {}
    for seed, name in enumerate(rows["image"]):
        path = folder / name
        path = path.with_suffix(f".{ending}") if ending else path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(MAKERS[path.suffix[1:]](seed))
        found[name] = path
    return found


def origin() -> Origin:
    """Say where the selection came from, with a seed to hide."""
    return Origin(
        run_id="toy", predictions_sha256="0" * 64, synthetic=True, settings={"criterion": "spearman"},
        committed={"seed": SEED}, sealed={"left_out": [{"image": CANARY, "reason": "none"}]},
    )  # fmt: skip


def write(rows: pd.DataFrame, images: dict[str, Path], folder: Path, **options: Any) -> CaseSet:
    """Write a case set into folder/cases with its key at folder/key.csv."""
    folder.mkdir(parents=True, exist_ok=True)
    choices: dict[str, Any] = {"nonce": NONCE, "origin": origin(), **options}
    return write_case_set(rows, images=images, out=folder / "cases", key_out=folder / "key.csv", **choices)


def contents(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """List a folder: mode, modification time and bytes of everything in it, itself included."""
    listed = {}
    for path in [folder, *sorted(folder.rglob("*"))]:
        status = path.stat()
        data = path.read_bytes() if path.is_file() else b""
        listed[path.relative_to(folder).as_posix()] = (status.st_mode, int(status.st_mtime), data)
    return listed
