"""The list-mode file: what iMRMC would read from it is the uncentred comparison."""

import numpy as np
import pandas as pd
import pytest

from analysis.exchange.imrmc import imrmc_list
from analysis.stats.ustatistic import u_statistic
from tests.stats.reference_data import QUESTIONS, A, C, analysed, ratings


def parsed(text):
    head, data = text.split("BEGIN DATA:\n")
    counts = dict(line.split(": ") for line in head.splitlines() if ": " in line)
    table = pd.DataFrame([line.split(",") for line in data.splitlines()], columns=["r", "c", "m", "score"])
    return counts, table


@pytest.mark.parametrize("dataset", [A, C])
def test_what_is_read_back_gives_the_same_numbers(dataset):
    frame = ratings(dataset)
    for name in ("agree", "quality", "difficulty"):
        frame[name] = frame[name].astype(float)
    counts, table = parsed(imrmc_list(frame, title="A study"))
    truth = table[table["r"] == "-1"].set_index("c")["score"].astype(int)
    assert set(table.loc[table["r"] == "-1", "m"]) == {"0"}
    assert counts["NR"] == "6"
    assert (counts["N1"], counts["N0"]) == (str((truth == 1).sum()), str((truth == 0).sum()))
    for question in QUESTIONS:
        wide = table[table["m"] == question].pivot(index="r", columns="c", values="score").astype(float)
        pie, control = ([c for c in truth.index if truth[c] == arm and c in wide] for arm in (1, 0))
        u = u_statistic(wide[pie].to_numpy(), wide[control].to_numpy(), center=False)
        row = analysed(dataset).comparison(question, "u_imrmc")
        assert [u.estimate, u.variance, u.df] == pytest.approx(
            [row["estimate"], row["variance"], row["df"]], rel=1e-12
        )


def test_names_lose_what_would_break_a_line():
    frame = pd.DataFrame(
        {"reader": ["Dr. A,B"], "case": ["x\ny"], "arm": [1], "presentation": [1],
         "agree": [1.0], "quality": [np.nan], "difficulty": [3.0]}
    )  # fmt: skip
    text = imrmc_list(frame, title="Two\nlines")
    assert text.startswith("Two_lines\n")
    assert "-1,x_y,0,1\nDr. A_B,x_y,agree,1\nDr. A_B,x_y,difficulty,3\n" in text
