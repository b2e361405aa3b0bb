"""`manage.py import_via FILE.csv ... --out RATINGS.csv`: VIA's CSV exports to tidy ratings."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from analysis.exchange.via import read_via
from analysis.management.commands.analyse_ratings import SEED, analyse_and_tell
from analysis.management.told import FileCommand
from analysis.printed import p_equals
from analysis.stats import Settings, StatsError, check, read_ratings
from analysis.stats.paper import explained
from analysis.tablefolder import refuse_used_folder, write_csv


class Command(FileCommand):
    """Read VIA files, one per reader, and write ratings.csv; needs no database."""

    help = "Read CSV exports of the VGG Image Annotator, one per reader, as tidy ratings (docs/formats.md)."

    def handle(self, *args: Any, **options: Any) -> None:
        """Convert, check, write, and say what was tolerated; analyse and explain where that is asked for."""
        out: Path = options["out"]
        folder: Path | None = options["results"]
        if folder is not None:
            refuse_used_folder(folder, StatsError)
        if out.exists():
            raise CommandError(f"{out}: expected a new file, it already exists; choose another --out")
        study = read_via(
            options["files"],
            cases=options["cases"],
            key=None if options["key"] is None else read_ratings(options["key"]),
            first_exemplars=options["first_exemplars"],
            paper=options["paper"],
        )
        checked = check(study.ratings, out.name)
        write_csv(out, study.ratings.astype(dict.fromkeys(study.unanswered, "Int64")))
        for line in (*study.repeated, *study.conflicts):
            self.stderr.write(line)
        first = checked.first
        unanswered = ", ".join(f"{name} {count}" for name, count in study.unanswered.items())
        self.stdout.write(
            f"{first['reader'].nunique()} readers, {first['case'].nunique()} cases, {len(first)} readings; "
            f"repeated rows: {len(study.repeated)}, of these contradicting: {len(study.conflicts)}; "
            f"without an answer: {unanswered}"
        )
        self.stdout.write(f"Ratings: {out}")
        if folder is not None:
            results = analyse_and_tell(self, out, folder, Settings(seed=SEED))
            for row in results.paper_compatible:
                said = p_equals(row["kruskal_p"]) if row["kruskal_p"] is not None else row["note"]
                self.stdout.write(f"{row['endpoint']}: Kruskal-Wallis of all ratings pooled: {said}")
            for sentence in explained(results):
                self.stdout.write(sentence)
