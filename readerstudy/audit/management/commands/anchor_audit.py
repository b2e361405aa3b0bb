"""Begin this host's audit anchor again, with a reason."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from readerstudy.audit.epochs import begin_epoch
from readerstudy.audit.services import faults
from readerstudy.commands import SiteCommand


class Command(SiteCommand):
    help = (
        "Begin this host's audit anchor: on one more host, or after its file was lost. Where anchor and "
        "database disagree, the difference is accepted on record: the reason stays in the trail, and "
        "verify_audit reports it from then on."
    )

    takes = {"--reason": {"required": True, "help": "why; this is recorded in the audit trail"}}

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["reason"].strip():
            raise CommandError("expected a reason, such as 'the disk of the anchor was lost'")
        for fault in faults():
            raise CommandError(f"{fault}; a new anchor would not repair a broken chain")
        event = begin_epoch(cause="anchor_audit", reason=options["reason"].strip())
        self.stdout.write(f"{settings.AUDIT_ANCHOR} counts from event {event.sequence} of the site")
