"""Replace a draft's protocol by that of a TOML file, or make a new draft of it."""

from pathlib import Path
from typing import Any

from readerstudy.commands import SiteCommand
from readerstudy.study.commands import admin_of_new
from readerstudy.study.design.drafts import revise_protocol
from readerstudy.study.design.lifecycle import create_study
from readerstudy.study.design.protocol_file import from_toml
from readerstudy.study.models import Study


class Command(SiteCommand):
    help = (
        "Put the protocol of a TOML file into a draft study; --admin creates the study if it does not exist."
    )

    takes = {
        "file": {"type": Path, "help": "a protocol as export_protocol writes it"},
        "--study": {"required": True, "help": "short name of the study"},
        "--admin": {"help": "e-mail address of the study admin, for a study that is created"},
    }

    def handle(self, *args: Any, **options: Any) -> None:
        slug = options["study"]
        study = Study.objects.filter(slug=slug).first()
        title, protocol = from_toml(options["file"].read_bytes())
        if study is not None:
            revise_protocol(study=study, protocol=protocol, actor=None, title=title)
        else:
            admin = admin_of_new(slug, options["admin"], "--admin")
            create_study(slug=slug, title=title, protocol=protocol, actor=admin)
        self.stdout.write(f"'{slug}' has the protocol of {options['file']}")
