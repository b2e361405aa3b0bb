"""The import rules hold, and the web process starts without torch."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from tests.docs.imports import OPENED, PACKAGES, arrows, circles, direct, graph

ROOT = Path(__file__).resolve().parents[2]


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_import_rules_hold() -> None:
    done = run(str(Path(sys.executable).with_name("lint-imports")), "--no-cache")
    assert done.returncode == 0, done.stdout + done.stderr


def test_web_process_starts_without_torch() -> None:
    code = (
        "import tests.environment, os, sys; os.environ['DJANGO_SETTINGS_MODULE'] = 'readerstudy.settings';"
        "import readerstudy.wsgi, readerstudy.urls, readerstudy.celery;"
        "from django.urls import get_resolver; get_resolver().url_patterns;"
        "print(sorted({'torch', 'torchvision', 'sklearn', 'cv2'} & set(sys.modules)))"
    )
    done = run(sys.executable, "-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_one_module_knows_what_allauth_calls_internal() -> None:
    """Another version may change it without notice: to raise the pin, read this module beside the new one."""
    inside = "import", "allauth.", ".internal"
    knowing = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "readerstudy").rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if all(word in line for word in inside)
    }
    assert knowing == {"readerstudy/accounts/factors.py"}
    assert version("django-allauth") == "65.22.1"


def test_nothing_imports_each_other_in_circles() -> None:
    """Neither folders nor modules of one folder, be the import at the head of a file or in a function."""
    found = graph()
    packages = [name for name in found.modules if found.find_children(name)]
    assert {*PACKAGES, *OPENED} < {*packages}
    assert {name: circles(arrows(found, name)) for name in packages} == {key: [] for key in packages}


def test_a_circle_is_seen() -> None:
    of = {"a": frozenset({"b"}), "b": frozenset({"c"}), "c": frozenset({"a"}), "d": frozenset({"a"})}
    assert circles(of) == [("a", "b"), ("a", "c"), ("b", "c")]
    assert list(direct({"a": frozenset({"b", "c"}), "b": frozenset({"c"}), "c": frozenset()})) == [
        ("a", "b"),
        ("b", "c"),
    ]
