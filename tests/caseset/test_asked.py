"""What commands and pages ask for: each part of asked.toml can be declared, and means what code knows."""

from argparse import ArgumentParser
from pathlib import Path

import pytest

from analysis.asked import OPTIONS, declare
from analysis.selection import CRITERIA, SelectionSpec
from tests.docs.drawn import ROOT

COMMANDS = {path.stem for path in (ROOT / "analysis/management/commands").glob("[a-z]*.py")}


@pytest.mark.parametrize("name", OPTIONS)
def test_every_part_can_be_declared_and_explains_itself(name: str) -> None:
    parser = ArgumentParser()
    made = declare(parser, name)
    assert len(made) == len(OPTIONS[name])
    assert all(action.help and ":" not in str(action.default) for action in made)
    assert "analysis." not in parser.format_help().replace("analysis.html", "")


def test_every_command_has_its_part_and_no_part_is_nobodys() -> None:
    shared = {"experiment", "places", "contents", "unchecked", "exemplars", "selection"}
    assert set(OPTIONS) == COMMANDS | shared


def test_choices_and_defaults_are_those_of_the_code() -> None:
    parser = ArgumentParser()
    declare(parser, "exemplars", "selection")
    default = SelectionSpec()
    chosen = vars(parser.parse_args([]))
    for name in ("criterion", "fraction", "draw", "controls", "ratio", "exact", "nearest"):
        assert chosen[name] == getattr(default, name), name
    with pytest.raises(SystemExit):
        parser.parse_args(["--criterion", "x"])
    assert all(parser.parse_args(["--criterion", name]).criterion == name for name in CRITERIA)


def test_of_two_that_exclude_each_other_one_is_wanted() -> None:
    parser = ArgumentParser()
    declare(parser, "import_via")
    common = ["a.csv", "--out", "ratings.csv", "--cases", "own"]
    assert parser.parse_args([*common, "--key", "key.csv"]).key == Path("key.csv")
    for words in ([], ["--key", "key.csv", "--first-exemplars", "20"]):
        with pytest.raises(SystemExit):
            parser.parse_args([*common, *words])
