"""`make release VERSION=0.2.0`: cut the changelog, set the version, build what is handed out, commit and tag it.

The version is in pyproject.toml alone; CITATION.cff repeats it, and this writes both. dist/ then holds the wheel,
the source, the packages of the environment that built it, with their licences (CycloneDX), and the SHA-256 of each.
Nothing is sent anywhere.
A step that fails before the commit leaves the files as they were. --files builds dist/ for the present version.
"""

import argparse
import datetime
import hashlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VERSION = re.compile(r'^version = "(.+)"$', re.MULTILINE)
NUMBER = re.compile(r"\d+\.\d+\.\d+")
UNRELEASED = "## Unreleased\n"


class ReleaseError(Exception):
    """Something is not as a release needs it; the message says what to do."""


def cut(changelog: str, version: str, date: str) -> str:
    """Return the changelog with the entries under Unreleased under a version and its date."""
    head, found, rest = changelog.partition(UNRELEASED)
    if not found:
        raise ReleaseError(f"expected the line {UNRELEASED.strip()!r} in CHANGELOG.md, got none: add it")
    if f"\n## {version}," in rest:
        raise ReleaseError(
            f"expected a new version, got {version}, which CHANGELOG.md has: take the next number"
        )
    if not rest.partition("\n## ")[0].strip():
        raise ReleaseError("expected what changed under Unreleased in CHANGELOG.md, got nothing: write it")
    return f"{head}{UNRELEASED}\n## {version}, {date}\n{rest}"


def numbered(texts: Mapping[str, str], version: str, date: str) -> dict[str, str]:
    """Return pyproject.toml and CITATION.cff with a version, which must be above the one they have."""
    project, citation = texts["pyproject.toml"], texts["CITATION.cff"]
    now = VERSION.findall(project)
    if len(now) != 1:
        raise ReleaseError(f"expected one line 'version = ...' in pyproject.toml, got {len(now)}")
    if not NUMBER.fullmatch(version) or _parts(version) <= _parts(now[0]):
        raise ReleaseError(
            f"expected a version X.Y.Z above {now[0]}, got {version!r}: make release VERSION=X.Y.Z"
        )
    citation, versions = re.subn(r"^version: .*$", f"version: {version}", citation, flags=re.MULTILINE)
    citation, dates = re.subn(r"^date-released: .*$", f"date-released: {date}", citation, flags=re.MULTILINE)
    if (versions, dates) != (1, 1):
        raise ReleaseError("expected one line 'version:' and one 'date-released:' in CITATION.cff")
    return {"pyproject.toml": VERSION.sub(f'version = "{version}"', project), "CITATION.cff": citation}


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def git(*words: str) -> str:
    """Return what git says in the project's folder."""
    return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def build(folder: Path, version: str) -> None:
    """Write the wheel and the list of packages into a folder."""
    python = sys.executable
    subprocess.run(
        [python, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT], check=True
    )
    listing = folder / f"readerstudy-{version}.cdx.json"
    subprocess.run(
        [Path(python).with_name("cyclonedx-py"), "environment", "--pyproject", "pyproject.toml",
         "--output-reproducible", "--no-validate", "--output-file", listing, python],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    if not (folder / f"readerstudy-{version}-py3-none-any.whl").exists():
        raise ReleaseError(f"expected a wheel of {version}, got {[path.name for path in folder.iterdir()]}")


def release(version: str) -> list[Path]:
    """Make a release from a clean main branch and return its files."""
    if git("status", "--porcelain"):
        raise ReleaseError("expected a work tree without changes, got some: commit or stash them")
    if (branch := git("branch", "--show-current").strip()) != "main":
        raise ReleaseError(f"expected the branch main, got {branch or 'none'}: merge first")
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    names = ("pyproject.toml", "CITATION.cff", "CHANGELOG.md")
    old = {name: (ROOT / name).read_text(encoding="utf-8") for name in names}
    new = numbered(old, version, date) | {"CHANGELOG.md": cut(old["CHANGELOG.md"], version, date)}
    if git("tag", "--list", f"v{version}"):
        raise ReleaseError(f"expected no tag v{version}, got one: take the next number")
    dist = ROOT / "dist"
    dist.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=dist, prefix=".making-") as making:
        folder = Path(making)
        try:
            for name, text in new.items():
                (ROOT / name).write_text(text, encoding="utf-8")
            build(folder, version)
            git("commit", "--quiet", "--message", f"Release {version}", *names)
        except BaseException:
            for name, text in old.items():
                (ROOT / name).write_text(text, encoding="utf-8")
            git("reset", "--quiet")
            raise
        files = finished(folder, version)
        git("tag", "--annotate", f"v{version}", "--message", f"Reader Study {version}")
        return [path.rename(dist / path.name) for path in files]


def finished(folder: Path, version: str) -> list[Path]:
    """Add the source of the last commit and the sums of all files; return the files."""
    git(
        "archive",
        f"--prefix=readerstudy-{version}/",
        f"--output={folder / f'readerstudy-{version}.tar.gz'}",
        "HEAD",
    )
    files = sorted(folder.iterdir())
    sums = folder / f"readerstudy-{version}.sha256"
    sums.write_text(
        "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files)
    )
    return [*files, sums]


def files_of_this_version() -> list[Path]:
    """Build dist/ for the commit at hand, changing nothing."""
    (version,) = VERSION.findall((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    dist = ROOT / "dist"
    dist.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=dist, prefix=".making-") as making:
        build(Path(making), version)
        return [path.rename(dist / path.name) for path in finished(Path(making), version)]


def main() -> None:
    """Read the version and make the release."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("version", nargs="?", help="X.Y.Z, above the present one")
    what.add_argument("--files", action="store_true", help="only build dist/ for the present version")
    given = parser.parse_args()
    try:
        files = files_of_this_version() if given.files else release(given.version)
    except ReleaseError as error:
        sys.exit(str(error))
    print("\n".join(f"{path.stat().st_size:>12,} {path.relative_to(ROOT)}" for path in files))
    if not given.files:
        print("Committed and tagged. Push both when the files are as they should be: git push --follow-tags")


if __name__ == "__main__":
    main()
