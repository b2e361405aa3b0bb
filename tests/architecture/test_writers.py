"""Files are published by one module of each package; another that pushes to the disk or renames says here why."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OTHERS = {
    "analysis/caseset/files.py": "a mode that no umask changes; the folder around it is published whole",
    "analysis/caseset/write.py": "a folder and two files are named together, and taken back together",
    "analysis/services/ratings.py": "shutil.make_archive names its file itself; whole_file publishes it",
    "readerstudy/cases/storage.py": "the frames of one load are named together, and taken back together",
    "readerstudy/broker.py": "a claim: only one worker's rename succeeds, and nothing is written",
    "readerstudy/ops/backup/manifest.py": "a stream of any size, hashed on its way; the folder is published whole",
}


def publishes(source: str) -> Iterator[int]:
    """Yield the lines of calls that push a file to the disk or give it another name."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        of_os, named = ast.unparse(node.func.value) == "os", node.func.attr
        # Path.rename and Path.replace take one place; those of frames, texts and times take names, several or a table.
        of_path = len(node.args) == 1 and not node.keywords and not isinstance(node.args[0], ast.Dict)
        if named in (
            {"fsync", "link", "rename", "replace"} if of_os else {"rename", "replace"} if of_path else ()
        ):
            yield node.lineno


def test_only_the_durable_modules_publish_files() -> None:
    found = {
        path.relative_to(ROOT).as_posix()
        for package in ("analysis", "readerstudy")
        for path in (ROOT / package).rglob("*.py")
        if any(publishes(path.read_text(encoding="utf-8")))
    }
    assert found == {*OTHERS, "analysis/durable.py", "readerstudy/durable.py"}


def test_a_second_writer_is_seen() -> None:
    seen = "os.replace(a, b)\nos.fsync(f)\npath.rename(target)\nhalf.replace(path)\n"
    assert list(publishes(seen)) == [1, 2, 3, 4]
    assert not list(
        publishes("f.rename(columns=x)\nt.replace('a', 'b')\nwhen.replace(hour=1)\nreplace(plan, a=1)\n")
    )
