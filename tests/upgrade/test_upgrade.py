"""A stored database of each release comes up to date with everything in it, and old migrations stay as they were."""

import gzip
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.servers.site import Site
from tests.upgrade.stored import AUDIT_KEY, HERE, migrations, stored_digests

STORED = sorted(path.name.removesuffix(".sql.gz") for path in HERE.glob("*.sql.gz"))
LOOK = """
import json, django
django.setup()
from readerstudy.accounts.models import User
from readerstudy.audit.models import Event
from readerstudy.cases.models import Frame
from readerstudy.study.models import Assignment, Study
from readerstudy.study.reading import place_of
study = Study.objects.get(slug="chest")
reader = study.readers.first()
print(json.dumps([study.phase, User.objects.count(), Frame.objects.count(), Assignment.objects.count(),
                  Event.objects.count() > 0, place_of(reader).total]))
"""


def test_something_is_stored() -> None:
    assert STORED
    assert len(stored_digests()) >= 8


@pytest.mark.parametrize("name", STORED)
def test_a_stored_site_is_upgraded_whole(tmp_path: Path, name: str) -> None:
    site = Site(tmp_path / "site", {"AUDIT_KEY": AUDIT_KEY})
    site.home.mkdir()
    (site.home / "site.env").write_text("SECRET_KEY=only for this test\n")
    with closing(sqlite3.connect(site.home / "db.sqlite3")) as database:
        database.executescript(gzip.decompress((HERE / f"{name}.sql.gz").read_bytes()).decode())
    assert "is there already" in site.manage("setup").stdout or "password" in site.manage("setup").stdout
    assert "every chain holds" in site.manage("verify_audit").stdout
    phase, people, frames, assignments, events, total = json.loads(
        site.run("-c", LOOK).stdout.splitlines()[-1]
    )
    assert (phase, frames, assignments, events, total) == ("reading", 10, 20, True, 10)
    assert people >= 6
    assert "no issues" in site.manage("check").stdout


def test_no_migration_that_was_released_has_changed() -> None:
    now = migrations()
    changed = [name for name, sha256 in stored_digests().items() if now.get(name) != sha256]
    assert changed == []
