"""`python -m tests.wheel`: the wheel in an empty environment, away from the checkout: examples, notebooks, a demo.

First without the extra `web`: what computes must do without Django. Then with it, a whole demo.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

DOCTESTS = """
import doctest, importlib, sys
import analysis
assert "site-packages" in analysis.__file__, analysis.__file__
assert all(getattr(analysis, name) for name in analysis._PUBLIC)
done = [doctest.testmod(importlib.import_module("analysis.selection.exemplars")), doctest.testfile(sys.argv[1], False)]
assert not sum(each.failed for each in done)
assert importlib.util.find_spec("django") is None
print(sum(each.attempted for each in done), "examples of the public names hold")
"""

NOTEBOOK = """
import sys
import nbformat
from nbclient import NotebookClient
book = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(book, timeout=600, kernel_name="python3").execute()
pictures = sum("image/png" in each.get("data", {}) for cell in book.cells for each in cell.get("outputs", []))
assert pictures, "expected a picture"
print(sys.argv[1], "ran;", pictures, "picture" + "s" * (pictures != 1))
"""


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print how long a step took."""
    began = time.monotonic()
    yield
    print(f"{what}: {time.monotonic() - began:.0f} s", flush=True)


def main() -> None:
    """Build, install, and run what a newcomer would."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--no-demo", action="store_true", help="leave out the extra `web` and the demo")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="readerstudy-wheel-") as name:
        folder = Path(name)
        python = folder / "env" / "bin" / "python"
        # Whatever tells pip where packages are stays; what would lead back to the checkout or a site does not.
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("DJANGO", "PYTHON", "READERSTUDY", "VIRTUAL_ENV"))
        }
        environment |= {"PIP_DISABLE_PIP_VERSION_CHECK": "1"}

        def do(*command: str | Path) -> None:
            subprocess.run([*map(str, command)], cwd=folder, env=environment, check=True)

        with timed("wheel built"):
            do(
                sys.executable,
                "-m",
                "pip",
                "wheel",
                "--quiet",
                "--no-deps",
                "--wheel-dir",
                folder / "dist",
                ROOT,
            )
        (wheel,) = (folder / "dist").glob("*.whl")
        with timed("installed into an empty environment"):
            do(sys.executable, "-m", "venv", folder / "env")
            do(python, "-m", "pip", "install", "--quiet", wheel, "nbclient", "ipykernel")
        with timed("examples and notebooks"):
            do(python, "-c", DOCTESTS, ROOT / "docs" / "library.md")
            do(folder / "env" / "bin" / "readerstudy-sweep", "--help")
            for notebook in sorted((ROOT / "examples").glob("*.ipynb")):
                shutil.copy(notebook, folder)
                do(python, "-c", NOTEBOOK, notebook.name)
        if given.no_demo:
            return
        with timed("the extra `web`"):
            do(python, "-m", "pip", "install", "--quiet", f"{wheel}[web]")
        with timed("demo"):
            do(folder / "env" / "bin" / "readerstudy", "demo", "--no-serve")
        assert (folder / "var" / "demo" / "site.env").exists()


if __name__ == "__main__":
    main()
