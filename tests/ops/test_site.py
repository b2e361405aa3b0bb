"""Setting up, serving, and what the doctor says."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from readerstudy.accounts.models import User
from readerstudy.ops.doctor import examination
from readerstudy.ops.serve.site import SiteError, check_address, is_loopback
from readerstudy.ops.serve.supervisor import Process, Supervisor, SupervisorError, worker_processes
from tests.servers import warm

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "[::1]", "127.8.8.8"])
def test_loopback_needs_no_tls(host: str) -> None:
    check_address(host, tls=False, insecure=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "reading.example.org"])
def test_network_address_needs_tls_or_a_word(host: str) -> None:
    assert not is_loopback(host)
    with pytest.raises(SiteError, match="passwords and images would be sent unencrypted"):
        check_address(host, tls=False, insecure=False)
    check_address(host, tls=True, insecure=False)
    check_address(host, tls=False, insecure=True)


def test_serve_refuses_before_it_does_anything() -> None:
    with pytest.raises(CommandError, match="TLS is off"):
        call_command("serve", "--host", "0.0.0.0")


@pytest.mark.django_db
def test_setup_makes_one_admin_and_shows_the_password_once(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("setup", "--admin", "Olga@Example.org", "--name", "Olga")
    told = capsys.readouterr().out
    password = next(line.split()[1] for line in told.splitlines() if line.startswith("password"))
    admin = User.objects.get(is_superuser=True)
    assert admin.email == "olga@example.org"
    assert admin.check_password(password)
    call_command("setup")
    assert "already exists" in capsys.readouterr().out
    assert User.objects.filter(is_superuser=True).count() == 1


def test_command_without_a_site_says_what_to_do(tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if k not in {"SECRET_KEY", "AUDIT_KEY"}}
    environment["READERSTUDY_HOME"] = str(tmp_path / "none")
    command = [sys.executable, "manage.py", "migrate"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "run 'python manage.py setup' once" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "none").exists()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _answers(port: int, patience: float = 60) -> bytes:
    deadline = time.monotonic() + patience
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz/", timeout=5) as answer:
                return answer.read()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a site that is set up."""
    environment = {k: v for k, v in os.environ.items() if k not in {"SECRET_KEY", "AUDIT_KEY"}}
    environment["READERSTUDY_HOME"] = str(tmp_path_factory.mktemp("served") / "site")
    assert warm.run(("manage.py", "setup"), environment).returncode == 0
    return environment


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_serve_answers_and_stops_cleanly(served: dict[str, str], stop: signal.Signals) -> None:
    port = _free_port()
    command = [sys.executable, "manage.py", "serve", "--port", str(port)]
    server = subprocess.Popen(
        command, cwd=ROOT, env=served, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        assert _answers(port) == b"ok\n"
        server.send_signal(stop)
        told, _ = server.communicate(timeout=60)
    finally:
        server.kill()
        server.wait()
    assert server.returncode == 0
    assert f"serving at http://127.0.0.1:{port}" in told
    assert told.rstrip().endswith("stopped")
    assert "Traceback" not in told
    assert "Warning" not in told
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))  # nobody was left behind who holds it


def test_supervisor_starts_a_dead_process_again(tmp_path: Path) -> None:
    note = tmp_path / "starts"
    code = f"import time; open({str(note)!r}, 'a').write('x'); time.sleep(600)"
    process = Process("sleeper", [sys.executable, "-c", code])
    with Supervisor([process]) as supervisor:
        _wait(lambda: note.exists() and note.read_text() == "x")
        assert process.handle is not None
        first = process.handle
        first.kill()
        first.wait()
        supervisor.restart_dead()
        _wait(lambda: note.read_text() == "xx")
        second = process.handle
    assert second.poll() is not None


SUPERVISED = """
import signal, sys
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # ignored where the tests run under nohup
from readerstudy.ops.serve.supervisor import Process, Supervisor
sleeper = "import time; print('slept', flush=True); time.sleep(600)"
print("serving")
try:
    with Supervisor([Process("sleeper", [sys.executable, "-c", sleeper])]) as supervisor:
        supervisor.watch()
except KeyboardInterrupt:
    print("stopped")
"""


@pytest.mark.parametrize(
    ("ending", "told"), [(signal.SIGHUP, "stopped"), (signal.SIGTERM, "stopped"), (signal.SIGKILL, "")]
)
def test_a_supervisor_that_ends_leaves_nobody_behind(ending: signal.Signals, told: str) -> None:
    command = ["env", "--unset=PYTHONUNBUFFERED", sys.executable, "-c", SUPERVISED]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout is not None
        try:
            # What was said before is there, though nobody reads a terminal: the passwords of a demo, in a file.
            assert supervisor.stdout.readline() == "serving\n"
            assert supervisor.stdout.readline() == "slept\n"
            supervisor.send_signal(ending)
            # The sleeper holds the pipe as well: the pipe ends when both have.
            assert supervisor.communicate(timeout=60)[0].strip() == told
        finally:
            supervisor.kill()


def test_under_nohup_a_closed_terminal_stays_ignored() -> None:
    code = (
        "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "from readerstudy.ops.serve.supervisor import Supervisor\n"
        "with Supervisor([]): print(signal.getsignal(signal.SIGHUP).name, signal.getsignal(signal.SIGTERM).__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["SIG_IGN", "default_int_handler"]


def test_supervisor_gives_up_on_a_process_that_always_dies() -> None:
    process = Process("broken", [sys.executable, "-c", "raise SystemExit(3)"])
    with (
        Supervisor([process]) as supervisor,
        pytest.raises(SupervisorError, match="broken process ended 6 times"),
    ):
        _mend_for_ever(supervisor)


def _mend_for_ever(supervisor: Supervisor) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        supervisor.restart_dead()
        time.sleep(0.02)


def _wait(reached: "object", patience: float = 60) -> None:
    deadline = time.monotonic() + patience
    while not reached():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.django_db
def test_doctor_names_torch_sqlite_and_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("doctor")
    told = capsys.readouterr().out
    for subject in ("Python", "torch", "GPU", "SQLite", "disk"):
        assert f"  {subject} " in told


@pytest.mark.parametrize(
    ("cuda", "works", "device", "grade", "words"),
    [
        ("13.0", True, True, "good", "works with CUDA 13.0"),
        (None, False, False, "note", "no NVIDIA device"),
        (None, False, True, "warning", "BUILT FOR THE CPU ONLY"),
        ("13.0", False, True, "warning", "needs the driver 580.65 or newer"),
    ],
)
def test_doctor_on_gpus(cuda: str | None, works: bool, device: bool, grade: str, words: str) -> None:
    finding = examination._cuda(cuda, works, "A card", device)
    assert finding.grade == grade
    assert words in finding.text


def test_each_worker_sees_one_gpu_in_turn() -> None:
    plain = worker_processes(2)
    assert [process.command[process.command.index("--queues") + 1] for process in plain] == [
        "sweep", "sweep", "cases,quick",
    ]  # fmt: skip
    assert not any(process.environment for process in plain)
    seen = [process.environment.get("CUDA_VISIBLE_DEVICES") for process in worker_processes(3, ["0", "4"])]
    assert seen == ["0", "4", "0", None]


def test_a_process_gets_its_own_environment(tmp_path: Path) -> None:
    told = tmp_path / "told"
    program = (
        f"import os, pathlib; pathlib.Path({str(told)!r}).write_text(os.environ['CUDA_VISIBLE_DEVICES'])"
    )
    process = Process("one", [sys.executable, "-c", program], {"CUDA_VISIBLE_DEVICES": "3"})
    process.start()
    assert process.handle is not None
    assert process.handle.wait(30) == 0
    assert told.read_text() == "3"
