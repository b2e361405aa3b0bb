"""Compute and keep what the results page of an unblinded study shows; the page starts this by itself."""

from typing import Any

from readerstudy.commands import PatientCommand
from readerstudy.results.computed import THEMES, computed
from readerstudy.study.commands import StudyCommand
from readerstudy.study.models import Study


class Command(StudyCommand, PatientCommand):
    help = (
        "Compute and keep the results and figures of an unblinded study, which its page then shows at once."
    )

    def work(self, study: Study, options: dict[str, Any]) -> None:
        made = computed(study)
        for theme in THEMES:
            made.figures(theme)
        self.stdout.write(f"kept: {made.parts_done} files")
