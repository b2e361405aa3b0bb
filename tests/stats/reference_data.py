"""Reference data sets of this project and what R computed from them."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.stats import Results, analyse, read_ratings

FOLDER = Path(__file__).parent / "reference"
A = "A_crossed_6x40_repeats"
B = "B_splitplot_6x40_nested"
C = "C_splitplot_3blocks_anchors_missing"
QUESTIONS = ("agree", "quality", "difficulty")


def ratings(name: str) -> pd.DataFrame:
    return read_ratings(FOLDER / f"{name}.csv")


def load(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text())


@cache
def analysed(name: str) -> Results:
    """Results of a data set, computed once for all tests; not to be changed by any."""
    return analyse(ratings(name), seed=1, bootstraps=20)
