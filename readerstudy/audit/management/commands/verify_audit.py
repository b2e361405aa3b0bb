"""Check every audit chain."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from readerstudy.audit.models import Event
from readerstudy.audit.services import anchor_faults, faults


class Command(BaseCommand):
    help = (
        "Check that no audit event was edited, removed, inserted or reordered, also against the anchor file."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        found = [*faults(), *anchor_faults()]
        for fault in found:
            self.stderr.write(f"{fault.study or 'site'} event {fault.sequence}: {fault.reason}")
        if found:
            raise CommandError(f"{len(found)} faults in the audit trail")
        self.stdout.write(f"{Event.objects.count()} audit events, every chain holds")
