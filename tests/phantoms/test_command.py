"""The command is a wrapper: it writes what the function writes, and passes errors on in one line."""

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

SMALL = ("--train", "20", "--val", "0", "--test", "20", "--rows", "16", "--columns", "16", "--workers", "1")


def test_make_phantoms_writes_a_set_and_its_truth(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("make_phantoms", "--out", str(tmp_path / "set"), *SMALL)
    assert len(list((tmp_path / "set" / "images").glob("*.png"))) == 40
    assert (tmp_path / "set-truth.csv").is_file()
    assert "40 synthetic images" in capsys.readouterr().out


def test_make_phantoms_says_what_was_wrong(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="train: expected at least 20 images, got 3"):
        call_command("make_phantoms", "--out", str(tmp_path / "set"), "--train", "3")
    assert list(tmp_path.iterdir()) == []
