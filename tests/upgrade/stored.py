"""Store a site with its files as it is made today: python -m tests.upgrade.stored NAME

Run it once for each release. It makes a site (`making.py`), packs it as NAME.tar.xz beside this file, and adds every
migration's SHA-256 to migrations.sha256. Both are kept for ever. Without a NAME it adds the digests only: run it so
with every new migration, for between two releases an edited one would pass unseen.
"""

import argparse
import hashlib
import json
import sqlite3
import subprocess
import tarfile
import tempfile
from contextlib import closing
from pathlib import Path

from readerstudy.environment import BASE

HERE = Path(__file__).parent
DIGESTS = HERE / "migrations.sha256"
AUDIT_KEY = "0123456789abcdef" * 4
"""The audit key of the stored sites; their people and images exist nowhere."""
SECRETS = f"SECRET_KEY=only for this test\nAUDIT_KEY={AUDIT_KEY}\n"
TEXTS = {"text", "varchar(500)"}
LEFT_OUT = {"static", "small", "broker", ".image-cache"}
"""Folders of a site that are made again."""


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


def unpack(name: str, root: Path) -> None:
    """Put a stored site into `root`/site, as if it had always stood there, and what lay elsewhere into `root`/beside.

    A site knows a few whole paths: those of its ledger and of the plans of its runs.
    """
    with tarfile.open(HERE / f"{name}.tar.xz") as archive:
        # Debian 12's own Python 3.11.2 knows no filters yet.
        archive.extractall(root, **({"filter": "tar"} if hasattr(tarfile, "tar_filter") else {}))
    old = json.loads((root / "stored.json").read_text(encoding="utf-8"))["root"]
    for plan in (root / "site" / "runs").glob("*/plan.json"):
        plan.write_text(plan.read_text(encoding="utf-8").replace(old, str(root)), encoding="utf-8")
    with closing(sqlite3.connect(root / "site" / "db.sqlite3")) as database, database:
        for table in ("analysis_run", "analysis_dataset", "analysis_ensemble"):
            columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})") if row[2] in TEXTS]
            for column in columns:
                database.execute(f"UPDATE {table} SET {column} = replace({column}, ?, ?)", (old, str(root)))


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
    from tests.upgrade.making import live

    with tempfile.TemporaryDirectory(prefix="readerstudy-") as folder:
        root = Path(folder)
        for part in ("site", "beside"):
            (root / part).mkdir()
        (root / "site" / "site.env").write_text(SECRETS, encoding="utf-8")
        made = {"root": folder, "commit": _commit()}
        live(root / "site", root / "beside")
        (root / "stored.json").write_text(json.dumps(made), encoding="utf-8")
        path = HERE / f"{name}.tar.xz"
        with tarfile.open(path, "w:xz", preset=9) as archive:
            archive.add(root, arcname=".", filter=_kept)
    print(f"{name}: {path.stat().st_size} bytes, made by {made['commit']}")


def _kept(file: tarfile.TarInfo) -> tarfile.TarInfo | None:
    file.uid = file.gid = 0
    file.uname = file.gname = ""
    return None if LEFT_OUT & set(Path(file.name).parts) else file


def _commit() -> str:
    """Name the commit of the code at hand, which must be that commit's."""
    git = ("git", "-C", str(BASE))
    subprocess.run([*git, "diff", "--quiet", "HEAD", "--", "analysis", "readerstudy"], check=True)
    return subprocess.run(
        [*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()


if __name__ == "__main__":
    main()
