"""What somebody typed never becomes a formula, however a spreadsheet cuts our tables, and comes back as it was."""

import csv
import io
import itertools
import json
import re
import unicodedata
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.endpoints import PAPER
from analysis.exchange.via import read_via, via_csv
from analysis.stats import Settings, analyse_file, read_ratings, simulate_study
from analysis.tablefolder import csv_text, guarded, restored, unguarded, write_csv

PIECES = st.sampled_from(list("=+-@＝＋－＠'\";\t\r\n, \u00a0é1"))
TYPED = st.lists(PIECES, max_size=8).map("".join)
HOSTILE = (
    "=A1", "x;=A1", "x\t=A1", "\t=A1", "x\r=A1", "x\n=A1", "a; ＝A1", "'=A1", "''=A1", 'x;"=A1', "\tx", "\rx",
)  # fmt: skip


def starts_formula(cell: str) -> bool:
    return unicodedata.normalize("NFKC", cell.lstrip()[:1]) in {"=", "+", "-", "@"} or cell[:1] in {
        "\t",
        "\r",
    }


def cells_seen(text: str) -> list[str]:
    """Return every cell that a spreadsheet may see, with whichever list separators it was set up for."""
    seen = [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]
    for line in text.replace("\r", "\n").split("\n"):
        for separator in (";", "\t"):
            seen += [*line.split(separator), *next(csv.reader([line], delimiter=separator), ())]
    return seen


@settings(max_examples=500, deadline=None)
@given(TYPED)
def test_no_text_begins_a_formula_and_each_comes_back(text: str) -> None:
    shown = guarded(text)
    assert unguarded(shown) == text
    assert not [
        cell for cell in cells_seen(csv_text(pd.DataFrame([["x", text, "x"]]))) if starts_formula(cell)
    ]
    assert not [part for part in re.split(r"[;\t\r\n]", shown) if starts_formula(part)]


def test_every_short_text_of_the_dangerous_characters_holds() -> None:
    for length in range(1, 4):
        for text in map("".join, itertools.product("=-＋'\";\t\r\n, 1", repeat=length)):
            assert unguarded(guarded(text)) == text
            cells = cells_seen(csv_text(pd.DataFrame([["x", text, "x"]])))
            assert not any(map(starts_formula, cells)), text


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(TYPED, TYPED), min_size=1, max_size=4))
def test_a_table_reads_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    table = pd.DataFrame(rows, columns=["=a;+b", "b"], dtype=object)
    read = pd.read_csv(io.StringIO(csv_text(table), newline=""), dtype=str, keep_default_na=False)
    pd.testing.assert_frame_equal(restored(read), table, check_dtype=False)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_cell_holds_in_spreadsheets_with_other_separators(text: str) -> None:
    for first in (True, False):
        row = {"a": text, "b": "x"} if first else {"a": "x", "b": text}
        assert not [cell for cell in cells_seen(csv_text(pd.DataFrame([row]))) if starts_formula(cell)]
    assert not [
        cell for cell in cells_seen(csv_text(pd.DataFrame([{text: "x", "b": 1}]))) if starts_formula(cell)
    ]


@pytest.mark.parametrize("text", ["", "all done", "1 = 1", "R01", "Mass; Nodule", "a\tb", "it's", "x;y=z"])
def test_plain_words_stay(text: str) -> None:
    assert guarded(text) == text


@pytest.mark.parametrize("name", ["=1+1", "a;=1+1", "a\t@x", "'=1"])
def test_ratings_of_a_reader_with_a_hostile_name_are_written_and_read_back(tmp_path: Path, name: str) -> None:
    study = simulate_study(seed=4, readers=[name, "Ann", "Bob"], cases=12)
    write_csv(tmp_path / "ratings.csv", study)
    text = (tmp_path / "ratings.csv").read_text()
    assert not [cell for cell in cells_seen(text) if starts_formula(cell)]
    assert set(read_ratings(tmp_path / "ratings.csv")["reader"]) == {name, "Ann", "Bob"}
    out = tmp_path / "out"
    results = analyse_file(tmp_path / "ratings.csv", out, settings=Settings(seed=1, draws=9, bootstraps=9))
    assert name in {row["reader"] for row in results.comparisons}
    for table in out.glob("*.csv"):
        found = [cell for cell in cells_seen(table.read_text()) if starts_formula(cell)]
        assert not [cell for cell in found if not is_number(cell)], table.name


def is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def test_a_question_of_a_via_file_cannot_be_cut_into_a_formula(tmp_path: Path) -> None:
    asked = [replace(PAPER[1], question='How good;=HYPERLINK("x")?')]
    study = simulate_study(seed=4, readers=["Ann"], cases=12)
    (tmp_path / "Ann.csv").write_text(via_csv(study, "Ann", endpoints=asked))
    text = (tmp_path / "Ann.csv").read_text()
    assert not [cell for line in text.split("\n") for cell in line.split(";") if starts_formula(cell)]
    key = study.drop_duplicates("case")[["case", "arm"]]
    back = read_via([tmp_path / "Ann.csv"], cases="shared", key=key, endpoints=asked).ratings
    wanted = study[study["presentation"] == 1].set_index("case")["quality"]
    assert back.set_index("case")["quality"].astype(float).to_dict() == wanted.astype(float).to_dict()
    assert asked[0].question in json.loads(next(iter(csv.DictReader(io.StringIO(text))))["file_attributes"])
