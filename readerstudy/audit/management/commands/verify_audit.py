"""Check every audit chain."""

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError

from readerstudy.audit.models import Event
from readerstudy.audit.services import AuditError, Fault, anchor_faults, faults, head_faults
from readerstudy.priority import PatientCommand


class Command(PatientCommand):
    help = (
        "Check that no audit event was edited, removed, inserted or reordered, also against the anchor file "
        "and against heads that were kept elsewhere."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--heads", type=Path, nargs="*", default=[],
            help="files that hold heads of the chains: a locked protocol, audit_heads.json of an export",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        kept = [fault for path in options["heads"] for fault in self._kept(path)]
        found = [*faults(), *anchor_faults(), *kept]
        for fault in found:
            self.stderr.write(f"{fault.study or 'site'} event {fault.sequence}: {fault.reason}")
        if found:
            raise CommandError(f"{len(found)} faults in the audit trail")
        self.stdout.write(f"{Event.objects.count()} audit events, every chain holds")
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
