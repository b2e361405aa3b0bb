"""A whole study on phantoms whose planted faults are known, with every setting fixed in this file beforehand.

It asks whether what the tool reports comes out on images where the truth is known: does forgetting go with
frequency, and do planted label noise, poor quality and difficulty stand among the exemplars (PIEs) more often?
Nothing here is tuned to make it so; what comes out is reported with its interval.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.findings.representation import share_ratio
from analysis.phantoms import PhantomSpec, write_data_set
from analysis.phantoms.enrichment import enrichment
from analysis.selection import CRITERIA
from analysis.services.findings import Choices, analyse_folder, find_chosen
from analysis.sweep.toml import load_spec
from analysis.tablefolder import write_table_folder
from analysis.terminal import Progress

Row = dict[str, Any]

PHANTOMS = PhantomSpec(seed=20230818, train=2000, val=200, test=1200)
CHOICES = Choices(criterion="spearman", condition=0.90, fraction=0.05, seed=20230818)

TOY_SWEEP = """\
# {about}
[data]
name = "{name} (synthetic), toy models"
images = "phantoms/images"
labels_train = "phantoms/labels/miccai2023_nih-cxr-lt_labels_train.csv"
labels_val = "phantoms/labels/miccai2023_nih-cxr-lt_labels_val.csv"
labels_test = "phantoms/labels/miccai2023_nih-cxr-lt_labels_test.csv"
metadata = "phantoms/metadata.csv"
classes = "nih-cxr-lt"
synthetic = true
head = 0.10
tail = 0.01

[preprocess]
size = 64

[models]
architecture = "resnet18"
checkpoints = "ensemble"
seeds = {seeds}

[train]
seeds = {seeds}
epochs = {epochs}
patience = {epochs}
batch_size = 32
learning_rate = 1e-3
rotation = 5.0
"""
"""A sweep of toy networks over phantoms, as `write_data_set` lays them out, but for its name, seeds and epochs."""

SWEEP_TOML = TOY_SWEEP.format(
    about="The phantom study: five toy networks. Fixed before the first run; changing a number makes another study.",
    name="Phantom study", seeds=[0, 1, 2, 3, 4], epochs=4,
)  # fmt: skip


def run_phantom_study(home: Path, *, progress: Progress | None = None) -> list[Row]:
    """Draw, train, sweep and analyse; write `report/`; every finished step is kept, so a stopped study goes on.

    Parameters
    ----------
    home: folder of everything; made when absent.
    progress: called as progress(stage, done, total).

    Returns
    -------
    The rows of `report/results.json`, see `report_rows`.

    Raises
    ------
    PhantomError, SweepError, SelectionError, FindingsError: a step cannot be done.
    """
    from analysis.sweep.run.finish import run_sweep
    from analysis.sweep.training.train import train_ensemble

    home.mkdir(parents=True, exist_ok=True)
    truth, spec_file = home / "truth.csv", home / "sweep.toml"
    write_data_set(
        PHANTOMS, home / "phantoms", truth,
        progress=lambda done, total: progress("phantoms", done, total) if progress else None,
    )  # fmt: skip
    spec_file.write_text(SWEEP_TOML, encoding="utf-8")
    spec = load_spec(spec_file)
    train_ensemble(spec, home / "ensemble", progress=progress)
    run = run_sweep(spec, runs=home / "runs", progress=progress)
    rows = report_rows(run.paths.root, pd.read_csv(truth))
    report = home / "report"
    if not report.exists():
        _write(rows, report, run.run_id)
    return rows


def report_rows(run: Path, truth: pd.DataFrame) -> list[Row]:
    """Compute what the study reports, from a finished run and the sealed truth of its images.

    Returns
    -------
    question (frequency, enrichment), item, measure, estimate, ci_low, ci_high, p, n, note. Enrichment is given for
    every criterion; the study's own is the one fixed in `CHOICES`, marked in the note.
    """
    analysed = analyse_folder(run, CHOICES)
    rows = [_correlation(row) for row in analysed.findings.tables["frequency"]]
    names = [str(name) for name in analysed.run.images["image"]]
    for criterion in CRITERIA:
        chosen = Choices(criterion, CHOICES.condition, CHOICES.fraction, CHOICES.seed)
        found, note = find_chosen(analysed.run, chosen)
        if found is None:
            rows.append(_row("enrichment", "all", criterion, {}, note))
            continue
        note = "fixed beforehand" if criterion == CHOICES.criterion else "for comparison"
        rows += [_enriched(row, criterion, note) for row in _records(enrichment(found.images, names, truth))]
    return rows


def _correlation(row: Row) -> Row:
    said = f"never drops {row['never_as']}" if row["never_as"] else ""
    return _row(
        "frequency", row["quantity"], row["method"], row, "; ".join(filter(None, (said, row["note"])))
    )


def _enriched(row: Row, criterion: str, note: str) -> Row:
    # Koopman's interval, which a count of 0 does not void.
    ratio = share_ratio(row["chosen_with"], row["chosen"], row["rest_with"], row["rest"])
    counts = f"{row['chosen_with']} of {row['chosen']} against {row['rest_with']} of {row['rest']}; {note}"
    values = {
        "estimate": ratio["ratio"],
        "ci_low": ratio["ci_low"],
        "ci_high": ratio["ci_high"],
        "n": row["chosen"],
    }
    return _row("enrichment", str(row["fault"]), criterion, values, counts)


def _row(question: str, item: str, measure: str, values: Row, note: str) -> Row:
    numbers = {name: values.get(name) for name in ("estimate", "ci_low", "ci_high", "p", "n")}
    return {"question": question, "item": item, "measure": measure, **numbers, "note": note}


def _records(frame: pd.DataFrame) -> Sequence[Row]:
    plain = frame.astype(object).where(frame.notna(), None)
    return [{str(name): value for name, value in row.items()} for row in plain.to_dict("records")]


def _write(rows: list[Row], report: Path, run_id: str) -> None:
    document = {
        "format": 1, "kind": "phantom study", "synthetic": True,
        "warning": "SYNTHETIC images and toy models: nothing here says anything about real radiographs",
        "run_id": run_id, "phantoms": PHANTOMS.as_dict(), "sweep": SWEEP_TOML, "results": rows,
    }  # fmt: skip
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    write_table_folder(
        report, document=text, tables={"results": pd.DataFrame(rows, dtype=object)}, mark="synthetic"
    )
