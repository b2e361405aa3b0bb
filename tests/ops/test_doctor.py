"""What the doctor says of a site: one that is missing, one that is whole, and ones that lack something."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone

from analysis.models import Run, Unit, UnitState
from analysis.services import fleet
from readerstudy.audit.services import record
from readerstudy.ops.doctor import examination
from readerstudy.ops.doctor.examination import Finding
from tests.servers import warm
from tests.stock import Stock

ROOT = Path(__file__).resolve().parents[2]


def environment(home: Path, **more: str) -> dict[str, str]:
    given = {name: value for name, value in os.environ.items() if name not in {"SECRET_KEY", "AUDIT_KEY"}}
    # What this machine's disk has left says nothing of the doctor.
    return {**given, "READERSTUDY_HOME": str(home), "DISK_FREE_GB": "0", **more}


def manage(home: Path, *command: str, **more: str) -> "subprocess.CompletedProcess[str]":
    return warm.run(("manage.py", *command), environment(home, **more))


def of_the_site(home: Path, **more: str) -> dict[str, str]:
    """Return what the doctor says from the line on the site on, by subject, with its mark."""
    told = manage(home, "doctor", **more)
    assert told.returncode == 0, told.stderr
    lines = told.stdout.splitlines()
    start = next(place for place, line in enumerate(lines) if line[9:].startswith("site "))
    return {line[9:27].strip(): line[:9].strip() + " " + line[28:] for line in lines[start:]}


def test_without_a_site_it_says_how_to_make_one_and_makes_nothing(tmp_path: Path) -> None:
    told = of_the_site(tmp_path / "none")
    assert list(told) == ["site"]
    assert "'make setup' makes one" in told["site"]
    assert not (tmp_path / "none").exists()


def test_a_site_and_what_it_lacks(tmp_path: Path) -> None:
    home = tmp_path / "site"
    assert manage(home, "setup").returncode == 0
    told = of_the_site(home)
    assert {name: words.split()[0] for name, words in told.items()} == {
        "site": "ok", "secrets": "ok", "disk space": "ok", "database": "ok", "migrations": "ok",
        "audit anchor": "ok", "site's folder": "ok", "studies": "ok", "backup": "note", "workers": "note",
    }  # fmt: skip
    assert "no backup was ever started" in told["backup"]
    (home / "scratch").mkdir()
    (home / "audit-anchor.jsonl").unlink()
    told = of_the_site(home, DISK_FREE_GB="1000000000")
    assert told["site's folder"] == "note also holds scratch, which backups save with the rest"
    assert "WARNING" in told["audit anchor"]
    assert "WARNING" in told["disk space"]
    (home / "site.env").chmod(0o644)
    assert manage(home, "migrate", "study", "0004", "--verbosity", "0").returncode == 0
    told = of_the_site(home)
    assert "WARNING" in told["secrets"]
    assert "can be read by other users" in told["secrets"]
    assert "WARNING" in told["migrations"]
    later = [path for path in (ROOT / "readerstudy/study/migrations").glob("0*.py") if path.name > "0005"]
    assert f"{len(later)} to apply" in told["migrations"]
    assert "studies" not in told
    (home / "db.sqlite3").unlink()
    assert "is missing" in of_the_site(home)["database"]
    assert not (home / "db.sqlite3").exists()
    gone = of_the_site(home, DATABASE_URL="postgres://somebody:hidden-word@localhost:1/none")
    assert "postgresql does not answer" in gone["database"]
    assert "hidden-word" not in str(gone)


def test_a_pipe_that_closes_early_ends_it_without_a_word(tmp_path: Path) -> None:
    doctor = subprocess.Popen(
        [sys.executable, "-u", "-W", "ignore", "manage.py", "doctor"], cwd=ROOT,
        env=environment(tmp_path / "none"), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert doctor.stdout is not None
    doctor.stdout.close()  # as head does, only earlier
    _, told = doctor.communicate(timeout=120)
    assert told == b""
    assert doctor.returncode == 141


def said(part: Any) -> Finding:
    (finding,) = part()
    return finding


@pytest.mark.django_db
def test_the_last_backup(stock: Stock, monkeypatch: pytest.MonkeyPatch) -> None:
    for days, grade, words in (
        (20, "note", "20 days ago"),
        (1, "good", "a day ago"),
        (0, "good", "within a day"),
    ):
        then = timezone.now() - timedelta(days=days)
        with monkeypatch.context() as patch:
            patch.setattr("readerstudy.audit.services.timezone", SimpleNamespace(now=lambda then=then: then))
            record(kind="site.backed_up", actor=None, values={"database_only": False})
        found = said(examination._backup)
        assert (found.grade, f"last begun {then:%Y-%m-%d}, {words}") == (grade, found.text)


@pytest.mark.django_db
def test_work_that_nobody_does() -> None:
    cache.clear()
    run = Run.objects.create(run_id="r1", name="sweep", folder="/nowhere", spec={}, synthetic=True)
    assert said(examination._workers).grade == "note"
    unit = Unit.objects.create(run=run, place=0, key="one")
    found = said(examination._workers)
    assert (found.grade, found.text[:12]) == ("warning", "1 unit waits")
    lease = {"state": UnitState.WORKING, "worker": "host:1:2", "started_at": timezone.now()}
    Unit.objects.filter(pk=unit.pk).update(**lease, lease_until=timezone.now() - timedelta(minutes=5))
    assert said(examination._workers).grade == "warning"
    Unit.objects.filter(pk=unit.pk).update(lease_until=timezone.now() + timedelta(minutes=5))
    fleet.note_listening(fleet.QUEUES)
    assert said(examination._workers).grade == "good"


@pytest.mark.django_db
def test_workers_that_listen_to_old_queues_only() -> None:
    cache.clear()
    run = Run.objects.create(run_id="r1", name="sweep", folder="/nowhere", spec={}, synthetic=True)
    now = timezone.now()
    lease = {"state": UnitState.WORKING, "worker": "host:1:2", "started_at": now}
    Unit.objects.create(run=run, place=0, key="one", lease_until=now + timedelta(minutes=5), **lease)
    of_before = said(examination._workers)  # at work, and says of no queue that it listens
    assert (of_before.grade, of_before.text[:24]) == ("warning", "none listens to sweep (t")
    fleet.note_listening(["sweep"])
    found = said(examination._workers)
    assert found.grade == "warning"
    assert found.text.startswith(
        "none listens to cases (the analysis of sweeps), quick (mails): start workers"
    )
    assert found.text.endswith("(-Q cases,quick)")
    fleet.note_listening(["cases", "quick"])
    assert said(examination._workers).grade == "good"
