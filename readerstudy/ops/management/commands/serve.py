"""Serve the site: a web process and workers, together."""

from typing import Any

from django.conf import settings

from readerstudy.commands import SiteCommand
from readerstudy.ops.serve.site import check_address, check_port, prepare_site
from readerstudy.ops.serve.supervisor import Process, Supervisor, web_command, worker_processes


class Command(SiteCommand):
    help = "Serve the site with a web process, a sweep worker and one for all else until Ctrl-C."

    takes = {
        "--host": {
            "default": "127.0.0.1",
            "help": "address to listen on (default: %(default)s, this machine alone)",
        },
        "--port": {"type": int, "default": 8000, "help": "port to listen on (default: %(default)s)"},
        "--no-worker": {"action": "store_true", "help": "serve pages only"},
        "--workers": {"type": int, "default": 1, "help": "sweep workers on this host (default: 1)"},
        "--gpus": {"default": "", "help": "GPU numbers, separated by commas: each worker gets one"},
        "--insecure": {"action": "store_true", "help": "allow a network address without TLS"},
    }

    def handle(self, *args: Any, **options: Any) -> None:
        check_address(options["host"], tls=settings.TLS, insecure=options["insecure"])
        check_port(options["host"], options["port"])
        said = prepare_site()
        if said:
            self.stderr.write(said)
        processes = [Process("web", web_command(options["host"], options["port"]))]
        if not options["no_worker"]:
            gpus = [number for number in options["gpus"].split(",") if number.strip()]
            processes += worker_processes(max(options["workers"], len(gpus)), gpus)
        self.stdout.write(f"serving at http://{options['host']}:{options['port']}  (Ctrl-C stops)")
        try:
            with Supervisor(processes) as supervisor:
                supervisor.watch()
        except KeyboardInterrupt:
            self.stdout.write("stopped")
