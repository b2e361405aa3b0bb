"""How long a label file of NIH ChestX-ray14's size takes to read: python -m bench.label_file

The file is drawn: 112,120 images of some 30,800 patients in the published columns, each of 14 findings in one image of
twenty. Labels, and with them views, sexes, ages and patients, are read as `[data] layout = "nih-cxr14"` reads them.
"""

import tempfile
import time
from pathlib import Path

import numpy as np

from analysis.sweep.data.people import read_people
from analysis.sweep.data.splits import read_split
from analysis.sweep.layouts.nih import CLASSES
from analysis.sweep.toml import spec_from

IMAGES, TEST = 112_120, 25_596
HEADING = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],"
)


def draw(folder: Path) -> None:
    """Write Data_Entry_2017.csv and test_list.txt."""
    rng = np.random.default_rng(0)
    found, ages = rng.random((IMAGES, 14)) < 0.05, rng.integers(1, 95, IMAGES)
    patients = np.cumsum(rng.random(IMAGES) < 30_805 / IMAGES) + 1
    names, lines, follow_up, last = [], [HEADING], 0, 0
    for row, patient in enumerate(patients):
        follow_up, last = (follow_up + 1 if patient == last else 0), patient
        names.append(f"{patient:08d}_{follow_up:03d}.png")
        labels = "|".join(np.array(CLASSES[:14])[found[row]]) or "No Finding"
        person = f"{ages[row]},{'MF'[patient % 2]},{('PA', 'AP')[row % 2]}"
        lines.append(f"{names[-1]},{labels},{follow_up},{patient},{person},2500,2048,0.168,0.168,")
    (folder / "Data_Entry_2017.csv").write_text("\n".join(lines) + "\n")
    (folder / "test_list.txt").write_text("\n".join(names[-TEST:]) + "\n")


def main() -> None:
    """Draw, read, print."""
    with tempfile.TemporaryDirectory() as place:
        draw(Path(place))
        section = {"name": "nih", "images": ".", "layout": "nih-cxr14", "labels_test": "Data_Entry_2017.csv"}
        for split in ({}, {"split_test": "test_list.txt"}):
            data = spec_from({"data": section | split}, base=Path(place)).data
            began = time.perf_counter()
            found = read_split(data.labels_test, data, "test")
            between = time.perf_counter()
            read_people(found.images, data)
            ended = time.perf_counter()
            print(
                f"{len(found.images):,} of {IMAGES:,} images: labels {between - began:.2f} s, "
                f"people {ended - between:.2f} s"
            )


if __name__ == "__main__":
    main()
