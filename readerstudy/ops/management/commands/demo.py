"""Make and serve the demo."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings

from analysis.terminal import in_words, progress_bar
from readerstudy.commands import SiteCommand
from readerstudy.ops.demo import chain, plan, studies
from readerstudy.ops.serve.site import check_port, prepare_site
from readerstudy.ops.serve.supervisor import Process, Supervisor, web_command, worker_processes


class Command(SiteCommand):
    help = "Run all steps on phantoms and serve the result at http://localhost:8000. Run it again to resume."

    takes = {
        "--no-serve": {"action": "store_true", "help": "do everything except serve"},
        "--port": {"type": int, "default": 8000, "help": "port to serve at (default: %(default)s)"},
    }

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write("Reader Study demo: synthetic radiographs, toy models, one study to read.")
        try:
            if not options["no_serve"]:
                check_port("127.0.0.1", options["port"])
            self._make()
            self._tell(options["port"])
            if not options["no_serve"]:
                self._serve(options["port"])
        except KeyboardInterrupt:
            self.stdout.write("\nstopped; 'make demo' goes on where it stopped")

    def _make(self) -> None:
        folder = plan.DemoFolder(settings.HOME)
        whole = sum(seconds for _, seconds in plan.STAGES)
        self.stdout.write(
            f"The first time it takes about {in_words(whole)} on a machine with 2 cores and no GPU. "
            "Finished steps are not repeated."
        )
        began = time.monotonic()
        prepare_site()
        stages = iter(enumerate(plan.STAGES, 1))
        with self._stage(stages) as report:
            chain.make_phantoms(folder, report)
        with self._stage(stages) as report:
            chain.train(folder, report)
        with self._stage(stages) as report:
            run = chain.sweep(folder, report)
            chain.show_inputs(folder, run)
        with self._stage(stages) as report:
            chain.analyse(run, report)
        selection, rows = chain.choose(run)
        for line in chain.findings_in_words(folder, run, selection):
            self.stdout.write(f"  {line}")
        with self._stage(stages) as report:
            for slug in plan.SIZES:
                chain.develop(folder, slug, rows[slug], report)
                chain.hand_over(folder, slug, run, selection, rows[slug])
        users = studies.people()
        with self._stage(stages) as report:
            studies.live_study(folder, users, report)
        with self._stage(stages) as report:
            studies.finished_study(folder, users, report)
        self.stdout.write(f"All steps together took {in_words(time.monotonic() - began)} here.")

    @contextmanager
    def _stage(self, stages: Iterator[tuple[int, tuple[str, int]]]) -> Iterator[Callable[[int, int], None]]:
        """Say which stage begins and about how long it takes, show how far it is, say how long it took."""
        number, (title, seconds) = next(stages)
        self.stdout.write(f"{number} of {len(plan.STAGES)}  {title}, about {in_words(seconds)}")
        self.stdout.flush()
        began = time.monotonic()
        with progress_bar(title) as report:
            yield report
        self.stdout.write(f"        took {in_words(time.monotonic() - began)}")

    def _tell(self, port: int) -> None:
        self.stdout.write(f"\n  address     http://localhost:{port}")
        fresh = studies.passwords()
        for email, name in studies.NAMES.items():
            shown = fresh.get(email, "(shown at the first run)")
            self.stdout.write(f"  {name:15} {email:26} {shown}")
        if fresh:
            self.stdout.write("  These passwords are shown once and not stored.")
        else:
            self.stdout.write(
                f"  Forgotten? READERSTUDY_HOME={settings.HOME} {sys.executable} manage.py changepassword EMAIL"
            )
        self.stdout.write(
            f"  sealed key  {plan.DemoFolder(settings.HOME).key(plan.LIVE)}  (the admin opens it after closing)\n"
        )

    def _serve(self, port: int) -> None:
        processes = [Process("web", web_command("127.0.0.1", port)), *worker_processes()]
        self.stdout.write("serving; Ctrl-C stops")
        with Supervisor(processes) as supervisor:
            supervisor.watch()
