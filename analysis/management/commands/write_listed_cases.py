"""Command for `analysis.services.listed.hand_over_listed`: from a list of cases to a blind folder and a sealed key."""

from typing import Any

from analysis.caseset import find_images
from analysis.management.told import ToldCommand
from analysis.services import handover_options as shared
from analysis.services.listed import cases_of_studies, hand_over_listed, in_words, read_images


class Command(ToldCommand):
    """Write the cases of a list as a case set."""

    help = (
        "Write a list of images, each of one of two groups, as a blind folder and, elsewhere, a sealed key."
    )
    asked = ("places", "contents")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write, and report; nothing that reveals a case's group is printed."""
        if options["by_study"] == "show":
            listed = read_images(options["listed"])
            files = find_images(listed["image"], options["images"])
            self.stdout.write(in_words(cases_of_studies(listed, files)))
            return
        written = hand_over_listed(
            listed=options["listed"], synthetic=options["synthetic"],
            by_study=options["by_study"] == "apply", **shared.written_with(options),
        )  # fmt: skip
        self.stdout.write(shared.report_of(written))
