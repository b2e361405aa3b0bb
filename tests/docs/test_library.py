"""The public names of the analysis: documented, importable without Django or torch, and their examples run."""

import doctest
import subprocess
import sys

import pytest

import analysis
from analysis.selection import exemplars
from tests.docs.drawn import ROOT

LIBRARY = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(analysis._PUBLIC))
def test_each_public_name_is_there_and_documented(name: str) -> None:
    public = getattr(analysis, name)
    assert public.__doc__
    assert f"`{name}`" in LIBRARY


def test_the_examples_run() -> None:
    for outcome in (
        doctest.testmod(exemplars),
        doctest.testfile(str(ROOT / "docs" / "library.md"), module_relative=False),
    ):
        assert outcome.attempted
        assert not outcome.failed


def test_the_five_lines_of_the_guide_run() -> None:
    (lines,) = [part.split("```")[0] for part in LIBRARY.split("```python\n")[1:] if "draw_agreement" in part]
    assert len([line for line in lines.splitlines() if line.strip()]) == 5
    code = "import numpy as np\ndense, pruned = np.random.default_rng(1).random((2, 200, 5))\n" + lines
    told = (
        "import sys\n"
        "assert figure.axes[0].get_title('left') == '10 exemplars of 200 images'\n"
        "assert not {'django', 'torch', 'celery'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code + told], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_another_name_is_none() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        getattr(analysis, "nothing")  # noqa: B009
