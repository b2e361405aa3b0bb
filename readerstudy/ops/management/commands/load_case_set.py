"""Load the blind half of a handover into a draft study."""

from pathlib import Path
from typing import Any

from analysis.errors import RefusedError
from analysis.terminal import progress_bar
from readerstudy.accounts.models import User
from readerstudy.commands import SiteCommand
from readerstudy.ops.loading import load_into_study
from readerstudy.study.commands import admin_of_new
from readerstudy.study.design.lifecycle import create_study
from readerstudy.study.design.obstacles import obstacles_of
from readerstudy.study.models import Study
from readerstudy.study.protocol import Protocol


class Command(SiteCommand):
    help = "Verify a case set, decode its images and load them into a study; all cases or none."
    refused = (RefusedError,)

    takes = {
        "folder": {"type": Path, "help": "the blind half, as write_case_set made it"},
        "--study": {"required": True, "help": "short name of the study"},
        "--practice": {"action": "store_true", "help": "load them as the study's practice cases"},
        "--replace": {"action": "store_true", "help": "put them in the place of those that are loaded"},
        "--title": {"help": "create the study with this title if it does not exist"},
        "--by": {"type": int, "help": "number of the person who asked for it on the page"},
        "--admin": {"help": "e-mail address of the study admin, for a study that is created"},
    }

    def handle(self, *args: Any, **options: Any) -> None:
        study = Study.objects.filter(slug=options["study"]).first()
        if study is None:
            address = options["admin"] if options["title"] else None
            admin = admin_of_new(options["study"], address, "--title and --admin")
            title = options["title"]
            study = create_study(slug=options["study"], title=title, protocol=Protocol(), actor=admin)
        with progress_bar("decoding images") as progress:
            loaded = load_into_study(
                study=study, folder=options["folder"], practice=options["practice"], progress=progress,
                replace=options["replace"], actor=User.objects.filter(pk=options["by"]).first(),
            )  # fmt: skip
        what = "practice cases" if options["practice"] else "cases"
        self.stdout.write(f"{loaded.case_count} {what} loaded into '{study.slug}'")
        study.refresh_from_db()
        for obstacle in obstacles_of(study):
            self.stderr.write(f"This study cannot be locked yet: {obstacle}.")
