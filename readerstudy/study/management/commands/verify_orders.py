"""Draw the orders of an unblinded study again and compare."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from readerstudy.commands import SiteCommand
from readerstudy.study.orders.disclosure import draw_again, orders_document
from readerstudy.study.phases import PhaseError, StudyError
from readerstudy.study.visibility import study_named


class Command(SiteCommand):
    help = "Draw every reader's order again from its seed and compare it with the stored one; only after unblinding."
    refused = (StudyError, PhaseError)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", help="short name of the study")
        parser.add_argument("--out", type=Path, help="also write seeds and orders as JSON; it must not exist")

    def handle(self, *args: Any, **options: Any) -> None:
        study = study_named(options["slug"])
        try:
            found = draw_again(study)
            if options["out"] is not None:
                with options["out"].open("x", encoding="utf-8") as file:
                    json.dump(orders_document(study), file, indent=1)
        except OSError as error:
            raise CommandError(f"{options['out']} cannot be written: {error.strerror}") from error
        for each in found:
            self.stdout.write(f"{each.reader}: {each.fault or f'{each.readings} readings, the same order'}")
        if any(each.fault for each in found):
            raise CommandError("orders differ from their seeds")
