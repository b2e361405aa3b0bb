"""Say what this machine has and lacks."""

from typing import Any

from django.core.management.base import BaseCommand

from readerstudy.ops.examination import examine

MARKS = {"good": "ok     ", "note": "note   ", "warning": "WARNING"}


class Command(BaseCommand):
    help = "Say which torch is here, whether CUDA works, which SQLite mode is used and why, what is missing."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        for finding in examine():
            style = self.style.ERROR if finding.grade == "warning" else str
            self.stdout.write(style(f"{MARKS[finding.grade]}  {finding.subject:18} {finding.text}"))
