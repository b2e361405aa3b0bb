"""How commands show where they are: a line every few seconds in a log, one that is written over in a terminal."""

import pytest

from analysis import terminal
from analysis.terminal import Lines


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(terminal.time, "monotonic", lambda: now[0])
    return now


def told(on_terminal: bool, clock: list[float], capsys: pytest.CaptureFixture[str]) -> str:
    lines = Lines(on_terminal)
    for done in range(5):
        lines.show("files", done, 4)
        clock[0] += 2
    lines.show("files", 0, 2)  # another part: its clock starts over
    clock[0] += 8
    lines.show("files", 1, 2)
    lines.end_line()
    return capsys.readouterr().err


def test_lines_come_seldom_and_at_the_end(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    assert told(False, clock, capsys).splitlines() == [
        "  files: 0 of 4",
        "  files: 3 of 4, 0.5/s, 2 s left",
        "  files: 4 of 4",
        "  files: 1 of 2, 0.1/s, 8 s left",
    ]


def test_a_bar_is_written_over_until_its_end(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    shown = told(True, clock, capsys)
    assert shown.count("\n") == 2
    first, second, _ = shown.split("\n")
    assert first.count("\r") == 5
    assert first.endswith("━" * terminal.WIDE + "  files: 4 of 4")
    assert second.endswith("  files: 1 of 2, 0.1/s, 8 s left")
