"""The recipes of CONTRIBUTING, followed to the letter by a newcomer who has only them."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")

MY_METHOD = '''"""The largest weights go first."""

import numpy as np

from analysis.sweep.methods.masks import MaskMethod
from analysis.sweep.methods.registry import register


def my_keys(weights, seed):
    """Order the weights by falling size."""
    return [(np.uint32(2**31 - 1) - np.abs(layer).ravel().view(np.uint32) // 2) for layer in weights]


'''


def recipe(title: str) -> str:
    """Return a section of CONTRIBUTING."""
    return re.split(r"^## ", CONTRIBUTING.split(f"\n## {title}\n")[1], flags=re.MULTILINE)[0]


def test_a_pruning_method_is_one_new_file(tmp_path: Path) -> None:
    """The file is added to a copy of the project; the tests of methods ask it what they ask of ours."""
    (line,) = re.findall(r"```python\n(.*?)```", recipe("Add a pruning method"), flags=re.DOTALL)
    for name in ("analysis", "tests/sweep", "tests/servers"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("tests/__init__.py", "tests/environment.py", "tests/conftest.py", "tests/served.py"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "analysis/sweep/methods/my_method.py").write_text(MY_METHOD + line)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:django", "--noconftest", "-p", "no:cacheprovider",
         "-p", "no:randomly", "tests/sweep/test_masks.py", "-k", "exact or one_pass or means or unknown"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    listed = subprocess.run(
        [sys.executable, "-c", "from analysis.sweep.methods import METHODS; print(METHODS['my_method'].meaning)"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert listed.stdout.strip() == "what a level means, in a sentence"


def test_a_published_data_set_is_one_new_file(tmp_path: Path) -> None:
    (lines,) = re.findall(r"```python\n(.*?)```", recipe("Add a published data set"), flags=re.DOTALL)
    shutil.copytree(ROOT / "analysis", tmp_path / "analysis", ignore=shutil.ignore_patterns("__pycache__"))
    head = "from analysis.sweep.layouts.registry import Layout, register\n\n"
    (tmp_path / "analysis/sweep/layouts/my_set.py").write_text(head + lines)
    (tmp_path / "labels.csv").write_text("image,sex,Edema,Mass\na.png,F,0,1\n")
    (tmp_path / "spec.toml").write_text(
        '[data]\nname = "d"\nimages = "i"\nlayout = "my-set"\nlabels_test = "labels.csv"\n'
    )
    code = (
        "from pathlib import Path; from analysis.sweep.toml import load_spec; "
        "from analysis.sweep.data.people import read_people; from analysis.sweep.data.splits import read_split; "
        "data = load_spec(Path('spec.toml')).data; split = read_split(data.labels_test, data, 'test'); "
        "print(split.images, split.labels.tolist(), list(read_people(split.images, data).frame['sex']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "('a.png',) [[0, 1]] ['F']"
