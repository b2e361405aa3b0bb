"""Kept results are recomputed when anything that can change a number has changed, and they survive a power cut."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import analysis
from analysis.stats import Settings, analyse_file
from readerstudy.results.computed import code_digest, computed, environment, sources
from readerstudy.results.export import write_export
from tests.stats.reference_data import FOLDER, A
from tests.stock import Stock

ROOT = Path(analysis.__path__[0]).parent
COMPUTES = f"""
import json, sys
from pathlib import Path
from analysis.report.build import report_figures, report_html
from analysis.figures.theme import render
from analysis.stats import analyse, read_ratings
ratings = read_ratings(Path({str(FOLDER / A)!r} + ".csv"))
groups = ratings.drop_duplicates("case")[["case"]].assign(class_group="head")
results = analyse(ratings, seed=1, draws=9, bootstraps=9, subgroups=groups)
from analysis.report.build import NO_BACKGROUND
report_html(results, NO_BACKGROUND, report_figures(results))
used = [m.__file__ for n, m in sys.modules.items() if n.split(".")[0] == "analysis"]
print(json.dumps(used))
"""


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the package of a copy of the analysis whose sources count instead of the real ones."""
    copy = tmp_path / "analysis"
    shutil.copytree(ROOT / "analysis", copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(analysis, "__path__", [str(copy)])
    code_digest.cache_clear()
    yield copy
    code_digest.cache_clear()


def digest_now() -> str:
    code_digest.cache_clear()
    return code_digest()


def test_code_that_changes_makes_kept_results_stale(copied: Path) -> None:
    seen = [digest_now()]
    assert digest_now() == seen[0]
    for module in (
        "metrics/multiplicity.py", "frames.py", "frames.csv", "endpoints.json", "tablefile.py", "stats/rows.py",
        "report/comparison.py", "figures/reader_study.py", "__init__.py",
    ):  # fmt: skip
        path = copied / module
        path.write_text(path.read_text() + "\n# another line\n")
        seen.append(digest_now())
        assert seen[-1] not in seen[:-1], module


def test_a_broken_holm_makes_kept_results_stale(copied: Path) -> None:
    before = digest_now()
    path = copied / "metrics" / "multiplicity.py"
    text = path.read_text()
    path.write_text(text.replace("(len(p_values) - k) * p", "(len(p_values) - k - 1) * p"))
    assert path.read_text() != text
    assert digest_now() != before


def test_code_that_computes_nothing_of_a_report_leaves_results_fresh(copied: Path) -> None:
    before = digest_now()
    for module in ("sweep/train.py", "findings/overall.py", "views/runs.py"):
        (copied / module).write_text("# another\n")
    assert digest_now() == before


def test_a_module_that_is_imported_from_now_on_counts(copied: Path) -> None:
    (copied / "metrics" / "fresh.py").write_text("one = 1\n")
    before = digest_now()
    holm = copied / "metrics" / "multiplicity.py"
    holm.write_text(holm.read_text() + "\n\ndef lazily():\n    from analysis.metrics import fresh\n")
    assert "analysis/metrics/fresh.py" in sources("analysis.stats")
    imported = digest_now()
    (copied / "metrics" / "fresh.py").write_text("one = 2\n")
    assert len({before, imported, digest_now()}) == 3


def test_another_version_of_a_library_makes_kept_results_stale(tmp_path: Path) -> None:
    def with_versions_of_now() -> str:
        environment.cache_clear()
        return digest_now()

    seen = [with_versions_of_now()]
    for package in ("numpy", "scipy", "pandas", "matplotlib", "scikit-learn", "numba", "contourpy"):
        assert f"\n{package}==" in environment()
        found = tmp_path / package / f"{package.replace('-', '_')}-99.0.dist-info"
        found.mkdir(parents=True)
        (found / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 99.0\n")
        with pytest.MonkeyPatch.context() as patch:
            patch.syspath_prepend(found.parent)
            seen.append(with_versions_of_now())
        assert seen[-1] not in seen[:-1], package
    assert with_versions_of_now() == seen[0]


def test_every_module_that_a_report_loads_is_counted() -> None:
    done = subprocess.run(
        [sys.executable, "-c", COMPUTES], cwd=ROOT, capture_output=True, text=True, check=True
    )
    used = {str(Path(path).relative_to(ROOT)) for path in json.loads(done.stdout.splitlines()[-1])}
    assert {
        "analysis/metrics/multiplicity.py",
        "analysis/figures/reader_study.py",
        "analysis/tablefile.py",
    } <= used
    assert used <= set(sources("analysis.stats", "analysis.report"))


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """Collect the inodes of all that is pushed to the disk from now on."""
    inodes: set[int] = set()
    push = os.fsync

    def watched(handle: int) -> None:
        inodes.add(os.fstat(handle).st_ino)
        push(handle)

    monkeypatch.setattr(os, "fsync", watched)
    return inodes


def unsynced(folder: Path, inodes: set[int]) -> list[Path]:
    return [path for path in (folder, *folder.rglob("*")) if path.stat().st_ino not in inodes]


@pytest.mark.django_db
def test_kept_results_figures_and_an_export_are_on_the_disk_before_they_have_a_name(
    opened: Stock, synced: set[int], tmp_path: Path
) -> None:
    made = computed(opened.study)
    made.figures("light")
    assert {path.name for path in made.folder.iterdir()} == {"results.json", "figures-light.json"}
    assert unsynced(made.folder, synced) == []
    assert all(path.stat().st_mode & 0o077 == 0 for path in made.folder.iterdir())
    write_export(opened.study, tmp_path / "out")
    assert unsynced(tmp_path / "out", synced) == []
    assert tmp_path.stat().st_ino in synced


def test_a_results_folder_is_on_the_disk_with_what_others_drew_into_it(
    synced: set[int], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()

    def draw(results: object, folder: Path) -> None:
        (folder / "figures").mkdir()
        (folder / "figures" / "one.svg").write_text("<svg/>")

    analyse_file(FOLDER / f"{A}.csv", out, settings=Settings(seed=1, draws=9, bootstraps=9), also=draw)
    assert (out / "figures" / "one.svg").is_file()
    assert unsynced(out, synced) == []
