"""`manage.py analyse_run RUN --out DIR`: what pruning made a run's classifiers forget, from its folder alone."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from django.core.management.base import BaseCommand, CommandError

from analysis.findings import Findings, FindingsError, analyse, refuse_used_folder
from analysis.frames import FrameError
from analysis.selection import CRITERIA, Run, SelectionError, SelectionSpec, find_exemplars, read_run

SEED = 1
DEFAULTS = SelectionSpec()


class Command(BaseCommand):
    """Read a RUN folder and write the findings; needs no database."""

    help = "Analyse a finished sweep: write results.json, CSV tables and figures to a folder."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare RUN, --out, --seed and what makes an exemplar."""
        parser.add_argument("run", type=Path, metavar="RUN", help="folder of a finished sweep")
        parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="a new or empty folder")
        parser.add_argument(
            "--seed", type=int, default=SEED, help="of each random step (default %(default)s)"
        )
        parser.add_argument("--criterion", choices=sorted(CRITERIA), default=DEFAULTS.criterion)
        parser.add_argument("--sparsity", type=float, default=DEFAULTS.sparsity, help="of the exemplars")
        parser.add_argument("--fraction", type=float, default=DEFAULTS.fraction, help="of the exemplars")

    def handle(self, *args: Any, **options: Any) -> None:
        """Analyse, write, and print a sentence per question."""
        out: Path = options["out"]
        choices = {name: options[name] for name in ("criterion", "sparsity", "fraction")}
        try:
            refuse_used_folder(out)
            findings = _analyse(options["run"], options["seed"], choices)
            findings.write(out, lambda folder: _draw(findings, folder))
        except (FindingsError, SelectionError, FrameError, OSError) as error:
            raise CommandError(str(error)) from error
        for sentence in findings.answers.values():
            self.stdout.write(sentence)
        self.stdout.write(f"Results: {out / 'results.json'}")


def _analyse(folder: Path, seed: int, choices: dict[str, Any]) -> Findings:
    run = read_run(folder)
    if "metrics.csv" not in run.provenance["tables"]:
        raise FindingsError(f"{folder}: expected metrics.csv in provenance.json; finish the sweep first")
    metrics = pd.read_csv(folder / "metrics.csv", dtype={"class": str}, keep_default_na=False, na_values=[""])
    exemplar, note = _exemplar(run, choices)
    described = {
        "run_id": run.run_id, "predictions_sha256": run.predictions_sha256,
        "metrics_sha256": run.provenance["tables"]["metrics.csv"],
    }  # fmt: skip
    return analyse(
        metrics, run.classes, run.labels, seed=seed, exemplar=exemplar, exemplar_note=note,
        run=described | {f"exemplar_{name}": value for name, value in choices.items()},
        synthetic=run.synthetic,
    )  # fmt: skip


def _exemplar(run: Run, choices: dict[str, Any]) -> tuple[npt.NDArray[np.bool_] | None, str]:
    """Mark the exemplars among the run's images; without any, say why."""
    if not any(abs(sparsity - choices["sparsity"]) < 0.005 for sparsity in run.sparsities):
        return None, f"no exemplars: sparsity {choices['sparsity']:.2f} was not run"
    names = run.images["image"]
    found = find_exemplars(
        list(names), run.mean_scores(0.0), run.mean_scores(choices["sparsity"]),
        criterion=choices["criterion"], fraction=choices["fraction"],
    )  # fmt: skip
    if not found.images:
        return None, f"no exemplars: {choices['fraction']} of {len(names)} images is less than one"
    return names.isin(found.images).to_numpy(dtype=np.bool_), ""


def _draw(findings: Findings, folder: Path) -> None:
    # Matplotlib takes half a second to load: only when there is something to draw.
    from analysis.figures.findings_files import save_findings

    save_findings(findings.frames(), folder / "figures", synthetic=findings.synthetic)
