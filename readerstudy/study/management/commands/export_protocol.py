"""Write a study's protocol as TOML."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from readerstudy.study.design.protocol_file import as_toml
from readerstudy.study.models import Study
from readerstudy.study.protocol import Protocol


class Command(BaseCommand):
    help = "Write the protocol of a study as a TOML file, or to the terminal."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", help="short name of the study")
        parser.add_argument("--out", type=Path, help="the file to write; it must not exist")

    def handle(self, *args: Any, **options: Any) -> None:
        study = Study.objects.filter(slug=options["slug"]).first()
        if study is None:
            raise CommandError(f"expected the short name of a study, got '{options['slug']}'")
        text = as_toml(study.title, Protocol.from_json(study.protocol))
        if options["out"] is None:
            self.stdout.write(text)
            return
        try:
            with options["out"].open("x", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise CommandError(f"{options['out']} cannot be written: {error.strerror}") from error
        self.stdout.write(f"the protocol of '{study.slug}' is in {options['out']}")
