"""Say what this machine and the site have and lack."""

from typing import Any

from django.core.management.base import BaseCommand

from readerstudy.ops.doctor.examination import examine, examine_site

MARKS = {"good": "ok     ", "note": "note   ", "warning": "WARNING"}


class Command(BaseCommand):
    help = (
        "Report on this machine: which torch is installed, whether CUDA works, which SQLite mode is used and "
        "why, what is missing; and on the site: its secrets, database, migrations, disk space, last backup and workers."
    )
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        for finding in [*examine(), *examine_site()]:
            style = self.style.ERROR if finding.grade == "warning" else str
            self.stdout.write(style(f"{MARKS[finding.grade]}  {finding.subject:18} {finding.text}"))
