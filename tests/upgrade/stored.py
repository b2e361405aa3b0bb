"""Store the database of a site as it is made today: python -m tests.upgrade.stored NAME

Run it once for each release. It makes a site with the stock study, half read, writes its SQL as NAME.sql.gz beside
this file, and adds every migration's SHA-256 to migrations.sha256. Both are kept for ever. Without a NAME it adds the
digests only: run it so with every new migration.
"""

import argparse
import gzip
import hashlib
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from readerstudy.environment import BASE
from tests.servers.site import Site

HERE = Path(__file__).parent
DIGESTS = HERE / "migrations.sha256"
AUDIT_KEY = "0123456789abcdef" * 4
"""The audit key of the stored sites; their people and images are the stock ones and exist nowhere."""
USED = """
import uuid
from pathlib import Path
import django
django.setup()
from analysis.models import Run, UnitState
from analysis.services import control, ledger
from readerstudy.accounts.models import User
from readerstudy.cases.terms import Wording
from readerstudy.study import services
from readerstudy.study.invitations import invite
from readerstudy.study.models import Study
from readerstudy.study.people import withdraw_reader
from readerstudy.study.protocol import Protocol
from readerstudy.study.reading import place_of, save_answers
from readerstudy.study.terms import change
from tests.blinding.crowd import payload
study, alice = Study.objects.get(slug="chest"), User.objects.get(email="alice@example.org")
bob, bella = study.readers.order_by("pk")
for number in range(4):
    values = payload(comment=f"answer {number}")
    values["idempotency_key"] = uuid.UUID(int=number + 1)
    save_answers(reader=bob, public_id=place_of(bob).current.public_id, **values)
withdraw_reader(study=study, pseudonym=bella.pseudonym, reason="no more time", actor=alice)
invite(study=study, email="nora@example.org", role="reader", actor=alice, link_for=lambda token: f"/{token}",
       replaces=bella.pseudonym)
change(study=study, which="cases", wording=Wording("Look, do not copy."), actor=alice, reason="the owner asks")
services.create_study(slug="draft", title="A draft", protocol=Protocol(), actor=alice)
control.register_run(run_id="0123456789abcdef", name="A sweep", folder=Path("/nowhere"), spec={"data": {"name": "x"}},
                     synthetic=True, units=[control.NewUnit(f"seed-{n}_sparsity-0.90", n) for n in range(3)])
ledger.finish(ledger.claim_next(worker="w", lease_seconds=60), artefacts={"a.npy": "0" * 64})
ledger.claim_next(worker="w", lease_seconds=60)
"""
"""What people and workers leave behind: answers, a reader who left, an invitation, terms, a draft, a run half swept."""


def migrations() -> dict[str, str]:
    """Return the SHA-256 of every migration, by its path in the project."""
    files = [*BASE.glob("analysis/migrations/0*.py"), *BASE.glob("readerstudy/*/migrations/0*.py")]
    return {
        str(path.relative_to(BASE)): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(files)
    }


def stored_digests() -> dict[str, str]:
    """Read the digests of migrations that may not change."""
    lines = DIGESTS.read_text(encoding="utf-8").splitlines() if DIGESTS.exists() else []
    return {name: sha256 for sha256, _, name in (line.partition("  ") for line in lines)}


def main() -> None:
    """Store a site of today."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", nargs="?")
    name = parser.parse_args().name
    if name:
        _store(name)
    lines = [f"{sha256}  {path}" for path, sha256 in sorted({**migrations(), **stored_digests()}.items())]
    DIGESTS.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(lines)} migrations")


def _store(name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        site = Site(Path(folder) / "site", {"AUDIT_KEY": AUDIT_KEY})
        site.manage("setup")
        site.stock()
        site.run("-c", USED)
        with closing(sqlite3.connect(site.home / "db.sqlite3")) as database:
            database.execute("DELETE FROM django_session")
            sql = "\n".join(database.iterdump())
    (HERE / f"{name}.sql.gz").write_bytes(gzip.compress(sql.encode(), mtime=0))
    print(f"{name}: {len(sql)} characters of SQL")


if __name__ == "__main__":
    main()
