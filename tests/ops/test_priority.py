"""Work that nobody waits for gives way to the web processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

from readerstudy.environment import BASE
from readerstudy.ops.supervisor import web_command, worker_command
from readerstudy.priority import NICENESS, PatientCommand

PATIENT = ("backup", "disk_use", "export_results", "verify_audit", "verify_storage")
TOLD = """
import os
import django
django.setup()
from readerstudy.priority import PatientCommand
class Told(PatientCommand):
    def handle(self, *args, **options):
        print(os.nice(0))
{call}
"""


@pytest.mark.parametrize("name", PATIENT)
def test_long_reads_from_a_timer_give_way(name: str) -> None:
    assert isinstance(load_command_class(get_commands()[name], name), PatientCommand)


@pytest.mark.parametrize(
    ("call", "more"), [("Told().run_from_argv(['manage.py', 'told'])", NICENESS), ("Told().handle()", 0)]
)
def test_only_a_process_of_its_own_gives_way(call: str, more: int, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "READERSTUDY_HOME": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "readerstudy.settings",
    }
    done = subprocess.run(
        [sys.executable, "-c", TOLD.format(call=call)],
        cwd=BASE, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert int(done.stdout) == min(os.nice(0) + more, 19)


def test_the_worker_gives_way_and_the_web_does_not() -> None:
    assert worker_command()[:3] == ["nice", "-n", str(NICENESS)]
    assert "nice" not in web_command("127.0.0.1", 8000)
    units = BASE / "deploy" / "systemd"
    assert f"Nice={NICENESS}\n" in (units / "readerstudy-worker@.service").read_text()
    assert f"Nice={NICENESS}\n" in (units / "readerstudy-backup.service").read_text()
    assert "Nice=" not in (units / "readerstudy-web.service").read_text()
