"""Draw the orders of an unblinded study again and compare."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from readerstudy.commands import write_new
from readerstudy.study.commands import StudyCommand
from readerstudy.study.models import Study
from readerstudy.study.orders.drawing import draw_again, orders_document


class Command(StudyCommand):
    help = "Draw every reader's order again from its seed and compare it with the stored one; only after unblinding."

    takes = {"--out": {"type": Path, "help": "also write seeds and orders as JSON; it must not exist"}}

    def work(self, study: Study, options: dict[str, Any]) -> None:
        found = draw_again(study)
        if options["out"] is not None:
            write_new(options["out"], json.dumps(orders_document(study), indent=1))
        for reader, readings, fault in found:
            self.stdout.write(f"{reader}: {fault or f'{readings} readings, the same order'}")
        if any(fault for _, _, fault in found):
            raise CommandError("orders differ from their seeds")
