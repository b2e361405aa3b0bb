"""A whole study on phantoms whose planted faults are known, with every setting fixed beforehand.

The settings are here and, for the faults, in `analysis.phantoms.faults`. They are frozen under one digest, and the seed
of the study is taken from it: whoever changes a setting gets other images, so that none can be tuned on those reported.
What comes out is reported with its interval, whichever way.
"""

import json
from collections.abc import Collection, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.conditions import DENSE, Condition
from analysis.durable import sha256_bytes
from analysis.findings.representation import share_ratio
from analysis.phantoms import FaultRates, PhantomError, PhantomSpec, faults, write_data_set
from analysis.selection import CRITERIA, Run, read_run
from analysis.selection.validity import highest_valid, judge, validity_rows
from analysis.services.findings import Choices, analyse_folder, find_chosen
from analysis.sweep.spec import SweepSpec
from analysis.sweep.toml import load_spec
from analysis.tablefolder import write_table_folder
from analysis.terminal import Progress

Row = dict[str, Any]

FAULTS = ("random", "missed", "exchanged", "low_quality", "difficult")
WRONG = FAULTS[:3]
LEVEL, FRACTION = 0.90, 0.05
SIZES: Row = {"train": 3600, "val": 400, "test": 2000, "rows": 128, "columns": 128}
SEEDS = (0, 1, 2, 3)

SWEEP_TOML = """\
# Small networks on synthetic radiographs. docs/formats.md explains each key.
[data]
name = "Phantom radiographs (synthetic), toy models"
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
antialias = true

[models]
architecture = "resnet8"
checkpoints = "ensemble"
seeds = {seeds}

# The penalty makes weights that do nothing small, so that nine in ten can go before the networks collapse.
[train]
seeds = {seeds}
epochs = 12
patience = 12
batch_size = 32
learning_rate = 2e-3
weight_decay = 1.2e-3
rotation = 5.0
"""


def sweep_toml(seeds: Collection[int]) -> str:
    """Return the recipe of the toy networks for these seeds."""
    return SWEEP_TOML.format(seeds=list(seeds))


_NOT_OURS = ("NIH_CLASSES", "NO_FINDING", "QUALITY_FAULTS")


def recipe() -> Row:
    """Return every setting of the study: sizes, rates and strengths of the faults, networks, exemplars."""
    strengths = {
        name: value for name, value in vars(faults).items() if name.isupper() and name not in _NOT_OURS
    }
    return {
        "sizes": SIZES, "rates": asdict(FaultRates()), "strengths": strengths, "sweep": sweep_toml(SEEDS),
        "level": LEVEL, "fraction": FRACTION,
    }  # fmt: skip


def recipe_digest() -> str:
    """Return the SHA-256 of the recipe."""
    return sha256_bytes(json.dumps(recipe(), sort_keys=True).encode())


def phantoms() -> PhantomSpec:
    """Return the phantoms of the study; their seed is the first 12 digits of the recipe's digest."""
    return PhantomSpec(seed=int(recipe_digest()[:12], 16), **SIZES)


def on_split(spec: SweepSpec, split: str) -> SweepSpec:
    """Return a sweep with the images of another split in the place of the test split: validation, or training."""
    labels = {
        "validation": spec.data.labels_val,
        "training": spec.data.labels_train,
        "test": spec.data.labels_test,
    }
    return replace(spec, data=replace(spec.data, labels_test=labels[split]))


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
        phantoms(), home / "phantoms", truth,
        progress=lambda done, total: progress("phantoms", done, total) if progress else None,
    )  # fmt: skip
    spec_file.write_text(sweep_toml(SEEDS), encoding="utf-8")
    spec = load_spec(spec_file)
    train_ensemble(spec, home / "ensemble", progress=progress)
    levels = replace(spec.prune, sparsities=(0.0, 0.5, 0.6, 0.7, 0.8, 0.85, LEVEL))
    runs = {}
    for split in ("test", "training", "validation"):
        own = spec if split == "test" else replace(on_split(spec, split), prune=levels)
        runs[split] = run_sweep(own, runs=home / "runs", progress=progress).paths.root
    rows = report_rows(runs, pd.read_csv(truth))
    report = home / "report"
    if not report.exists():
        _write(rows, report)
    return rows


def report_rows(runs: dict[str, Path], truth: pd.DataFrame) -> list[Row]:
    """Compute what the study reports, from finished runs by split and the sealed truth of their images.

    Returns
    -------
    split; question (frequency, validity, enrichment, within contrast, control); item, measure, estimate, ci_low,
    ci_high, p, n, note. Enrichment is given for every criterion; the study's own is spearman.
    """
    rows = []
    for split in ("test", "training"):
        if split not in runs:
            continue
        validation = runs.get("validation") if split == "test" else None
        analysed = analyse_folder(
            runs[split], Choices(condition=LEVEL, fraction=FRACTION), validation=validation
        )
        own = next(
            r for r in analysed.findings.tables["validity"] if r["condition"] == Condition.of(LEVEL).name
        )
        found = [_row("validity", own["verdict"], name, {"estimate": own[name], "n": own["exemplars"]})
                 for name in ("correlation", "shared", "spread", "ap_above", "floor_shared")]  # fmt: skip
        if validation:
            levels = validity_rows(read_run(validation), criterion="spearman", fraction=FRACTION)
            found.append(
                _row(
                    "validity", "validation split", "highest valid level", {"estimate": highest_valid(levels)}
                )
            )
        if split == "test":
            found += [_correlation(row) for row in analysed.findings.tables["frequency"]]
        found += _lists(analysed.run, truth, split)
        rows += [{"split": split} | row for row in found]
    return rows


def _lists(run: Run, truth: pd.DataFrame, split: str) -> Iterator[Row]:
    names = [str(name) for name in run.images["image"]]
    in_sample = " (in-sample)" if split == "training" else ""
    for criterion in CRITERIA:
        found, note = find_chosen(run, Choices(criterion, LEVEL, FRACTION))
        if found is None:
            yield _row("enrichment", "all", criterion, {}, note)
            continue
        for row in planted_rows(found.images, names, truth):
            yield _enriched("enrichment", row, criterion)
        if criterion == "spearman":
            for kind in (0, 1):
                inside = set(truth.loc[truth["difficult"] == kind, "image"]) & set(names)
                chosen = [name for name in found.images if name in inside]
                for row in planted_rows(chosen, inside, truth, (*WRONG[: 2 if kind else 3], "low_quality")):
                    yield _enriched("within contrast", row, "difficult" if kind else "clear or no finding")
    size = max(1, int(FRACTION * len(names)))
    suspicious = np.argsort(-_label_loss(run), kind="stable")[:size]
    drawn = np.random.default_rng(0).permutation(len(names))[:size]
    for title, places in (
        (f"positive: loss of the labels{in_sample}", suspicious),
        ("negative: drawn at random", drawn),
    ):
        for row in planted_rows([names[place] for place in places], names, truth, WRONG):
            yield _enriched("control", row, title)


def planted_rows(
    chosen: Collection[str], images: Collection[str], truth: pd.DataFrame, kinds: Collection[str] = FAULTS
) -> list[Row]:
    """Compare the share of each planted fault among chosen images with its share among the others.

    Parameters
    ----------
    chosen: names of the chosen images, such as the exemplars of a sweep.
    images: names of all images that could have been chosen, the chosen ones included.
    truth: the sealed truth file: image and a 0/1 column per fault.

    Returns
    -------
    fault, then the columns of `share_ratio`.

    Raises
    ------
    PhantomError: a chosen image that is not among the images, or an image without a truth.
    """
    strange, untold = set(chosen) - set(images), set(images) - set(truth["image"])
    if strange or untold:
        name = sorted(strange or untold)[0]
        raise PhantomError(f"expected every image in the set and in its truth file, {name!r} is not")
    own = truth[truth["image"].isin(set(images))]
    inside = own["image"].isin(set(chosen))
    return [
        {"fault": kind} | share_ratio(
            int(own[kind][inside].sum()), int(inside.sum()), int(own[kind][~inside].sum()), int((~inside).sum())
        )
        for kind in kinds
    ]  # fmt: skip


def _label_loss(run: Run) -> np.ndarray:
    """Return the binary cross-entropy of the written labels under the dense ensemble, mean over classes (images)."""
    scores = np.clip(run.mean_scores(DENSE), 1e-6, 1 - 1e-6)
    loss: np.ndarray = -np.where(run.labels == 1, np.log(scores), np.log(1 - scores)).mean(axis=1)
    return loss


def demo_words(run: Run, chosen: Collection[str], truth: pd.DataFrame) -> list[str]:
    """Say in three sentences what a run on phantoms found: are its exemplars valid, and which faults are in them."""
    levels, words = judge(run, criterion="spearman", pair=run.pair(LEVEL), fraction=FRACTION, seed=0)
    noise = next(row["floor_shared"] for row in levels if row["condition"] == Condition.of(LEVEL).name)
    rows = {row["fault"]: row for row in planted_rows(chosen, [str(n) for n in run.images["image"]], truth)}
    told = {name: f"{name.replace('_', ' ')} {_times(row)}" for name, row in rows.items()}
    more = [told[name] for name, row in rows.items() if (row["ci_low"] or 0) > 1]
    top = told[max(rows, key=lambda name: rows[name]["ratio"] or 0)]
    seeds = (
        "" if noise is None else f"; {100 * noise:.0f} % of such a list come from the noise of seeds alone"
    )
    return [
        f"{words.partition('. ')[0]}{seeds}.",
        "Planted faults that are more common among the exemplars than elsewhere (95 % interval above 1): "
        f"{'; '.join(more) or f'none; the nearest to it is {top}'}.",
        f"Labels that are wrong at random, the negative control, are there {_times(rows['random'])}: they have nothing "
        "to do with the picture, and no comparison of scores of the picture finds them.",
    ]


def _times(row: Row) -> str:
    counts = f"{row['exemplars']} of {row['of_exemplars']} against {row['others']} of {row['of_others']}"
    return f"in {counts}" + (f" ({row['ratio']:.1f} times as often)" if row["ratio"] else "")


def _correlation(row: Row) -> Row:
    said = f"never drops {row['never_as']}" if row["never_as"] else ""
    return _row(
        "frequency", row["quantity"], row["method"], row, "; ".join(filter(None, (said, row["note"])))
    )


def _enriched(question: str, row: Row, measure: str) -> Row:
    values = {
        "estimate": row["ratio"],
        "ci_low": row["ci_low"],
        "ci_high": row["ci_high"],
        "n": row["of_exemplars"],
    }
    return _row(question, row["fault"], measure, values, _times(row))


def _row(question: str, item: str, measure: str, values: Row, note: str = "") -> Row:
    numbers = {name: values.get(name) for name in ("estimate", "ci_low", "ci_high", "p", "n")}
    return {"question": question, "item": item, "measure": measure, **numbers, "note": note}


def _write(rows: list[Row], report: Path) -> None:
    document = {
        "format": 1, "kind": "phantom study", "synthetic": True,
        "warning": "SYNTHETIC images and toy models: nothing here says anything about real radiographs",
        "recipe": recipe(), "recipe_sha256": recipe_digest(), "phantoms": phantoms().as_dict(), "results": rows,
    }  # fmt: skip
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    write_table_folder(
        report, document=text, tables={"results": pd.DataFrame(rows, dtype=object)}, mark="synthetic"
    )
