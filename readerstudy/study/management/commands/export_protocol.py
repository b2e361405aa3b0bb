"""Write a study's protocol as TOML."""

from pathlib import Path
from typing import Any

from readerstudy.commands import write_new
from readerstudy.study.commands import StudyCommand
from readerstudy.study.design.protocol_file import as_toml
from readerstudy.study.models import Study
from readerstudy.study.protocol import Protocol


class Command(StudyCommand):
    help = "Write the protocol of a study as a TOML file, or to the terminal."

    takes = {"--out": {"type": Path, "help": "the file to write; it must not exist"}}

    def work(self, study: Study, options: dict[str, Any]) -> None:
        text = as_toml(study.title, Protocol.from_json(study.protocol))
        if options["out"] is None:
            self.stdout.write(text)
            return
        write_new(options["out"], text)
        self.stdout.write(f"the protocol of '{study.slug}' is in {options['out']}")
