"""Who has an export repeats its analysis by one option, value by value."""

import json
from collections.abc import Callable
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import DjangoDbBlocker

from readerstudy.ops.loading import load_into_study
from readerstudy.results.export import write_export
from readerstudy.results.recompute import count
from readerstudy.results.services import open_key
from readerstudy.study.design import lifecycle
from readerstudy.study.models import Study
from readerstudy.study.people.members import enrol_reader
from readerstudy.study.protocol import Protocol
from tests.results.readings import ANSWERS, read_by_rule
from tests.site import undone
from tests.stock import decoded_here, look_for_names, make_case_set, person

pytestmark = pytest.mark.django_db

Exported = Callable[..., Path]

OWN = Protocol(
    endpoints=("difficulty", "quality"), alpha=0.01, multiplicity="none", primary_method="theta_set",
    shortest_s=3.0, longest_s=8.0, subgroups=("n_findings",),
)  # fmt: skip
"""A plan that differs from the command's own in everything."""


@pytest.fixture(scope="module")
def exported(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Exported:
    """Return the export of a whole study by `OWN`, made once per module for each choice; it is only read.

    `leave` cases of each reader stay unread.
    """

    @cache
    def make(*, leave: int = 0, simulated: bool = False) -> Path:
        folder = tmp_path_factory.mktemp("exported")
        with django_db_blocker.unblock(), undone():
            return run(folder, leave=leave, simulated=simulated)

    return make


def run(folder: Path, *, leave: int, simulated: bool) -> Path:
    case_set = make_case_set(folder, pairs=5, nonce=b"\x67" * 32)
    study = lifecycle.create_study(
        slug="own", title="Own", protocol=OWN, actor=None, simulated_readers=simulated
    )
    with decoded_here():
        load_into_study(study=study, folder=case_set.folder, actor=None)
    for name in ("Ann", "Ben"):
        enrol_reader(study=study, person=person(name), actor=None)
    look_for_names(study, None)
    lifecycle.lock(study=study, actor=None)
    lifecycle.start(study=study, actor=None)
    for reader, rows in zip(study.readers.all(), ANSWERS.values(), strict=True):
        read_by_rule(reader, rows, leave=leave)
    lifecycle.close(study=study, actor=None, reason="read")
    open_key(study=study, key=case_set.key, reason="to see", actor=None)
    write_export(Study.objects.get(pk=study.pk), folder / "export")
    return folder / "export"


def repeated(export: Path, out: Path, **options: object) -> dict[str, Any]:
    call_command("analyse_ratings", export / "ratings.csv", out=out, stdout=StringIO(), **options)
    results: dict[str, Any] = json.loads((out / "results.json").read_text())
    return results


@pytest.mark.parametrize("simulated", [False, True])
def test_settings_of_an_export_give_its_results_value_by_value(
    exported: Exported, tmp_path: Path, simulated: bool
) -> None:
    export = exported(simulated=simulated)
    stored = json.loads((export / "results.json").read_text())
    assert stored["subgroups"]
    assert stored["simulated"] is simulated
    assert stored["study"]["alpha"] == 0.01
    again = repeated(export, tmp_path / "again", like=export / "results.json")
    assert count(again) > 500
    assert again == stored
    report = (tmp_path / "again" / "report.html").read_text()
    assert "analyse_ratings ratings.csv --like results.json" in report


def test_without_the_settings_another_analysis_comes(exported: Exported, tmp_path: Path) -> None:
    export = exported()
    stored, again = json.loads((export / "results.json").read_text()), repeated(export, tmp_path / "again")
    assert again["study"] != stored["study"]
    assert again["multiplicity"] != stored["multiplicity"]


def test_one_setting_that_was_changed_changes_the_results(exported: Exported, tmp_path: Path) -> None:
    export = exported()
    stored = json.loads((export / "results.json").read_text())
    changed = tmp_path / "results.json"
    changed.write_text(json.dumps({**stored, "study": {**stored["study"], "longest_s": 900.0}}))
    again = repeated(export, tmp_path / "again", like=changed, subgroups=export / "subgroups.csv")
    assert again["reading_time"] != stored["reading_time"]
    assert again["comparisons"] == stored["comparisons"]


def test_a_study_that_compares_nothing_is_repeated_too(exported: Exported, tmp_path: Path) -> None:
    export = exported(leave=10)
    stored = json.loads((export / "results.json").read_text())
    assert stored["study"]["not_comparable"]
    assert repeated(export, tmp_path / "again", like=export / "results.json") == stored


def test_settings_of_a_repeated_analysis_want_the_groups_of_cases(exported: Exported, tmp_path: Path) -> None:
    export = exported()
    stored = repeated(export, tmp_path / "again", like=export / "results.json")
    # The results folder has a subgroups.csv of another kind: the table of results.
    own = tmp_path / "again" / "results.json"
    with pytest.raises(CommandError, match="name the groups of cases with --subgroups"):
        call_command("analyse_ratings", export / "ratings.csv", like=own, out=tmp_path / "third")
    assert not (tmp_path / "third").exists()
    call_command(
        "analyse_ratings", export / "ratings.csv", like=own, subgroups=export / "subgroups.csv",
        out=tmp_path / "third", stdout=StringIO(),
    )  # fmt: skip
    assert json.loads((tmp_path / "third" / "results.json").read_text()) == stored


def test_an_option_beside_the_settings_is_refused(exported: Exported, tmp_path: Path) -> None:
    export = exported()
    for option, value in (("seed", 1), ("primary", "theta_set"), ("endpoints", ["quality"])):
        with pytest.raises(
            CommandError, match=f"expected --{option} from .*leave out either that option or --like"
        ):
            repeated(export, tmp_path / "again", like=export / "results.json", **{option: value})
    with pytest.raises(CommandError, match=r"is it protocol\.json"):
        repeated(export, tmp_path / "again", like=export / "protocol.json")
