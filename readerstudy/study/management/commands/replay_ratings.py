"""Build a study's answers again from the audit trail and compare."""

from typing import Any

from django.core.management.base import CommandError

from readerstudy.study.commands import StudyCommand
from readerstudy.study.models import Study
from readerstudy.study.reading.replay import KEPT, differences, rebuilt


class Command(StudyCommand):
    help = "Rebuild every saved answer of a study from its audit trail and compare it with what is stored."

    def work(self, study: Study, options: dict[str, Any]) -> None:
        found = list(differences(study))
        for one in found:
            self.stderr.write(one)
        if found:
            raise CommandError(f"{len(found)} differences between the trail and the stored answers")
        answers = list(rebuilt(study))
        self.stdout.write(f"{len(answers)} saved answers match the audit trail")
        older = sum(set(kept) != set(KEPT) for _, kept in answers)
        if older:
            self.stdout.write(f"{older} of them were saved by an older version, which recorded no times")
