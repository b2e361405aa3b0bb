"""`python -m tests.release`: make a release of the last commit on a clone, and look at its files."""

import hashlib
import json
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from deploy.release import ROOT, VERSION

OUR_NAME = ("-c", "user.name=Release", "-c", "user.email=release@example.org")


def said(folder: Path, *command: str) -> str:
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


def main() -> None:
    """Release the next version on a clone; every file must be what its name and its sum say."""
    (now,) = VERSION.findall((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    major, minor, _ = now.split(".")
    version = f"{major}.{int(minor) + 1}.0"
    with tempfile.TemporaryDirectory(prefix="readerstudy-release-") as name:
        clone = Path(name) / "clone"
        subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
        for setting in OUR_NAME[1::2]:
            subprocess.run(["git", "config", *setting.split("=")], cwd=clone, check=True)
        subprocess.run(["git", "checkout", "--quiet", "-B", "another"], cwd=clone, check=True)
        refused = subprocess.run(
            [sys.executable, "deploy/release.py", version],
            cwd=clone,
            capture_output=True,
            text=True,
            check=False,
        )
        assert "expected the branch main, got another" in refused.stdout + refused.stderr
        subprocess.run(["git", "checkout", "--quiet", "-B", "main"], cwd=clone, check=True)
        changelog = clone / "CHANGELOG.md"
        if (
            not changelog.read_text(encoding="utf-8")
            .partition("## Unreleased\n")[2]
            .partition("\n## ")[0]
            .strip()
        ):
            text = changelog.read_text(encoding="utf-8")
            changelog.write_text(
                text.replace("## Unreleased\n", "## Unreleased\n\n- A trial.\n", 1), encoding="utf-8"
            )
            said(clone, "git", "commit", "--quiet", "--all", "--message", "A trial")
        print(said(clone, sys.executable, "deploy/release.py", version), end="")
        assert said(clone, "git", "status", "--porcelain") == ""
        assert said(clone, "git", "describe", "--exact-match").strip() == f"v{version}"
        text = changelog.read_text(encoding="utf-8")
        assert re.search(rf"^## Unreleased\n\n## {version}, \d{{4}}-\d\d-\d\d\n\n-", text, re.MULTILINE), (
            text[:300]
        )
        looked_at(clone / "dist", version)
    print(f"release {version} on a clone: tag, changelog, files and sums are right")


def looked_at(dist: Path, version: str) -> None:
    """Fail where a file is missing, or is not what it should be."""
    prefix = f"readerstudy-{version}"
    wheel = dist / f"{prefix}-py3-none-any.whl"
    names = {wheel.name, f"{prefix}.tar.gz", f"{prefix}.cdx.json", f"{prefix}.sha256"}
    assert {path.name for path in dist.iterdir()} == names
    sums = dict(line.split("  ")[::-1] for line in (dist / f"{prefix}.sha256").read_text().splitlines())
    assert sums == {
        name: hashlib.sha256((dist / name).read_bytes()).hexdigest() for name in names - {f"{prefix}.sha256"}
    }
    with zipfile.ZipFile(wheel) as opened:
        assert f"Version: {version}\n" in opened.read(f"{prefix}.dist-info/METADATA").decode()
    with tarfile.open(dist / f"{prefix}.tar.gz") as opened:
        assert f"{prefix}/locks/py311-cpu.txt" in opened.getnames()
    listing = json.loads((dist / f"{prefix}.cdx.json").read_text(encoding="utf-8"))
    assert listing["metadata"]["component"]["version"] == version
    assert len(listing["components"]) > 50


if __name__ == "__main__":
    main()
