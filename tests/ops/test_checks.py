"""Every mis-deployment has a check with an id and advice, and a good site has none."""

import importlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import CheckMessage, run_checks
from django.core.exceptions import ImproperlyConfigured

from readerstudy.environment import BASE
from readerstudy.ops.doctor import checks, disk
from readerstudy.ops.doctor.disk import MOUNTS as MOUNTINFO
from readerstudy.ops.doctor.disk import file_system_of

ID = re.compile(r"readerstudy\.[EWI]\d{3}")
GOOD: dict[str, Any] = {
    "AUDIT_KEY": "0123456789abcdef" * 4,
    "SECRET_KEY": "Zq8-xY3_wP7" * 6,
    "ALLOWED_HOSTS": ["study.example.org"],
    "TLS": True,
    "SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https"),
    "FORWARDED_HOPS": 1,
    "LEASE_SECONDS": 120,
    "DISK_FREE_GB": 0,
    "MFA_REQUIRED": "staff",
}


def ids(messages: list[CheckMessage]) -> set[str]:
    assert all(message.hint for message in messages)
    return {str(message.id) for message in messages}


def found() -> set[str]:
    return ids(checks.always() + checks.at_deployment())


@pytest.fixture
def good(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in GOOD.items():
        setattr(settings, name, value)
    for name in ("HOME", "STATIC_ROOT", "FRAMES_ROOT", "RUNS_ROOT", "EXPORTS_ROOT", "BROKER_ROOT"):
        folder = tmp_path / name.lower()
        folder.mkdir(mode=0o700)
        setattr(settings, name, folder)
    monkeypatch.setattr(checks.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(checks, "_on_sqlite", lambda: True)
    return settings


def test_a_good_site_has_only_the_note_on_its_journal(good: Any) -> None:
    assert found() <= {"readerstudy.I019"}


def set_(**values: Any) -> Callable[[Any], None]:
    def change(settings: Any) -> None:
        for name, value in values.items():
            setattr(settings, name, value)

    return change


def key_where_pages_are(settings: Any) -> None:
    (settings.STATIC_ROOT / "sub").mkdir()
    (settings.STATIC_ROOT / "sub" / "key.csv").write_text("case,arm\n")


def secrets_for_all(settings: Any) -> None:
    (settings.HOME / "site.env").write_text("AUDIT_KEY=x\n")
    (settings.HOME / "site.env").chmod(0o644)


def writable_home(settings: Any) -> None:
    settings.HOME.chmod(0o777)


FAULTS = {
    "readerstudy.E005": set_(AUDIT_KEY="00" * 32),
    "readerstudy.E006": secrets_for_all,
    "readerstudy.E007": key_where_pages_are,
    "readerstudy.E008": set_(SECRET_KEY=GOOD["AUDIT_KEY"]),
    "readerstudy.E009": set_(DEBUG=True),
    "readerstudy.E010": set_(ALLOWED_HOSTS=["*"]),
    "readerstudy.W011": set_(TLS=False),
    "readerstudy.W012": set_(SECURE_PROXY_SSL_HEADER=None),
    "readerstudy.W014": set_(CELERY_BROKER_URL="redis://h/0"),
    "readerstudy.W016": set_(LEASE_SECONDS=2),
    "readerstudy.W017": set_(DISK_FREE_GB=10**9),
    "readerstudy.W023": set_(MFA_REQUIRED="none"),
    "readerstudy.E024": set_(SECURE_PROXY_SSL_HEADER=None),
    "readerstudy.W025": set_(FORWARDED_HOPS=0),
}


@pytest.mark.parametrize("id_", FAULTS)
def test_a_fault_is_found(good: Any, id_: str) -> None:
    assert id_ not in found()
    FAULTS[id_](good)
    assert id_ in found()


def test_every_message_is_brought_about_by_a_test() -> None:
    told = {each for path in (BASE / "readerstudy").rglob("*.py") for each in ID.findall(path.read_text())}
    tried = {each for path in (BASE / "tests").rglob("test_*.py") for each in ID.findall(path.read_text())}
    told |= {f"readerstudy.{each}" for each in checks.MESSAGES if each != "gpu"}
    assert len(told) >= 20
    assert told - tried == set()


def test_a_folder_that_others_may_write_is_found(good: Any) -> None:
    writable_home(good)
    assert "readerstudy.E006" in found()


def test_a_database_file_that_others_may_read_is_found(
    good: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(good.DATABASES["default"], "NAME", tmp_path / "some.sqlite3")
    (tmp_path / "some.sqlite3").touch(0o600)
    (tmp_path / "some.sqlite3-wal").touch(0o600)
    assert "readerstudy.E006" not in found()
    (tmp_path / "some.sqlite3-wal").chmod(0o640)
    assert "readerstudy.E006" in found()


@pytest.mark.parametrize("by", ["the environment", "a setting"])
def test_a_site_below_a_path_is_refused(good: Any, monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    if by == "a setting":
        good.FORCE_SCRIPT_NAME = "/study"
    else:
        monkeypatch.setenv("SCRIPT_NAME", "/study")
    assert "readerstudy.E026" in {message.id for message in checks.always()}
    with pytest.raises(ImproperlyConfigured, match="host name of its own"):
        importlib.reload(importlib.import_module("readerstudy.wsgi"))


def test_root_is_found(good: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks.os, "geteuid", lambda: 0)
    assert "readerstudy.W018" in found()


def test_another_system_is_refused(good: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks.platform, "system", lambda: "Windows")
    assert "readerstudy.E001" in found()
    monkeypatch.setattr(checks.sys, "version_info", (3, 10))
    assert "readerstudy.E002" in found()


MOUNTS = """25 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
30 25 0:44 / {folder} rw,relatime shared:1 - nfs4 server:/export rw
31 25 0:45 / {folder}/a\\040b rw - cifs //server/share rw
"""


def test_network_file_systems_are_told_from_local_ones(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(MOUNTS.format(folder=tmp_path))
    (tmp_path / "a b").mkdir()
    assert file_system_of(Path("/usr"), mounts) == "ext4"
    assert file_system_of(tmp_path / "later" / "site", mounts) == "nfs4"
    assert file_system_of(tmp_path / "a b" / "x", mounts) == "cifs"
    assert file_system_of(tmp_path, tmp_path / "absent") == ""
    lines = MOUNTINFO.read_text().splitlines() if MOUNTINFO.exists() else []
    mounted = {line.partition(" - ")[2].split()[0] for line in lines if " - " in line}
    if not any(line.split()[4] == "/" for line in lines):  # nobody says what the root of a chroot is
        mounted.add("")
    # Of this machine, whatever it lies on: one of what is mounted.
    assert file_system_of(tmp_path) in mounted


@pytest.mark.skipif("sys.platform != 'linux'")
def test_sqlite_and_broker_on_a_network_file_system_are_refused(
    good: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "file_system_of", lambda path: "nfs4")
    assert {"readerstudy.E003", "readerstudy.E004"} <= found()
    monkeypatch.setattr(checks, "_on_sqlite", lambda: False)
    good.CELERY_BROKER_URL = "redis://h/0"
    assert not {"readerstudy.E003", "readerstudy.E004"} & found()


def test_check_deploy_has_nothing_to_say_of_a_good_site(good: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DJANGO_ALLOW_ASYNC_UNSAFE")  # of the tests, not of a site
    for name in ("SECURE_SSL_REDIRECT", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE"):
        setattr(good, name, True)
    good.SECURE_HSTS_SECONDS, good.SECURE_HSTS_INCLUDE_SUBDOMAINS, good.SECURE_HSTS_PRELOAD = (
        31536000,
        True,
        True,
    )
    serious = [message for message in run_checks(include_deployment_checks=True) if message.level > 20]
    assert serious == []


@pytest.mark.django_db
def test_disk_use_names_what_takes_room(good: Any, capsys: pytest.CaptureFixture[str]) -> None:
    from django.core.management import CommandError, call_command

    (good.RUNS_ROOT / "run1").mkdir()
    (good.RUNS_ROOT / "run1" / "scores.npy").write_bytes(bytes(3 * 2**20))
    call_command("disk_use")
    assert "3.0 MiB  run1" in capsys.readouterr().out
    good.DISK_FREE_GB = 10**9
    with pytest.raises(CommandError, match="DISK_FREE_GB"):
        call_command("disk_use")
    assert disk.free_places()[0].low
