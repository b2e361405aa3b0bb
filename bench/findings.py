"""A run analysed from its files, end to end, within a stated memory: python -m bench.findings

Draws the score files of a run (not timed) and lets a fresh process do all that follows a sweep: read and verify every
file, AP, ROC area and F1 of every class, exemplars by Spearman's rho, all findings, tables, figures and report. Ends
with status 1 where that process held more than the bound. The size that is promised: `--images 20000 --classes 20`
in 1.5 GiB (1.9 GB as one float64 array); the default is the published study's larger test split, whose float64 array
would be 4.9 GB.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from analysis.frames import MIMIC_CLASSES, NIH_CLASSES
from analysis.services.findings import Choices, analyse_folder
from analysis.sweep.run.finish import finish_run
from analysis.sweep.run.prepare import open_run
from analysis.sweep.spec import SPARSITIES
from bench.drawn_run import draw_run
from bench.launch import launch

BOUND_GIB = 1.5
CLASSES = {len(MIMIC_CLASSES): tuple(MIMIC_CLASSES), len(NIH_CLASSES): tuple(NIH_CLASSES)}


def analyse(home: Path, *, write: bool) -> dict[str, float]:
    """Finish a drawn run and analyse it; seconds of each part."""
    took, before = {}, time.perf_counter()

    def lap(name: str) -> None:
        nonlocal before
        now = time.perf_counter()
        took[name], before = now - before, now

    finish_run(open_run(home / "run"))
    lap("metrics")
    analysed = analyse_folder(home / "run", Choices())
    lap("findings")
    if write:
        analysed.write(home / "out")
        lap("tables, figures and report")
    return took


def main() -> int:
    """Draw, analyse in a process of its own, print; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--images", type=int, default=54_268)
    parser.add_argument("--classes", type=int, choices=sorted(CLASSES), default=len(MIMIC_CLASSES))
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--bound", type=float, default=BOUND_GIB, help="GiB")
    parser.add_argument("--no-report", action="store_true", help="leave out tables, figures and report")
    parser.add_argument("--folder", type=Path, help="where to draw (default: a temporary folder)")
    parser.add_argument("--analyse", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.analyse:
        print(json.dumps(analyse(given.analyse, write=not given.no_report)))
        return 0
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        home, start = Path(name), time.perf_counter()
        draw_run(
            home / "run",
            CLASSES[given.classes],
            images=given.images,
            seeds=given.seeds,
            sparsities=SPARSITIES,
        )
        files = given.seeds * len(SPARSITIES)
        scores = files * given.images * given.classes
        print(
            f"drawn: {files} files of {given.images:,} images x {given.classes} classes in "
            f"{time.perf_counter() - start:.0f} s; {4e-9 * scores:.2f} GB, {8e-9 * scores:.2f} GB as one float64 array"
        )
        more = ["--no-report"] if given.no_report else []
        done = launch([sys.executable, "-m", "bench.findings", "--analyse", name, *more])
    for part, seconds in json.loads(done.output).items():
        print(f"{part}: {seconds:.1f} s")
    gib = done.mib / 1024
    within = gib <= given.bound
    print(f"peak memory {gib:.2f} GiB, bound {given.bound:g} GiB: {'kept' if within else 'NOT KEPT'}")
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
