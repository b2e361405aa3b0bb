"""Every command: `readerstudy help` lists them, in a checkout `python manage.py help`."""

import os
import select
import signal
import sys
from collections.abc import Callable

from readerstudy.environment import PLACEHOLDERS, SettingError, ensure_site, read_site_file, site_home

WITHOUT_SITE = {
    "doctor", "help", "make_phantoms", "train_ensemble", "write_case_set", "write_listed_cases", "verify_case_set",
    "analyse_ratings", "analyse_run", "calibrate_statistics", "import_predictions", "import_via", "phantom_study",
    "deidentify",
}  # fmt: skip
"""Commands that touch files only: they run before there is a site."""


def main() -> int:
    """Run one management command; the demo and the set-up make their site folder first."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "readerstudy.settings")
    # Idle threads of a computation sleep instead of spinning; it must be set before torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    command = sys.argv[1] if len(sys.argv) > 1 else "help"
    if command == "demo":
        # The demo never touches a real site: it has a folder, a database and secrets of its own.
        os.environ.setdefault("READERSTUDY_HOME", os.path.join("var", "demo"))
    try:
        if command in {"demo", "setup"}:
            ensure_site(site_home())
        if command in WITHOUT_SITE or {"-h", "--help"} & set(sys.argv[2:]):
            given = read_site_file(site_home())
            for name, value in PLACEHOLDERS.items():
                if name not in given:
                    os.environ.setdefault(name, value)
        from django.core.management import execute_from_command_line

        execute_from_command_line(sys.argv)
    except SettingError as error:
        print(f"readerstudy: {error}", file=sys.stderr)
        return 1
    return 0


def quietly(command: Callable[[], int]) -> int:
    """Run; end silently where the reader of the output has gone, as in `manage.py doctor | head -3`."""
    try:
        status = command()
        sys.stdout.flush()
    except BrokenPipeError:
        if not _reader_has_left():
            raise
        # Python writes once more when it ends; let it write to nowhere.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.dup2(nowhere, sys.stderr.fileno())
        return 128 + signal.SIGPIPE  # what a shell says of a program that was ended by it
    return status


def _reader_has_left() -> bool:
    poll = select.poll()
    for stream in (sys.stdout, sys.stderr):
        poll.register(stream.fileno(), 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def run() -> None:
    """Run the command that the command line names and end with its status."""
    sys.exit(quietly(main))


if __name__ == "__main__":
    run()
