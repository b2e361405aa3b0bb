"""`make sbom` lists every package that the product asks for, with version and licence."""

import importlib.metadata
import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*", re.MULTILINE)


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_package_is_listed(tmp_path: Path) -> None:
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8").split("\nsbom:")[1].split("\n\n")[0]
    options = recipe.split("cyclonedx-py ")[1].split(" --output-file")[0].split()
    listing = tmp_path / "sbom.json"
    program = Path(sys.executable).with_name("cyclonedx-py")
    subprocess.run(
        [program, *options, "--output-file", str(listing), sys.executable],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    found = {plain(each["name"]): each for each in json.loads(listing.read_text())["components"]}
    wanted = {plain(name) for name in NAME.findall((ROOT / "requirements.txt").read_text(encoding="utf-8"))}
    assert len(wanted) > 15
    assert wanted - found.keys() == set()
    for name in wanted:
        assert found[name]["version"] == importlib.metadata.version(name)
    # torchvision calls its licence "BSD", which is no name of one licence.
    assert {name for name in wanted if not found[name].get("licenses")} <= {"torchvision"}
