"""Work that nobody waits for gives way to the web processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from celery.signals import worker_init
from django.core.management import get_commands, load_command_class

from readerstudy import commands
from readerstudy.celery import gives_way
from readerstudy.commands import AUTOGROUP, NICENESS, PatientCommand
from readerstudy.environment import BASE
from tests.servers import warm

PATIENT = ("backup", "disk_use", "export_results", "verify_audit", "verify_storage")
TOLD = """
import os
import django
django.setup()
from readerstudy.commands import AUTOGROUP, PatientCommand
class Told(PatientCommand):
    def handle(self, *args, **options):
        # The file is empty for a process that still belongs to the machine's first session, as in some containers.
        session = AUTOGROUP.read_text().split() if AUTOGROUP.exists() else []
        print(os.nice(0), session[-1] if session else "none")
{call}
"""


@pytest.mark.parametrize("name", PATIENT)
def test_long_reads_from_a_timer_give_way(name: str) -> None:
    assert isinstance(load_command_class(get_commands()[name], name), PatientCommand)


def told(call: str, folder: Path, *, own_session: bool, first: str = "yes") -> tuple[int, str]:
    """Return the niceness that a command sees, and that of its session ("none" where there is no such thing)."""
    environment = {
        **os.environ, "READERSTUDY_HOME": str(folder), "DJANGO_SETTINGS_MODULE": "readerstudy.settings",
        "READERS_FIRST": first,
    }  # fmt: skip
    done = warm.run(("-c", TOLD.format(call=call)), environment, own_session=own_session)
    own, session = done.stdout.split()
    return int(own), session


def session_counts() -> bool:
    """Return whether a process that starts a session of its own is given a share of the cores for it."""
    read = [sys.executable, "-c", f"print(open({str(AUTOGROUP)!r}).read())"]
    return AUTOGROUP.exists() and bool(
        subprocess.check_output(read, text=True, start_new_session=True).strip()
    )


AS_COMMAND, AS_CALL = "Told().run_from_argv(['manage.py', 'told'])", "Told().handle()"


@pytest.mark.parametrize(("call", "more"), [(AS_COMMAND, NICENESS), (AS_CALL, 0)])
def test_only_a_process_of_its_own_gives_way(call: str, more: int, tmp_path: Path) -> None:
    own, session = told(call, tmp_path, own_session=True)
    assert own == min(os.nice(0) + more, 19)
    # Without sessions the cores are shared among processes, and `nice` is all there is.
    assert session in {str(more), "none"}
    assert session != "none" or not session_counts()


class Busy:
    """The session's file, as it is while other sessions change theirs."""

    def __init__(self, refusals: list[OSError]) -> None:
        self.refusals, self.written = refusals, []

    def write_text(self, text: str) -> None:
        if self.refusals:
            raise self.refusals.pop()
        self.written.append(text)


@pytest.mark.parametrize(
    ("refusals", "written"),
    [([], [str(NICENESS)]), ([BlockingIOError()] * 3, [str(NICENESS)]), ([FileNotFoundError()], [])],
)
def test_two_commands_of_one_timer_both_give_way(
    monkeypatch: pytest.MonkeyPatch, refusals: list[OSError], written: list[str]
) -> None:
    file = Busy(list(refusals))
    monkeypatch.setattr(commands, "AUTOGROUP", file)
    commands._session_gives_way()
    assert file.written == written


def test_a_site_may_ask_for_no_such_thing(tmp_path: Path) -> None:
    own, session = told(AS_COMMAND, tmp_path, own_session=True, first="no")
    assert own == os.nice(0)
    assert session in {"0", "none"}


def test_a_terminal_keeps_its_share(tmp_path: Path) -> None:
    before = told(AS_CALL, tmp_path, own_session=False)[1]
    assert told(AS_COMMAND, tmp_path, own_session=False)[1] == before


def test_workers_give_way_and_the_web_does_not() -> None:
    assert any(each[1]() is gives_way for each in worker_init.receivers)
    units = BASE / "deploy" / "systemd"
    assert f"CPUWeight={NICENESS}\n" in (units / "readerstudy-worker@.service").read_text()
    assert f"CPUWeight={NICENESS}\n" in (units / "readerstudy-backup.service").read_text()
    assert "CPUWeight=" not in (units / "readerstudy-web.service").read_text()
