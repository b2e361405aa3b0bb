"""Store the database of a site as it is made today: python -m tests.upgrade.stored NAME

Run it once for each release. It makes a site with the stock study, writes its SQL as NAME.sql.gz beside this
file, and adds every migration's SHA-256 to migrations.sha256. Both are kept for ever.
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
    parser.add_argument("name")
    name = parser.parse_args().name
    with tempfile.TemporaryDirectory() as folder:
        site = Site(Path(folder) / "site", {"AUDIT_KEY": AUDIT_KEY})
        site.manage("setup")
        site.stock()
        with closing(sqlite3.connect(site.home / "db.sqlite3")) as database:
            database.execute("DELETE FROM django_session")
            sql = "\n".join(database.iterdump())
    (HERE / f"{name}.sql.gz").write_bytes(gzip.compress(sql.encode(), mtime=0))
    lines = [f"{sha256}  {path}" for path, sha256 in sorted({**stored_digests(), **migrations()}.items())]
    DIGESTS.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{name}: {len(sql)} characters of SQL, {len(lines)} migrations")


if __name__ == "__main__":
    main()
