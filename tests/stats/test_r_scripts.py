"""The R scripts give the stored numbers again, where R and its packages from Debian are at hand."""

import json
import math
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.stats.reference_book import numbers
from tests.stats.reference_data import FOLDER, A, B, C, load

SCRIPTS = Path(__file__).parent / "r"
PACKAGES = ("jsonlite", "lme4", "lmerTest", "ordinal", "psych", "coin")
WANTED = f"[outside_reference] no Rscript with {', '.join(PACKAGES)} (tests/stats/r/README.md)"


@cache
def at_hand() -> bool:
    if shutil.which("Rscript") is None:
        return False
    asked = " && ".join(f"requireNamespace('{name}', quietly = TRUE)" for name in PACKAGES)
    found = subprocess.run(["Rscript", "-e", f"quit(status = !({asked}))"], check=False, capture_output=True)
    return found.returncode == 0


def run(script: str, *arguments: Path) -> None:
    if not at_hand():
        pytest.skip(WANTED)
    done = subprocess.run(
        ["Rscript", SCRIPTS / script, *arguments], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def compare(made: Any, stored: Any, at_least: int) -> None:
    """Compare all numbers that R made with the stored ones; those of models fitted by iteration to 1e-4."""
    wanted, compared, wrong = dict(numbers(stored)), 0, []
    for place, value in numbers(made):
        fitted = {"mixed", "wine"} & set(place)
        if not math.isclose(
            value, wanted.get(place, math.nan), rel_tol=1e-4 if fitted else 1e-9, abs_tol=2e-12
        ):
            wrong.append(f"{'/'.join(place)}: {value!r}, stored {wanted.get(place)!r}")
        compared += 1
    assert wrong == []
    assert compared >= at_least


@pytest.mark.parametrize(("name", "at_least"), [(A, 370), (B, 140), (C, 160)])
def test_studies(tmp_path: Path, name: str, at_least: int) -> None:
    run("study.R", FOLDER / f"{name}.csv", tmp_path / "out.json")
    compare(json.loads((tmp_path / "out.json").read_text()), load(f"{name}_R_reference"), at_least)


@pytest.mark.outside_reference
def test_published_data(tmp_path: Path) -> None:
    folder = Path(os.environ["OUTSIDE_REFERENCE"])
    run("published.R", folder, tmp_path / "out.json")
    files = {
        "wine": "agreement/wine_clmm.json", "shrout_fleiss": "agreement/shrout_fleiss_1979_psychICC.json",
        "anxiety": "agreement/weighted_kappa_anxiety.json", "fleiss": "agreement/fleiss.json",
        "krippendorff": "agreement/krippendorff_canonical.json", "van_dyke": "mrmc/MRMCaov_VanDyke.json",
    }  # fmt: skip
    made = json.loads((tmp_path / "out.json").read_text())
    compare(made, {part: json.loads((folder / files[part]).read_text()) for part in made}, 60)
