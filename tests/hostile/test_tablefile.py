"""The head of a CSV is measured before it is parsed; what passes is what pandas reads."""

import gzip
import os
import threading
import time
from pathlib import Path

import pandas as pd
import pytest

from analysis.tablefile import MAX_COLUMNS, MAX_HEAD_BYTES, read_table
from tests.hostile.tables import TABLES, Input, wide_tables

SECONDS = 2
WIDE = list(wide_tables())


class RefusedError(Exception):
    """The named error of an input."""


def refusal(source: Path | bytes, **options: object) -> str:
    with pytest.raises(RefusedError) as caught:
        read_table(source, error=RefusedError, where="t.csv", **options)
    return str(caught.value)


@pytest.mark.parametrize("each", TABLES, ids=lambda each: each.name)
@pytest.mark.parametrize(("name", "data"), WIDE, ids=[name for name, _ in WIDE])
def test_every_input_refuses_a_wide_table_before_it_parses(
    each: Input, name: str, data: bytes, tmp_path: Path
) -> None:
    path = tmp_path / f"hostile.{each.ending}"
    path.write_bytes(data)

    def refused_in() -> float:
        start = time.process_time()
        with pytest.raises(each.errors, match=r"at most [\d,]+ (columns|bytes)"):
            each.open(path)
        return time.process_time() - start

    # A busy machine only adds to the time: one quick refusal shows that nothing was parsed.
    assert any(refused_in() < SECONDS for _ in range(3))


def test_messages_say_what_was_expected_what_came_and_what_to_do() -> None:
    assert refusal(b"a," * 2_500 + b"b\n1\n") == (
        "t.csv: expected a CSV file in UTF-8 with at most 2,000 columns, got 2,501 in its heading; "
        "remove the columns that are not needed"
    )
    assert "got 2,501 in its first row" in refusal(b"a,b\n" + b"1," * 2_500 + b"1\n")
    assert "together at most 1,048,576 bytes, got more" in refusal(b"a,b\n" + b"1,2" * MAX_HEAD_BYTES)
    assert "a quotation mark that is not closed" in refusal(b'a,b\n"' + b"x" * 200_000)


@pytest.mark.parametrize("rows", [b"1,2,3\n", b"1,2,\n", b"1,2,3,4\n5,6,7,8\n"])
def test_a_first_row_that_is_longer_than_the_heading_shifts_no_column(rows: bytes) -> None:
    """pandas would read the 1 as the name of the row, and the 2 as a."""
    assert "at most as many cells in the first row as in the heading (2), got" in refusal(b"a,b\n" + rows)


def test_the_widest_table_that_may_come_is_read() -> None:
    names = [f"c{number}" for number in range(MAX_COLUMNS)]
    data = (",".join(names) + "\n" + ",".join("1" * MAX_COLUMNS) + "\n").encode()
    assert list(read_table(data, error=RefusedError).columns) == names


@pytest.mark.parametrize(
    "data",
    [
        b"a,b\n1,2\n",
        b"a,b\r1,2\r3,4\r",
        b"a,b\r\n1,2",
        b"\xef\xbb\xbfa,b\n1,2\n",
        b"\n  \n\na,b\n\n1,2\n",
        b'"a\nof two lines",b\n"1 ""quoted"", with a comma",2\n',
        b"a,b\n",
        b"row,a,b\n" + b"x,1,2\n" * 300_000,
    ],
    ids=["plain", "old line ends", "no last end", "mark", "blank lines", "quotes", "no rows", "long"],
)
def test_what_passes_is_what_pandas_reads(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(data)
    wanted = pd.read_csv(path, dtype=str)
    for source in (path, data):
        pd.testing.assert_frame_equal(read_table(source, error=RefusedError, dtype=str), wanted)


def test_a_packed_table_is_measured_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * 400_000))
    assert read_table(path, error=RefusedError).shape == (400_000, 2)
    path.write_bytes(gzip.compress(b"a," * 100_000 + b"b\n"))
    assert "got 100,001" in refusal(path)
    path.write_bytes(gzip.compress(b"a,b\n1,2\n")[:-6])
    assert refusal(path).startswith(
        "t.csv: expected a CSV file in UTF-8, got the error 'Compressed file ended"
    )
    path.write_bytes(b"a,b\n1,2\n")
    assert refusal(path).startswith("t.csv: expected a CSV file in UTF-8, got the error 'Not a gzipped file")


def test_a_pipe_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(b"a,b\n" + b"1,2\n" * 400_000,))
    writer.start()
    assert read_table(path, error=RefusedError).shape == (400_000, 2)
    writer.join()


def test_other_bad_tables_are_named(tmp_path: Path) -> None:
    assert (
        refusal(tmp_path / "none.csv")
        == "t.csv: expected a CSV file in UTF-8, got the error 'No such file or directory'"
    )
    assert (
        refusal(b"") == "t.csv: expected a CSV file in UTF-8, got the error 'No columns to parse from file'"
    )
    assert "saw 5" in refusal(b"a,b\n1,2\n1,2,3,4,5\n")
    assert "'utf-8' codec" in refusal(b"a,\xc3\x28\n")


def test_a_column_that_comes_twice_is_refused_and_one_without_a_name_is_not() -> None:
    assert refusal(b"id,Mass,Mass\na.png,0,1\n") == (
        "t.csv: expected a CSV file in UTF-8 with each column once, got 'Mass' again in its heading; remove one of them"
    )
    assert read_table(b"id,,\na.png,0,1\n", error=RefusedError).shape == (1, 3)


@pytest.mark.parametrize(
    ("data", "columns", "first"),
    [
        (b"id;A\n007;1\n", ["id", "A"], ["007", 1]),
        (b"id\tA\n007\t1\n", ["id", "A"], ["007", 1]),
        (b"id|A\n007|1\n", ["id", "A"], ["007", 1]),
        (b"id;Mass, left;A\n007;1;0\n", ["id", "Mass, left", "A"], ["007", 1, 0]),
        (b"id,labels\n007,Mass;Edema|x\n", ["id", "labels"], ["007", "Mass;Edema|x"]),
        (b"id,a;b\n007,1;2\n", ["id", "a;b"], ["007", "1;2"]),
        (b"\xef\xbb\xbfid,A\n007,1\n", ["id", "A"], ["007", 1]),
        (b'\xef\xbb\xbf"id";"A"\n"007";1\n', ["id", "A"], ["007", 1]),
        (b"\xef\xbb\xbfsep=|\r\nid|A\r\n007|1\r\n", ["id", "A"], ["007", 1]),
        (b'"sep=;"\rid;A\r007;1\r', ["id", "A"], ["007", 1]),
        (b"sep=;\nid,x;A\n007,5;1\n", ["id,x", "A"], ["007,5", 1]),
        (b'# "not closed\n\n#two, by hand\n id ,\xc2\xa0A\n007,1\n', ["id", "A"], ["007", 1]),
        (b"#,id,A\n1,007,1\n", ["#", "id", "A"], [1, "007", 1]),
        (b"id\n007\n", ["id"], ["007"]),
    ],
)
def test_separators_marks_and_comments(
    data: bytes, columns: list[str], first: list[object], tmp_path: Path
) -> None:
    for source in (data, tmp_path / "t.csv.gz"):
        if isinstance(source, Path):
            source.write_bytes(gzip.compress(data))
        frame = read_table(source, error=RefusedError, dtype={"id": str, "id,x": str})
        assert list(frame.columns) == columns
        assert frame.iloc[0].tolist() == first
    kept = read_table(data, error=RefusedError, usecols=lambda name: name in columns[-1:], dtype={"id": str})
    assert list(kept.columns) == columns[-1:]


def test_another_separator_after_sep_is_refused_and_so_are_headings_that_differ_in_blanks() -> None:
    assert "a comma, a semicolon, a tab or a bar after sep=, got ':'" in refusal(b"sep=:\nid:A\n")
    assert "each column once, got 'A' again" in refusal(b"id,A, A\nx,1,2\n")
