"""Write a study's protocol as TOML."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from readerstudy.commands import SiteCommand, write_new
from readerstudy.study.design.protocol_file import as_toml
from readerstudy.study.protocol import Protocol
from readerstudy.study.visibility import study_named


class Command(SiteCommand):
    help = "Write the protocol of a study as a TOML file, or to the terminal."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", help="short name of the study")
        parser.add_argument("--out", type=Path, help="the file to write; it must not exist")

    def handle(self, *args: Any, **options: Any) -> None:
        study = study_named(options["slug"])
        text = as_toml(study.title, Protocol.from_json(study.protocol))
        if options["out"] is None:
            self.stdout.write(text)
            return
        write_new(options["out"], text)
        self.stdout.write(f"the protocol of '{study.slug}' is in {options['out']}")
