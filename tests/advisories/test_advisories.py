"""The package audit fails loudly where no server answers, and finds what a dump lists."""

import json
import socket
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from tests.advisories.dump import affects
from tests.advisories.installed import REQUIREMENTS, installed_for

ROOT = REQUIREMENTS.parent


def advisory(name: str, package: str, *events: dict[str, str], **more: Any) -> dict[str, Any]:
    return {
        "schema_version": "1.7.0", "id": name, "modified": "2026-11-01T00:00:00Z", "summary": f"{package} is weak",
        "published": "2026-10-01T00:00:00Z", "aliases": [f"CVE-{name}"],
        "affected": [
            {
                "package": {"ecosystem": "PyPI", "name": package},
                "ranges": [{"type": "ECOSYSTEM", "events": list(events)}],
                **more,
            }
        ],
    }  # fmt: skip


KNOWN = advisory("PYSEC-2020-96", "PyYAML", {"introduced": "0"}, {"fixed": "5.3.1"})


def dump(folder: Path, *documents: dict[str, Any]) -> Path:
    path = folder / "all.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for document in documents:
            archive.writestr(f"{document['id']}.json", json.dumps(document))
    return path


def audited(*arguments: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "tests.advisories", *map(str, arguments)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_database_out_of_reach_is_no_audit_and_the_words_say_what_to_do() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound and not listening: nobody answers there
        done = audited("--osv-url", f"http://127.0.0.1:{closed.getsockname()[1]}/v1/query")
    assert done.returncode == 2
    assert "No database of advisories answered, and nothing was looked up." in done.stderr
    assert "make audit OSV_DUMP=all.zip" in done.stderr
    assert "known weaknesses" not in done.stdout


def test_a_database_that_knows_of_nothing_is_no_audit(tmp_path: Path) -> None:
    done = audited("--osv-dump", dump(tmp_path, advisory("X-1", "somebody", {"introduced": "0"})))
    assert done.returncode == 2
    assert "all.zip: no weakness" in done.stderr


def test_a_file_that_is_no_dump_is_named(tmp_path: Path) -> None:
    (tmp_path / "all.zip").write_text("<html>")
    for path in (tmp_path / "all.zip", tmp_path / "none.zip"):
        done = audited("--osv-dump", path)
        assert done.returncode == 2
        assert f"{path}: expected the dump of OSV for PyPI" in done.stderr


def test_pip_audit_finds_in_a_dump_what_affects_an_installed_version(tmp_path: Path) -> None:
    versions = installed_for(REQUIREMENTS)
    now = versions["pillow"]
    documents = [
        KNOWN,
        advisory("X-1", "pillow", {"introduced": "1.0"}, {"fixed": now}),
        advisory("X-2", "nobody-has-this", {"introduced": "0"}),
        {**advisory("X-3", "django", {"introduced": "0"}), "withdrawn": "2026-11-02T00:00:00Z"},
    ]
    done = audited("--osv-dump", dump(tmp_path, *documents))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(versions)} packages looked up" in done.stdout
    assert "4 advisories, the newest of 2026-11-01" in done.stdout
    weak = advisory("X-4", "pillow", {"introduced": "1.0"}, {"fixed": "99.0"})
    done = audited("--osv-dump", dump(tmp_path, *documents, weak))
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"pillow {now}: CVE-X-4, X-4; fixed in 99.0; pillow is weak" in done.stdout
    assert "1 known weaknesses" in done.stdout


def test_what_the_product_runs_with_is_asked_about_and_no_tool() -> None:
    versions = installed_for(REQUIREMENTS)
    lines = [
        Requirement(line.split("#")[0])
        for line in REQUIREMENTS.read_text().splitlines()
        if "==" in line.split("#")[0]
    ]
    here = [each for each in lines if each.marker is None or each.marker.evaluate()]
    pinned = {each.name: str(each.specifier).removeprefix("==") for each in here}
    assert {name.lower(): version for name, version in pinned.items()}.items() <= versions.items()
    # What others bring: celery's kombu, torch's sympy, of an extra psycopg-binary.
    assert {"kombu", "sympy", "psycopg-binary", "botocore"} <= set(versions)
    assert not {"pytest", "pip-audit", "ruff", "flask"} & set(versions)
    assert not [version for version in versions.values() if "+" in version]


@pytest.mark.parametrize(
    ("version", "wanted"),
    [("0.9", False), ("1.0", True), ("1.4.9", True), ("1.5", False), ("1.9", False), ("2.0rc1", False),
     ("2.0", True), ("2.1.post1", True), ("2.2", True), ("2.2.1", False)],
)  # fmt: skip
def test_ranges_are_read_as_the_schema_says(version: str, wanted: bool) -> None:
    events = ({"fixed": "1.5"}, {"introduced": "2.0"}, {"introduced": "1.0"}, {"last_affected": "2.2"})
    assert affects(advisory("X", "some_package", *events), "some-package", version) is wanted


def test_listed_versions_limits_and_versions_that_cannot_be_compared() -> None:
    listed = advisory("X", "p", {"introduced": "3.0"}, versions=["1.0", "1.0.dev-r12", "1.2"])
    assert [affects(listed, "p", version) for version in ("1.0.0", "1.1", "1.2", "3.0")] == [
        True, False, True, True
    ]  # fmt: skip
    limited = advisory("X", "p", {"introduced": "0"}, {"limit": "2.0"})
    assert [affects(limited, "p", version) for version in ("1.9", "2.0")] == [True, False]
    assert affects(advisory("X", "p", {"introduced": "a strange one"}), "p", "1.0")
    assert not affects(advisory("X", "other", {"introduced": "0"}), "p", "1.0")
    elsewhere = advisory("X", "p", {"introduced": "0"})
    elsewhere["affected"][0]["package"]["ecosystem"] = "npm"
    assert not affects(elsewhere, "p", "1.0")
