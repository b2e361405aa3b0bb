"""Check every audit chain."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.management.base import CommandError

from readerstudy.audit.agreement import anchor_faults
from readerstudy.audit.epochs import told_epochs
from readerstudy.audit.models import Event
from readerstudy.audit.services import AuditError, Fault, clock_steps, faults, head_faults
from readerstudy.commands import PatientCommand

SHOWN = 20
"""How many steps of the clock are listed one by one."""


class Command(PatientCommand):
    help = (
        "Check that no audit event was edited, removed, inserted or reordered, also against the anchor file "
        "and against heads that were saved elsewhere; report the trail's epochs and where the clock ran backwards."
    )

    takes = {
        "--heads": {
            "type": Path, "nargs": "*", "default": [],
            "help": "files that hold heads of the chains: a locked protocol, audit_heads.json of an export",
        },
        "--anchors": {
            "type": Path, "nargs": "*", "default": [],
            "help": "anchor files of the other hosts that write events, besides this host's own",
        },
    }  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        kept = [fault for path in options["heads"] for fault in self._kept(path)]
        remarks: list[str] = []
        anchors = [settings.AUDIT_ANCHOR, *options["anchors"]]
        found = [*faults(), *anchor_faults(anchors, remarks), *kept]
        for line in told_epochs():
            self.stdout.write(line)
        steps = list(clock_steps())
        for step in steps[:SHOWN]:
            self.stderr.write(f"warning: the clock ran backwards: {step}")
        if len(steps) > SHOWN:
            self.stderr.write(f"warning: the clock ran backwards at {len(steps) - SHOWN} more events")
        for remark in remarks:
            self.stderr.write(f"warning: {remark}")
        for fault in found:
            place = f"{fault.study or 'site'} event {fault.sequence}" if fault.sequence else "anchor"
            self.stderr.write(f"{place}: {fault.reason}")
        if found:
            raise CommandError(f"{len(found)} faults in the audit trail")
        self.stdout.write(
            f"{Event.objects.count()} audit events, every chain is intact and ends as the anchor says"
        )
        if options["heads"]:
            self.stdout.write(f"the heads of {len(options['heads'])} files are in their chains")

    def _kept(self, path: Path) -> Iterator[Fault]:
        try:
            content = json.loads(path.read_bytes())
            yield from head_faults(UUID(content["study"]), content["audit_heads"])
        except (
            OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError, AuditError,
        ) as error:  # fmt: skip
            raise CommandError(
                f"{path}: expected a file with study and audit_heads, as a locked protocol or an export has ({error})"
            ) from error
