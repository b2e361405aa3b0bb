"""The recipes of CONTRIBUTING, followed to the letter by a newcomer who has only them."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from analysis.frames import ratings_table
from analysis.report import reader_study_report
from analysis.stats import Plan, analyse, simulate_study
from readerstudy.endpoints import endpoints_of
from readerstudy.study.design.protocol_file import from_toml

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


MY_FIGURE = '''"""How much each reader read."""

from matplotlib.figure import Figure

from analysis.figures.theme import THEMES, ThemeName, new_figure
from analysis.stats import Results


def draw_loads(results: Results, *, theme: ThemeName = "light") -> Figure:
    """Draw one bar."""
    figure = new_figure(4, 2, THEMES[theme])
    figure.add_axes((0.1, 0.2, 0.8, 0.7)).bar(["all"], [results.study["first_readings"]])
    return figure
'''

WRITE_A_REPORT = """
from pathlib import Path
from analysis.report import write_report
from analysis.stats import analyse, simulate_study
ratings = simulate_study(seed=1, readers=2, cases=8)
write_report(analyse(ratings, seed=1, draws=9, bootstraps=9), Path("out"))
"""


def test_a_figure_is_a_function_a_line_and_a_picture(tmp_path: Path) -> None:
    """Both lines go into a copy of the project where the recipe says; the report and its folder have the figure."""
    drawn, place = re.findall(
        r"```python\n(.*?)\n *```", recipe("Add a figure, a command, a setting"), flags=re.DOTALL
    )
    shutil.copytree(ROOT / "analysis", tmp_path / "analysis", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "static").symlink_to(ROOT / "static")
    (tmp_path / "analysis/figures/loads.py").write_text(MY_FIGURE)
    build = tmp_path / "analysis/report/build.py"
    text = build.read_text(encoding="utf-8").replace(
        "from analysis.figures.theme import ",
        "from analysis.figures.loads import draw_loads\nfrom analysis.figures.theme import ",
    )
    head, start, rest = text.partition("    named = groups_of(results)\n    if not results.not_comparable:\n")
    text = f"{head}    {drawn.strip()}\n{start}{rest}".replace(
        '(Picture("flow", words["flow"]), ', f'(Picture("flow", words["flow"]), {place.strip()}, '
    )
    build.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", WRITE_A_REPORT], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    names = {path.name for path in (tmp_path / "out/figures").glob("loads*")}
    assert names == {"loads.svg", "loads.png", "loads-dark.svg"}
    assert "How many first readings each reader has." in (tmp_path / "out/report.html").read_text(
        encoding="utf-8"
    )


def test_an_endpoint_needs_no_code() -> None:
    """Its question in a protocol file gives it a column, a comparison and a place in the report."""
    (lines,) = re.findall(r"```toml\n(.*?)```", recipe("Add an endpoint (a question)"), flags=re.DOTALL)
    _, protocol = from_toml(f'format = 1\ntitle = "Sure"\nendpoints = ["sure"]\n{lines}'.encode())
    asked = tuple(endpoints_of(protocol).values())
    ratings = simulate_study(seed=1, readers=3, cases=20, endpoints=asked)
    assert {"sure", "sure_status"} <= set(ratings) <= set(ratings_table(asked).names)
    results = analyse(ratings, seed=1, draws=9, bootstraps=9, plan=Plan(asked))
    assert [row["title"] for row in results.multiplicity] == ["Sureness"]
    report = str(reader_study_report(results))
    assert "Sureness" in report
    assert "less sureness" in report or "more sureness" in report


LOOKS_AT_THE_COLUMN = """
import csv, io
import pytest
from readerstudy.results.export import export_files

pytestmark = pytest.mark.django_db

def test_it_is_in_its_table_and_explained(opened):
    files = {name: list(csv.DictReader(io.StringIO(data.decode())))
             for name, data in export_files(opened.study) if name in {"order.csv", "data_dictionary.csv"}}
    assert {row["marks"] for row in files["order.csv"]} == {"0", ""}
    assert "How many places the reader marked" in {row["meaning"] for row in files["data_dictionary.csv"]}
"""


def test_a_column_of_the_export_is_two_lines(tmp_path: Path) -> None:
    """Both go into a copy of the project where the recipe says."""
    told = recipe("Add a figure, a command, a setting")
    (defined,) = re.findall(r"```toml\n(.*?)\n *```", told, flags=re.DOTALL)
    (filled,) = re.findall(r"```\n( *marks=.*?)\n *```", told, flags=re.DOTALL)
    for name in ("analysis", "readerstudy", "tests", "templates"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("static", "docs", "pyproject.toml", "manage.py", "CHANGELOG.md"):
        (tmp_path / name).symlink_to(ROOT / name)
    tables, rows = (tmp_path / "readerstudy/results" / name for name in ("tables.toml", "ratings.py"))
    head, start, rest = tables.read_text(encoding="utf-8").partition("\n[order]\n")
    tables.write_text(head + start + rest.replace("\n]\n", f"\n{defined}\n]\n", 1), encoding="utf-8")
    head, start, rest = rows.read_text(encoding="utf-8").partition('    "order",\n')
    rows.write_text(f"{head}{start}{filled}\n{rest}", encoding="utf-8")
    (tmp_path / "tests/results/test_marks.py").write_text(LOOKS_AT_THE_COLUMN, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/results/test_marks.py"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
