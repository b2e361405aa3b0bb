"""Settings from outside fail loudly and say what to do."""

import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from readerstudy.environment import Environment, SettingError, ensure_site, read_site_file

RULES = ("none", "staff", "all")


def environment(home: Path, **values: str) -> Environment:
    return Environment({"READERSTUDY_HOME": str(home), **values})


def test_absent_setting_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"SECRET_KEY is not set.*manage.py setup"):
        environment(tmp_path).text("SECRET_KEY")


def test_flag_refuses_other_words(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="DEBUG: expected yes or no, got 'maybe'"):
        environment(tmp_path, DEBUG="maybe").flag("DEBUG")


@pytest.mark.parametrize(("word", "value"), [("yes", True), ("1", True), ("No", False), ("", False)])
def test_flag_reads_words(tmp_path: Path, word: str, value: bool) -> None:
    assert environment(tmp_path, DEBUG=word).flag("DEBUG") is value


@pytest.mark.parametrize("text", ["many", "1.5", "0"])
def test_number_refuses_nonsense(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingError, match="LEASE_SECONDS: expected"):
        environment(tmp_path, LEASE_SECONDS=text).number("LEASE_SECONDS", 120, low=2)


@pytest.mark.parametrize(("word", "rule"), [("all", "all"), (" Staff ", "staff")])
def test_choice_reads_its_words(tmp_path: Path, word: str, rule: str) -> None:
    assert environment(tmp_path, MFA_REQUIRED=word).choice("MFA_REQUIRED", "none", among=RULES) == rule
    assert environment(tmp_path).choice("MFA_REQUIRED", "none", among=RULES) == "none"


def test_choice_refuses_other_words(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="expected one of none, staff, all, got 'yes'"):
        environment(tmp_path, MFA_REQUIRED="yes").choice("MFA_REQUIRED", "none", among=RULES)


def test_site_file_is_made_once_and_kept_private(tmp_path: Path) -> None:
    home = tmp_path / "site"
    assert ensure_site(home)
    secret = environment(home).text("SECRET_KEY")
    assert len(secret) > 50
    assert len(environment(home).text("AUDIT_KEY")) == 64
    assert stat.S_IMODE((home / "site.env").stat().st_mode) == 0o600
    assert not ensure_site(home)
    assert environment(home).text("SECRET_KEY") == secret


def test_processes_that_start_at_once_have_the_same_secrets(tmp_path: Path) -> None:
    for round_ in range(20):
        home, start = tmp_path / str(round_), threading.Barrier(8)

        def begin(_: int, home: Path = home, start: threading.Barrier = start) -> tuple[bool, str]:
            start.wait()
            return ensure_site(home), environment(home).text("SECRET_KEY")

        with ThreadPoolExecutor(8) as pool:
            made, secrets = zip(*pool.map(begin, range(8)), strict=True)
        assert sum(made) == 1
        assert len(set(secrets)) == 1
        assert [path.name for path in home.iterdir()] == ["site.env"]


def test_environment_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "site.env").write_text("# a comment\n\nDEBUG=yes\n")
    assert environment(tmp_path).flag("DEBUG")
    assert not environment(tmp_path, DEBUG="no").flag("DEBUG")


def test_damaged_site_file_names_the_line(tmp_path: Path) -> None:
    (tmp_path / "site.env").write_text("DEBUG=yes\nnonsense\n")
    with pytest.raises(SettingError, match="line 2: expected NAME=value"):
        read_site_file(tmp_path)
