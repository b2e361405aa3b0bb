"""The locks hold what the requirements name, every package with hashes, and no address of a registry."""

import platform
import re
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deploy.lock import CPU_WHEELS, LOCKS, OF_CUDA, PYTHONS, ROOT, blocks

FILES = sorted(LOCKS.glob("*.txt"))


def required(name: str) -> list[Requirement]:
    lines = (
        line.partition("#")[0].strip() for line in (ROOT / name).read_text(encoding="utf-8").splitlines()
    )
    return [Requirement(line) for line in lines if line and not line.startswith("-r")]


def pinned(path: Path, python: str, full: str = "") -> dict[str, set[str]]:
    """Return the versions of each package in a lock that are meant for a Python on Linux; `full`: its full version."""
    full = full or f"{python}.9"
    here = {"python_version": python, "python_full_version": full, "sys_platform": "linux"}
    found: dict[str, set[str]] = {}
    for block in blocks(path.read_text(encoding="utf-8")).values():
        for line in re.findall(r"^([a-z0-9].*?) \\$", block, re.MULTILINE):
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate(here):
                found.setdefault(requirement.name, set()).add(str(requirement.specifier))
    return found


def pinned_here(kind: str) -> dict[str, set[str]]:
    """Return the versions that this very Python is given."""
    python = f"3.{sys.version_info.minor}"
    return pinned(LOCKS / f"py3{sys.version_info.minor}-{kind}.txt", python, platform.python_version())


def test_there_is_a_lock_for_each_python_and_build() -> None:
    named = {f"py{each.replace('.', '')}-{kind}.txt" for each in PYTHONS for kind in ("cpu", "cuda", "tests")}
    assert {path.name for path in FILES} == named


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_requirement_is_locked_at_its_version(path: Path) -> None:
    python = f"{path.name[2]}.{path.name[3:5]}"
    source = "requirements-dev.txt" if path.stem.endswith("tests") else "requirements.txt"
    locked = pinned(path, python)
    for requirement in required(source):
        if requirement.marker is None or requirement.marker.evaluate({"python_version": python}):
            assert locked.get(canonicalize_name(requirement.name)) == {str(requirement.specifier)}, (
                requirement
            )


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_package_has_hashes_and_no_address(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    lines = re.sub(r" \\\n +", " ", text).splitlines()
    packages = [line for line in lines if line and not line.lstrip().startswith("#")]
    assert len(packages) > 50
    assert [line for line in packages if not re.search(r"--hash=sha256:[0-9a-f]{64}", line)] == []
    assert "://" not in text
    assert not re.search(r"^ *--(?!hash)", text, re.MULTILINE)


@pytest.mark.parametrize("python", PYTHONS)
def test_the_cpu_lock_is_the_other_without_what_a_gpu_needs(python: str) -> None:
    tag = f"py{python.replace('.', '')}"
    cpu, cuda = (
        blocks((LOCKS / f"{tag}-{kind}.txt").read_text(encoding="utf-8")) for kind in ("cpu", "cuda")
    )
    assert cuda.keys() - cpu.keys() == {name for name in cuda if OF_CUDA.match(name)}
    assert {name for name in cpu if cpu[name] != cuda[name]} == {"torch"}
    on_linux, elsewhere = cpu["torch"].split("torch==")[1:]
    assert re.findall(r"sha256:(\w+)", on_linux) == [CPU_WHEELS[python]]
    assert CPU_WHEELS[python] not in elsewhere


def test_this_environment_is_what_a_lock_says() -> None:
    """What `make` installed here is what the lock of this Python names; only torch's build may differ."""
    locked = pinned_here("cpu") | pinned_here("tests")
    there = {canonicalize_name(each.metadata["Name"]): each.version for each in metadata.distributions()}
    differing = {
        name: there.get(name)
        for name, versions in locked.items()
        if name in there and f"=={there[name].partition('+')[0]}" not in versions
    }
    assert differing == {}


def test_a_lock_holds_all_that_its_packages_need() -> None:
    """Nothing is resolved at installation, so what a package asks for must be there, on this system too."""
    product = pinned_here("cpu")
    lacking = []
    for locked in (product, product | pinned_here("tests")):
        for name in locked.keys() & {
            canonicalize_name(each.metadata["Name"]) for each in metadata.distributions()
        }:
            for need in map(Requirement, metadata.requires(name) or ()):
                meant = need.marker is None or need.marker.evaluate({"extra": ""})
                if meant and canonicalize_name(need.name) not in {*locked, "pip"}:
                    lacking.append(f"{name} needs {need}")
    assert lacking == []
