"""The site of each release comes up to date with its files, holds in every check, and gives the numbers it gave."""

import hashlib
import json
import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analysis.services.findings import Choices, analyse_folder
from analysis.tablefolder import results_text
from readerstudy.results.recompute import ABSOLUTE, ITERATED, ITERATIVE, RELATIVE, recompute
from readerstudy.study.design.protocol_file import from_toml
from tests.servers.site import Site
from tests.upgrade.making import DONE, HALF, LEFT, PRACTICE, SPARE, SPARSITIES, import_command, site_at
from tests.upgrade.stored import unpack
from tests.upgrade.test_upgrade import RELEASES, lost, rows

WORDS = {
    "answers", "axis_high", "axis_low", "design", "direction", "high_word", "label", "low_word", "note", "short",
    "title", "warning",
}  # fmt: skip
"""Columns of results that hold sentences: a later version may word them better."""
GONE = {"compared", "weights"}
"""Tables of findings that were taken out on purpose, as the changelog says."""

COMMANDS = """
import json, sys, django
django.setup()
from django.core.management import call_command
for command in json.loads(sys.argv[1]):
    call_command(*command)
"""
READ_ON = """
import django
django.setup()
from django.core.management import call_command
from readerstudy.accounts.models import User
from readerstudy.study.models import Study
from tests.upgrade import people
bob = User.objects.get(email="bob@example.org")
reader = Study.objects.get(slug="half").readers.get(person=bob)
left = reader.assignments.filter(revision=0).count()
print(left, people.read(bob, "half"), reader.assignments.filter(revision=0).count())
call_command("replay_ratings", "half")
call_command("verify_audit")
"""


@dataclass(frozen=True)
class Stored:
    """The upgraded site, what lay elsewhere, the tables that had rows, and the rows that are lost."""

    site: Site
    beside: Path
    used: set[str]
    lost: list[str]

    @property
    def run(self) -> Path:
        """The folder of the finished run."""
        return next(path.parents[1] for path in (self.site.home / "runs").glob("*/predictions/seed-0*.npy")
                    if (path.parents[1] / "plan.json").exists())  # fmt: skip

    def key(self, name: str) -> Path:
        """The sealed half of a case set."""
        return self.site.home / "sealed" / f"{name}-key.csv"

    def do(self, *commands: list[str]) -> str:
        """Run commands one after the other in one process; return what they said."""
        return self.site.run("-c", COMMANDS, json.dumps(commands)).stdout


@pytest.fixture(scope="module", params=RELEASES)
def stored(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Stored:
    root = tmp_path_factory.mktemp("stored")
    unpack(request.param, root)
    site = site_at(root / "site")
    before = rows(site.home / "db.sqlite3")
    site.manage("setup")
    used = {name for name, there in before.items() if there}
    return Stored(site, root / "beside", used, lost(before, rows(site.home / "db.sqlite3")))


def lacking(stored: Any, now: Any, where: str = "", relative: float = RELATIVE) -> list[str]:
    """Name every number and every name of stored results that is not among those of now; more may be there."""
    if isinstance(stored, dict) and isinstance(now, dict):
        relative = ITERATED if stored.get("method") in ITERATIVE else relative
        return [
            line
            for name, value in stored.items()
            if name not in WORDS
            for line in lacking(value, now.get(name, "nothing"), f"{where}.{name}", relative)
        ]
    if isinstance(stored, list) and isinstance(now, list):
        here = (value for value in stored if all(lacking(value, other, "", relative) for other in now))
        return [f"{where}: {value}" for value in here]
    if isinstance(stored, float) and isinstance(now, float | int):
        same = math.isclose(stored, now, rel_tol=relative, abs_tol=ABSOLUTE)
    else:
        same = stored == now
    return [] if same else [f"{where}: {stored!r} is stored, got {now!r}"]


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def table(path: Path) -> list[dict[Any, Any]]:
    """Read a CSV as rows of texts."""
    return pd.read_csv(path, dtype=str, keep_default_na=False).to_dict("records")


@pytest.mark.parametrize(
    "change",
    [
        lambda results: results["rows"][0].update(p=0.031),
        lambda results: results["rows"][0].update(method="x"),
        lambda results: results["rows"].pop(),
        lambda results: results.pop("seed"),
    ],
)
def test_a_changed_and_a_lost_number_are_seen(change: Callable[[Any], object]) -> None:
    results = {"seed": 3, "rows": [{"method": "t", "p": 0.03, "note": "a"}, {"method": "u", "p": None}]}
    better = {
        "rows": [{"method": "u", "p": None}, {"method": "t", "p": 0.03, "note": "b", "df": 4}],
        "seed": 3,
    }
    assert lacking(results, better) == []
    change(better)
    assert lacking(results, better) != []


def test_nothing_is_lost_and_every_check_holds(stored: Stored) -> None:
    assert stored.lost == []
    assert {
        "accounts_invitation", "analysis_ensemble", "analysis_unit", "audit_event", "cases_terms",
        "cases_termsconfirmation", "results_openedcase", "study_practicereading", "study_rating",
    } <= stored.used  # fmt: skip
    heads = [str(stored.beside / "export" / name) for name in ("protocol.json", "audit_heads.json")]
    sets = [
        ["verify_case_set", str(stored.site.home / "case-sets" / name), "--key", str(stored.key(name))]
        for name in (HALF, DONE, SPARE, PRACTICE)
    ]
    said = stored.do(
        ["check"], ["verify_audit", "--heads", *heads], ["verify_storage"], ["verify_orders", DONE],
        ["replay_ratings", DONE], ["replay_ratings", HALF], *sets,
    )  # fmt: skip
    assert "no issues" in said
    assert "every chain is intact" in said
    assert "the heads of 2 files are in their chains" in said
    assert "frames are as they were written" in said
    assert said.count("the same order") == 3
    assert said.count("saved answers match the audit trail") == 2
    assert said.count("are intact; the key too") == 4


def test_the_reader_in_half_reading_reads_on_to_the_end(stored: Stored) -> None:
    counts, *said = stored.site.run("-c", READ_ON).stdout.splitlines()
    assert counts == f"{LEFT} {LEFT} 0"
    assert "saved answers match the audit trail" in said[0]
    assert "every chain is intact" in said[-1]


def test_the_unblinded_study_gives_the_export_that_it_gave(stored: Stored, tmp_path: Path) -> None:
    old, new = stored.beside / "export", tmp_path / "export"
    stored.do(["export_results", DONE, "--out", str(new)])
    assert lacking(read_json(old / "results.json"), read_json(new / "results.json")) == []
    for name in ("ratings.csv", "cases.csv", "answers.csv", "order.csv", "readers.csv"):
        assert lacking(table(old / name), table(new / name)) == []
        assert len(table(old / name)) == len(table(new / name)) > 0
    for name in ("protocol.json", "orders.json"):
        assert (new / name).read_bytes() == (old / name).read_bytes()
    # A lock of before analyses had versions may have had its digest made public then: version 1.
    version = read_json(old / "results.json")["study"].get("analysis", 1)
    assert read_json(new / "results.json")["study"]["analysis"] == version
    assert (
        hashlib.sha256((new / "protocol.json").read_bytes()).hexdigest() in (old / "README.txt").read_text()
    )


def test_an_old_export_is_recomputed_from_its_files(stored: Stored) -> None:
    old = stored.beside / "export"
    results = read_json(old / "results.json")
    assert len(results["comparisons"]) > 30
    assert lacking(results, recompute(old)) == []


def test_the_finished_run_is_finished_and_its_findings_are_what_they_were(stored: Stored) -> None:
    scores = sorted((stored.run / "predictions").iterdir())
    before = [(path.stat().st_mtime_ns, path.read_bytes()) for path in scores]
    (kept,) = (stored.run / "findings").glob("*/results.json")
    said = stored.do(["run_sweep", str(stored.site.home / "data" / "sweep.toml")])
    assert f"run {stored.run.name}: {stored.run}" in said
    assert [(path.stat().st_mtime_ns, path.read_bytes()) for path in scores] == before
    assert sorted((stored.run / "predictions").iterdir()) == scores
    again = analyse_folder(stored.run, Choices(fraction=0.2, condition=SPARSITIES[1])).findings
    known = {name: value for name, value in read_json(kept).items() if name not in GONE}
    now = json.loads(results_text(again.as_dict()))
    # The intervals of over-representation go by patients since, who have several images here: they are wider.
    assert now["run"]["patients_as_clusters"] < now["run"]["images"]
    before = known.pop("representation")
    assert len(before) == len(now["representation"])
    for old, new in zip(before, now["representation"], strict=True):
        ends = {name: (old.pop(name), new.pop(name)) for name in ("ci_low", "ci_high")}
        assert lacking(old, new) == []
        for (was, is_), side in zip(ends.values(), (1, -1), strict=True):
            assert was == is_ or side * (was - is_) > -1e-9
    assert lacking(known, now) == []


def test_released_scores_give_the_run_that_they_gave(stored: Stored, tmp_path: Path) -> None:
    stored.do(import_command(stored.site.home, stored.beside / "released", tmp_path / "run"))
    old, new = stored.site.home / "runs" / "imported", tmp_path / "run"
    assert read_json(new / "provenance.json")["run_id"] == read_json(old / "provenance.json")["run_id"]
    assert lacking(table(old / "metrics.csv"), table(new / "metrics.csv")) == []


def test_a_case_set_and_a_protocol_of_before_go_into_new_studies(stored: Stored, tmp_path: Path) -> None:
    said = stored.do(
        ["load_case_set", str(stored.site.home / "case-sets" / SPARE), "--study", "later", "--title", "New", "--admin",
         "alice@example.org"],
        ["import_protocol", str(stored.beside / "protocol.toml"), "--study", "again", "--admin", "alice@example.org"],
        ["export_protocol", "again", "--out", str(tmp_path / "protocol.toml")],
    )  # fmt: skip
    assert "cases loaded into 'later'" in said
    now, before = ((place / "protocol.toml").read_bytes() for place in (tmp_path, stored.beside))
    assert from_toml(now) == from_toml(before)  # defaults are left out now


def test_the_old_backup_comes_back_on_a_new_host(stored: Stored, tmp_path: Path) -> None:
    other = site_at(tmp_path / "other")
    other.home.mkdir(mode=0o700)
    shutil.copy(stored.site.home / "site.env", other.home / "site.env")
    assert "every audit chain is intact" in other.manage("restore", str(stored.beside / "backup")).stdout
    there = Stored(other, stored.beside, set(), [])
    said = there.do(["verify_audit"], ["verify_storage"], ["verify_orders", DONE], ["replay_ratings", HALF])
    assert "every chain is intact" in said
    assert "frames are as they were written" in said
