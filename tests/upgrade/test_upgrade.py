"""Stored databases of before 0.1.0 come up to date with everything in them, and old migrations stay as they were.

Sites of releases are stored with their files: `test_stored_site.py`.
"""

import gzip
import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.servers.site import Site
from tests.upgrade.stored import AUDIT_KEY, HERE, migrations, stored_digests

STORED = sorted(path.name.removesuffix(".sql.gz") for path in HERE.glob("*.sql.gz"))
RELEASES = sorted(path.name.removesuffix(".tar.xz") for path in HERE.glob("*.tar.xz"))
LOOK = """
import json, django
django.setup()
from readerstudy.accounts.models import User
from readerstudy.audit.models import Event
from readerstudy.cases.models import Frame
from readerstudy.study.models import Assignment, Study
from readerstudy.study.reading.stages import place_of
study = Study.objects.get(slug="chest")
reader = study.readers.first()
print(json.dumps([study.phase, User.objects.count(), Frame.objects.count(), Assignment.objects.count(),
                  Event.objects.count() > 0, place_of(reader).total,
                  [study.openers["two"], *(each["counts"] for each in study.openers["admins"])]]))
"""


CHANGED = {"django_migrations", "django_content_type", "auth_permission", "django_session", "sqlite_sequence"}
"""Tables that `migrate` itself writes to."""
GOES_ON = {"audit_chain": {"sequence", "digest"}}
"""Columns that `setup` changes: with the event that begins the anchor the site's chain goes on."""
RELEASE = re.compile(r"^## v?(\d+\.\d+\.\d+)", re.MULTILINE)

Rows = dict[str, list[dict[str, object]]]


def rows(path: Path) -> Rows:
    """Return every row of every table, by the names of its columns."""
    with closing(sqlite3.connect(path)) as database:
        database.row_factory = sqlite3.Row
        names = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: [dict(row) for row in database.execute(f'SELECT * FROM "{name}"')] for name in names}


def lost(before: Rows, after: Rows) -> list[str]:
    """Name the rows of before that are not there any more, value for value in the columns that both have."""
    gone = []
    for table in before.keys() - CHANGED:
        there = after.get(table, [])
        columns = (set(there[0]) if there else set()) - GOES_ON.get(table, set())
        kept = [{name: row[name] for name in columns & row.keys()} for row in there]
        for row in before[table]:
            wanted = {name: value for name, value in row.items() if not columns or name in columns}
            if [{name: each[name] for name in wanted} for each in kept].count(wanted) != 1:
                gone.append(f"{table}: {wanted}")
    return gone


def test_every_release_is_stored_and_every_migration_listed() -> None:
    assert STORED
    assert RELEASES
    released = RELEASE.findall((HERE.parents[1] / "CHANGELOG.md").read_text(encoding="utf-8"))
    assert [name for name in released if name not in RELEASES] == [], "python -m tests.upgrade.stored NAME"
    # One that was merged unlisted could be edited unseen, and the databases that have it would differ.
    assert migrations().keys() - stored_digests().keys() == set(), "python -m tests.upgrade.stored"


def test_a_lost_row_and_a_changed_value_are_seen() -> None:
    before: Rows = {"t": [{"id": 1, "old": 2}, {"id": 2, "old": 3}], "django_migrations": [{"id": 1}]}
    assert lost(before, {"t": [{"id": 1, "new": 0}, {"id": 2, "new": 0}]}) == []
    assert len(lost(before, {"t": [{"id": 1, "old": 2}]})) == 1
    assert len(lost(before, {"t": [{"id": 1, "old": 2}, {"id": 2, "old": 9}]})) == 1
    assert len(lost(before, {})) == 2
    assert RELEASE.findall("## Unreleased\n\n## 0.2.0 (2027-01-01)\n") == ["0.2.0"]


def test_the_newest_database_was_in_use() -> None:
    sql = gzip.decompress((HERE / f"{STORED[-1]}.sql.gz").read_bytes()).decode()
    used = {"study_rating", "cases_terms", "accounts_invitation", "analysis_unit", "audit_event"}
    assert {name for name in used if f'INSERT INTO "{name}"' in sql} == used


@pytest.mark.parametrize("name", STORED)
def test_a_stored_site_is_upgraded_whole(tmp_path: Path, name: str) -> None:
    site = Site(tmp_path / "site", {"AUDIT_KEY": AUDIT_KEY})
    site.home.mkdir()
    (site.home / "site.env").write_text("SECRET_KEY=only for this test\n")
    with closing(sqlite3.connect(site.home / "db.sqlite3")) as database:
        database.executescript(gzip.decompress((HERE / f"{name}.sql.gz").read_bytes()).decode())
    before = rows(site.home / "db.sqlite3")
    assert "already exists" in site.manage("setup").stdout or "password" in site.manage("setup").stdout
    assert lost(before, rows(site.home / "db.sqlite3")) == []
    assert "every chain is intact" in site.manage("verify_audit").stdout
    phase, people, frames, assignments, events, total, openers = json.loads(
        site.run("-c", LOOK).stdout.splitlines()[-1]
    )
    assert openers == [False, True]
    assert (phase, frames, assignments, events, total) == ("reading", 10, 20, True, 10)
    assert people >= 6
    assert "no issues" in site.manage("check").stdout


def test_no_migration_that_was_released_has_changed() -> None:
    now = migrations()
    changed = [name for name, sha256 in stored_digests().items() if now.get(name) != sha256]
    assert changed == []
