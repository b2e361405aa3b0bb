"""`python deploy/lock.py`: write locks/, every package with its version and the hashes of its files (uv pip compile).

For each Python three files: `cuda` and `cpu` hold what the product needs, `tests` what the tests need on top.
`cuda` is what PyPI gives: torch with CUDA on Linux, without on macOS. PyPI has no CPU build for Linux, so `cpu` is
`cuda` without NVIDIA's packages and with the hash of the wheel that PyTorch offers, which is in CPU_WHEELS.
The versions in the files are kept while they fit; --upgrade looks for newer ones, --check changes nothing.
--fitting names the file that fits this Python: of `cpu` where pip is offered a CPU build, else of `cuda`.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ROOT / "locks"
PYTHONS = ("3.11", "3.12", "3.13")
TORCH = "2.13.0"
CPU_WHEELS = {
    "3.11": "6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b",
    "3.12": "4ca4a9394b0c771238a4f73590fdbbc4debad85ed0fa63d026ae1b085da7d6e2",
    "3.13": "3fbf9c9d1f3c10c2d59d04aca426dee9ccc6ceb32d255c61e93acc3b4f75fae6",
}
"""SHA-256 of torch-2.13.0+cpu for manylinux_2_28_x86_64. That of 3.11 is of a file that was installed and tested;
the others are those that other projects' lock files name for the same files, and were not installed."""
OF_CUDA = re.compile(r"(nvidia|cuda)-|triton$")
BLOCK = re.compile(r"^(?P<name>[a-z0-9][a-z0-9.-]*)==(?P<version>\S+).*\n(?:[ ].*\n)*", re.MULTILINE)


def blocks(text: str) -> dict[str, str]:
    """Return the lines of each package in a lock, by its name."""
    found: dict[str, str] = {}
    for block in BLOCK.finditer(text):
        found[block["name"]] = found.get(block["name"], "") + block[0]
    return found


def heads(block: str) -> list[str]:
    """Return the lines of a block that say version and systems."""
    return [line for line in block.splitlines() if line and not line.startswith(" ")]


def compiled(python: str, source: str, kept: Path, *options: str) -> str:
    """Return what uv makes of a file of requirements; versions of the file `kept` stay while they fit."""
    with tempfile.TemporaryDirectory() as name:
        out = Path(name) / "lock.txt"
        if kept.exists():
            shutil.copy(kept, out)
        subprocess.run(
            [sys.executable, "-m", "uv", "pip", "compile", source, "--universal", "--python-version", python,
             "--generate-hashes", "--no-header", "--quiet", "--output-file", out, *options],
            cwd=ROOT, check=True,
        )  # fmt: skip
        return out.read_text(encoding="utf-8")


def torch_for_cpu(python: str, block: str) -> str:
    """Return the lines of torch: the CPU wheel on Linux, and what PyPI has on other systems."""
    first, rest = block.split("\n", 1)
    assert first == f"torch=={TORCH} \\", f"expected torch=={TORCH} without a marker, got {first!r}"
    return (
        f"torch=={TORCH} ; sys_platform == 'linux' \\\n    --hash=sha256:{CPU_WHEELS[python]}\n"
        f"torch=={TORCH} ; sys_platform != 'linux' \\\n{rest}"
    )


def locks(python: str, *options: str) -> dict[str, str]:
    """Return the three files of a Python, by their names."""
    tag = "py" + python.replace(".", "")
    head = f"# Made by `make lock` from requirements.txt for Python {python}; do not edit.\n"
    wheels = ("--only-binary", ":all:")
    cuda = compiled(python, "requirements.txt", LOCKS / f"{tag}-cuda.txt", *wheels, *options)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as constraint:
        constraint.write(
            "".join(re.sub(r" \\\n.*", "\n", block, flags=re.DOTALL) for block in blocks(cuda).values())
        )
        constraint.flush()
        tests = compiled(
            python, "requirements-dev.txt", LOCKS / f"{tag}-tests.txt", "--constraint", constraint.name,
            "--no-annotate", *options,
        )  # fmt: skip
    product = blocks(cuda)
    cpu = {name: block for name, block in product.items() if not OF_CUDA.match(name)}
    cpu["torch"] = torch_for_cpu(python, cpu["torch"])
    # A package that the product has is named again where the tests need it on more systems. pip is what installs.
    more = {
        name: block
        for name, block in blocks(tests).items()
        if name != "pip" and heads(block) != heads(product.get(name, ""))
    }
    return {
        f"{tag}-cuda.txt": head + "".join(product.values()),
        f"{tag}-cpu.txt": head + "".join(cpu.values()),
        f"{tag}-tests.txt": head.replace("requirements", "requirements-dev") + "".join(more.values()),
    }


def versions(text: str) -> dict[str, list[str]]:
    """Return the versions of each package in a lock: what a check compares, as files may be added to a release."""
    return {name: [each["version"] for each in BLOCK.finditer(block)] for name, block in blocks(text).items()}


def fitting(build: str) -> Path:
    """Return the lock for this Python and a build of torch; `auto` asks pip what it is offered."""
    if build == "auto":
        said = subprocess.run(
            [sys.executable, "-m", "pip", "index", "versions", "torch"],
            capture_output=True,
            text=True,
            check=False,
        )
        build = "cpu" if f"{TORCH}+cpu" in said.stdout else "cuda"
    return LOCKS / f"py3{sys.version_info.minor}-{build}.txt"


def main() -> None:
    """Write or check every lock, or name one."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions that fit")
    parser.add_argument(
        "--check", action="store_true", help="only say whether the locks fit the requirements"
    )
    parser.add_argument(
        "--fitting", choices=("auto", "cpu", "cuda", "tests"), help="name the lock for this Python"
    )
    given = parser.parse_args()
    if given.fitting:
        print(fitting(given.fitting).relative_to(ROOT))
        return
    LOCKS.mkdir(exist_ok=True)
    stale = []
    for python in PYTHONS:
        for name, text in locks(python, *(["--upgrade"] if given.upgrade else [])).items():
            path = LOCKS / name
            if not given.check:
                path.write_text(text, encoding="utf-8")
            elif not path.exists() or versions(path.read_text(encoding="utf-8")) != versions(text):
                stale.append(name)
        print(f"Python {python}: " + ("compared" if given.check else "written"), flush=True)
    if stale:
        sys.exit(
            f"expected locks that fit the requirements, got others in {', '.join(stale)}: run `make lock`"
        )


if __name__ == "__main__":
    main()
