import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from analysis.caseset.leaks import NUMBERS, compare, leak_report
from analysis.caseset.read import read_report
from tests.caseset.sets import selection, sources, write


def test_auc_by_hand() -> None:
    """Exemplars 3, 1 against controls 2, 1: wins 1 + 1 + 0, ties 1: (2 + 1/2) / 4."""
    assert compare(np.array([3.0, 1, 2, 1]), np.array([1, 1, 0, 0]))["auc"] == 0.625
    assert compare(np.array([1.0]), np.array([1]))["auc"] is None


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=2))
def test_auc_equals_sklearn(rows: list[tuple[int, bool]]) -> None:
    values, arm = np.array([v for v, _ in rows], float), np.array([a for _, a in rows], int)
    if 0 < arm.sum() < len(arm):
        assert compare(values, arm)["auc"] == pytest.approx(roc_auc_score(arm, values), abs=1e-12)


def test_a_planted_leak_shows() -> None:
    arm = np.tile([1, 0], 10)
    features = pd.DataFrame({name: 7 for name in NUMBERS}, index=range(20)).assign(
        arm=arm, file_bytes=1000 + arm, encoding=np.where(arm == 1, "fine", "coarse")
    )
    report = leak_report(features)
    assert report["numbers"]["file_bytes"] == {
        "mean_exemplar": 1001, "mean_control": 1000, "auc": 1.0, "auc_low": None, "auc_high": None
    }  # fmt: skip
    assert report["numbers"]["rows"]["auc"] == 0.5
    assert report["encodings"]["fine"] == {"exemplar": 10, "control": 0}
    assert report["encoding_auc"] == {"auc": 1.0, "p": 0.001}


def test_it_is_written_with_the_key_only(tmp_path) -> None:
    rows = selection(5)
    written = write(rows, sources(rows, tmp_path / "in"), tmp_path / "out")
    leaks = read_report(written.key)["leaks"]
    assert set(leaks["numbers"]) == set(NUMBERS)
    assert leaks["numbers"]["n_labels"] == {
        "mean_exemplar": 2, "mean_control": 2, "auc": 0.5, "auc_low": None, "auc_high": None
    }  # fmt: skip
    assert sum(count["control"] for count in leaks["encodings"].values()) == 5
    assert b"auc" not in (written.folder / "provenance.json").read_bytes()


def test_the_interval_of_the_auc_is_delongs_by_hand() -> None:
    """Exemplars 3, 1 against controls 2, 1: shares won 1, 1/4 and 1/2, 3/4; var 9/32 / 2 + 1/32 / 2."""
    came = compare(np.array([3.0, 1, 2, 1]), np.array([1, 1, 0, 0]))
    half = 1.959963984540054 * np.sqrt(9 / 64 + 1 / 64)
    assert came["auc_low"] == pytest.approx(max(0, 0.625 - half))
    assert came["auc_high"] == pytest.approx(min(1, 0.625 + half))


def test_a_coding_that_tells_nothing_is_not_significant() -> None:
    features = pd.DataFrame({name: 7 for name in NUMBERS}, index=range(40)).assign(
        arm=[0, 1] * 20, encoding=["a", "a", "b", "b"] * 10
    )
    assert leak_report(features)["encoding_auc"] == {"auc": 0.5, "p": 1.0}
