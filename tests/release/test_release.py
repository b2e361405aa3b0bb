"""A release is cut only where there is something to release, under a new number; the version is in one place."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from deploy import release
from deploy.release import ReleaseError, cut, numbered

ROOT = release.ROOT
LOG = "# Changelog\n\n## Unreleased\n\n- New.\n\n## 0.1.0, 2026-11-30\n\n- Old.\n"
TEXTS = {
    "pyproject.toml": '[project]\nversion = "0.9.0"\n',
    "CITATION.cff": "version: 0.9.0\ndate-released: 2026-01-01\n",
}


def test_what_is_unreleased_goes_under_version_and_date() -> None:
    assert cut(LOG, "0.2.0", "2026-12-01") == (
        "# Changelog\n\n## Unreleased\n\n## 0.2.0, 2026-12-01\n\n- New.\n\n## 0.1.0, 2026-11-30\n\n- Old.\n"
    )


@pytest.mark.parametrize(
    ("log", "version", "said"),
    [
        (LOG.replace("- New.\n\n", ""), "0.2.0", "got nothing"),
        (LOG, "0.1.0", "which CHANGELOG.md has"),
        (LOG.replace("Unreleased", "Next"), "0.2.0", "Unreleased"),
    ],
)
def test_nothing_is_cut_without_news_or_twice(log: str, version: str, said: str) -> None:
    with pytest.raises(ReleaseError, match=said):
        cut(log, version, "2026-12-01")


def test_numbers_are_compared_as_numbers() -> None:
    assert numbered(TEXTS, "0.10.0", "2026-12-01") == {
        "pyproject.toml": '[project]\nversion = "0.10.0"\n',
        "CITATION.cff": "version: 0.10.0\ndate-released: 2026-12-01\n",
    }


@pytest.mark.parametrize("version", ["0.9.0", "0.8.9", "1.0", "v1.0.0", "1.0.0; true"])
def test_a_version_must_be_a_higher_number(version: str) -> None:
    with pytest.raises(ReleaseError, match=r"above 0\.9\.0"):
        numbered(TEXTS, version, "2026-12-01")


def test_a_build_that_fails_leaves_everything_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files, index, tags and dist/ of a repository in which the wheel cannot be built."""
    monkeypatch.setattr(release, "ROOT", tmp_path)
    for name, text in {**TEXTS, "CHANGELOG.md": LOG, ".gitignore": "dist/\n"}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    release.git("init", "--quiet", "--initial-branch", "main")
    release.git("-c", "user.name=a", "-c", "user.email=a@example.org", "add", ".")
    release.git(
        "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--quiet", "--message", "first"
    )
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "0.9.1"\n', encoding="utf-8")
    with pytest.raises(ReleaseError, match="without changes"):
        release.release("0.10.0")
    release.git("checkout", "--quiet", ".")
    monkeypatch.setattr(release, "build", lambda *_: (_ for _ in ()).throw(ReleaseError("no wheel")))
    with pytest.raises(ReleaseError, match="no wheel"):
        release.release("0.10.0")
    assert release.git("status", "--porcelain") == release.git("tag") == ""
    assert (tmp_path / "CHANGELOG.md").read_text(encoding="utf-8") == LOG
    assert list((tmp_path / "dist").iterdir()) == []


def test_the_version_is_the_same_wherever_it_is_said() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    newest, date = re.findall(
        r"^## (\d\S+), (\S+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE
    )[0]
    assert (citation["version"], newest, str(citation["date-released"])) == (version, version, date)


def test_workflows_call_what_a_change_must_pass() -> None:
    for path in (ROOT / ".github" / "workflows").iterdir():
        (job,) = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].values()
        assert ".ci/run" in [step.get("run") for step in job["steps"]]
    for path in [*(ROOT / ".github" / "ISSUE_TEMPLATE").iterdir(), ROOT / ".pre-commit-config.yaml"]:
        assert yaml.safe_load(path.read_text(encoding="utf-8"))
