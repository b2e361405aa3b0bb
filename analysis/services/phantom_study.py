"""A whole study on phantoms whose planted faults are known, with every setting fixed beforehand.

The settings are here and, for the faults, in `analysis.phantoms.faults`. They are frozen under one digest, and the seed
of the study is taken from it: changing a setting gives other images, so that none can be tuned on those reported. The
result is reported with its interval, whichever way it goes.
"""

import json
from collections.abc import Collection, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from analysis.conditions import DENSE, Condition
from analysis.durable import sha256_bytes, write_whole
from analysis.findings.representation import compared
from analysis.metrics.ranking import rank_quality
from analysis.phantoms import FaultRates, PhantomError, PhantomSpec, faults, write_data_set
from analysis.selection import CRITERIA, Run, read_run
from analysis.selection.suspects import rankings
from analysis.selection.validity import highest_valid, judge, validity_rows
from analysis.services.findings import Choices, analyse_folder, find_chosen
from analysis.services.label_noise import better_labels
from analysis.sweep.spec import SweepSpec
from analysis.sweep.toml import load_spec
from analysis.tablefolder import write_table_folder
from analysis.terminal import Progress

Row = dict[str, Any]

FAULTS = ("random", "missed", "exchanged", "low_quality", "difficult")
WRONG = FAULTS[:3]
LEVEL, FRACTION = 0.90, 0.05
LEVELS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.85, LEVEL)
"""On the training and validation splits; the test split has all 20 shares of removed weights."""

SIZES: Row = {"train": 3600, "val": 400, "test": 2000, "rows": 128, "columns": 128}
SEEDS = (0, 1, 2, 3)
TOYS = Path(faults.__file__).with_name("toys.toml")
"""The sweep of the toy networks, but for their seeds."""

POSITIVE, NEGATIVE = "without wrong labels", "without as many drawn"
"""Trainings that leave out the images with a planted wrong label, or as many drawn at random."""


def sweep_toml(seeds: Collection[int]) -> str:
    """Return the recipe of the toy networks for these seeds."""
    return TOYS.read_text(encoding="utf-8").format(seeds=list(seeds))


_NOT_OURS = ("NIH_CLASSES", "NO_FINDING", "QUALITY_FAULTS")


def recipe() -> Row:
    """Return every setting of the study: sizes, rates and strengths of the faults, networks, exemplars."""
    strengths = {
        name: value for name, value in vars(faults).items() if name.isupper() and name not in _NOT_OURS
    }
    return {
        "sizes": SIZES, "rates": asdict(FaultRates()), "strengths": strengths, "sweep": sweep_toml(SEEDS),
        "level": LEVEL, "fraction": FRACTION, "controls": [POSITIVE, NEGATIVE],
    }  # fmt: skip


def recipe_digest() -> str:
    """Return the SHA-256 of the recipe."""
    return sha256_bytes(json.dumps(recipe(), sort_keys=True).encode())


def phantoms() -> PhantomSpec:
    """Return the phantoms of the study; their seed is the first 12 digits of the recipe's digest."""
    return PhantomSpec(seed=int(recipe_digest()[:12], 16), **SIZES)


def run_phantom_study(home: Path, *, progress: Progress = lambda *_: None) -> list[Row]:
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
    home.mkdir(parents=True, exist_ok=True)
    told, spec_file = home / "truth.csv", home / "sweep.toml"
    write_data_set(
        phantoms(), home / "phantoms", told,
        progress=lambda done, total: progress("phantoms", done, total),
    )  # fmt: skip
    spec_file.write_text(sweep_toml(SEEDS), encoding="utf-8")
    spec, truth = load_spec(spec_file), pd.read_csv(told)
    runs = {"test": _swept(spec, home, progress)}
    for split, listed in (("training", spec.data.labels_train), ("validation", spec.data.labels_val)):
        own = replace(spec, data=replace(spec.data, labels_test=listed))
        runs[split] = _swept(replace(own, prune=replace(own.prune, sparsities=LEVELS)), home, progress)
    for name, labels in _control_labels(spec, truth).items():
        listed = home / f"{name}.csv".replace(" ", "-")
        own = replace(spec, data=replace(spec.data, labels_train=listed))
        write_whole(listed, labels.to_csv(index=False, lineterminator="\n").encode())
        own = replace(own, prune=replace(own.prune, sparsities=(0.0, LEVEL)))
        runs[name] = _swept(own, home, progress, name.replace(" ", "-"))
    rows = report_rows(runs, told)
    report = home / "report"
    if not report.exists():
        _write(rows, report)
    return rows


def _swept(spec: SweepSpec, home: Path, progress: Progress, ensemble: str = "ensemble") -> Path:
    """Train what is not trained and sweep what is not swept; return the RUN folder."""
    from analysis.sweep.run.finish import run_sweep
    from analysis.sweep.training.train import train_ensemble

    train_ensemble(spec, home / ensemble, cache=home / ".image-cache", progress=progress)
    spec = replace(spec, models=replace(spec.models, checkpoints=(str(home / ensemble),)))
    return run_sweep(spec, runs=home / "runs", progress=progress).paths.root


def _control_labels(spec: SweepSpec, truth: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the training labels of both controls."""
    table = pd.read_csv(str(spec.data.labels_train))
    wrong = table["id"].isin(truth.loc[truth[list(WRONG)].any(axis=1), "image"]).to_numpy()
    return {POSITIVE: table[~wrong], NEGATIVE: table[~np.random.default_rng(0).permutation(wrong)]}


def report_rows(runs: dict[str, Path], told: Path) -> list[Row]:
    """Compute what the study reports, from finished runs by split or control and the sealed truth of their images.

    Returns
    -------
    split; question (frequency, validity, enrichment, within contrast, ranking, control); item, measure, estimate,
    ci_low, ci_high, p, n, note. Enrichment is given for every criterion, the study's own is spearman, and for the list
    that the loss of the labels gives. The intervals of controls are of 90 %.
    """
    rows, truth = [], pd.read_csv(told)
    for split in ("test", "training"):
        if split not in runs:
            continue
        validation = runs.get("validation") if split == "test" else None
        choices = Choices(condition=LEVEL, fraction=FRACTION)
        analysed = analyse_folder(runs[split], choices, validation=validation, truth=told)
        tables = analysed.findings.tables
        own = next(row for row in tables["validity"] if row["condition"] == Condition.of(LEVEL).name)
        found = [_row("validity", own["verdict"], name, {"estimate": own[name], "n": own["exemplars"]})
                 for name in ("correlation", "shared", "spread", "ap_above", "floor_shared")]  # fmt: skip
        if validation:
            levels = validity_rows(read_run(validation), criterion="spearman", fraction=FRACTION)
            best = {"estimate": highest_valid(levels)}
            found.append(_row("validity", "validation split", "highest valid level", best))
        if split == "test":
            found += [_correlation(row) for row in tables["frequency"]]
        found += [*_lists(analysed.run, truth), *map(_ranked, tables["suspects"])]
        rows += [{"split": split} | row for row in found]
    return rows + [{"split": "test"} | row for row in control_rows(runs, told)]


def _lists(run: Run, truth: pd.DataFrame) -> Iterator[Row]:
    names = [str(name) for name in run.images["image"]]
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
    loss = rankings(run.labels, run.mean_scores(DENSE))[0].of_images(run.labels, (0, 1))
    suspicious = np.argsort(loss, kind="stable")[: max(1, int(FRACTION * len(names)))]
    for row in planted_rows([names[place] for place in suspicious], names, truth):
        yield _enriched("enrichment", row, "loss of the labels")


def _ranked(row: Row) -> Row:
    values = {
        "estimate": row["within"],
        "ci_low": row["within_low"],
        "ci_high": row["within_high"],
        "n": row["units"],
    }
    note = (
        f"AUROC within strata; {row['wrong']} wrong; {100 * row['precision']:.0f} % of the first {row['n']} "
        f"(random {100 * row['random']:.0f} %, ideal {100 * row['ideal']:.0f} %)"
    )
    said = f"{note}; {row['note']}" if row["note"] else note
    return _row("ranking", f"{row['target']}, by {row['unit']}", row["ranking"], values, said)


def control_rows(runs: dict[str, Path], told: Path) -> list[Row]:
    """Compare the mAP on true test labels of trainings without some images with that of all, paired by seed.

    Returns
    -------
    One row for each control, the difference with its 90 % t interval over seeds. The negative control holds where its
    interval lies within half of the positive control's effect to either side.
    """
    if POSITIVE not in runs or NEGATIVE not in runs:
        return []
    quality = {}
    for name in ("test", POSITIVE, NEGATIVE):
        run = read_run(runs[name])
        true = better_labels(run, told)
        scores = np.stack([run.scores(seed, DENSE) for seed in run.seeds])
        quality[name] = np.nanmean(rank_quality(np.asarray(true), scores).ap, axis=1)
    rows = []
    for name in (POSITIVE, NEGATIVE):
        change = quality[name] - quality["test"]
        half = float(stats.t.ppf(0.95, len(change) - 1) * change.std(ddof=1) / len(change) ** 0.5)
        mean = float(change.mean())
        values = {"estimate": mean, "ci_low": mean - half, "ci_high": mean + half, "n": len(change)}
        rows.append(
            _row("control", name, "mAP on true labels", values, f"{len(change)} seeds, 90 % interval")
        )
    held = max(abs(rows[1]["ci_low"]), abs(rows[1]["ci_high"])) <= abs(rows[0]["estimate"]) / 2
    rows[1]["note"] += f"; {'' if held else 'not '}within half of the positive control's effect"
    return rows


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
    inside, all_ = own["image"].isin(set(chosen)).to_numpy(), np.ones(len(own), dtype=bool)
    return [{"fault": kind} | compared(own[kind].to_numpy(dtype=bool), all_, inside) for kind in kinds]


def demo_words(run: Run, chosen: Collection[str], truth: pd.DataFrame) -> list[str]:
    """Say in three sentences what a run on phantoms found: are its exemplars valid, and which faults are in them."""
    levels, words = judge(run, criterion="spearman", pair=run.pair(LEVEL), fraction=FRACTION, seed=0)
    noise = next(row["floor_shared"] for row in levels if row["condition"] == Condition.of(LEVEL).name)
    rows = {row["fault"]: row for row in planted_rows(chosen, [str(n) for n in run.images["image"]], truth)}
    told = {name: f"{name.replace('_', ' ')} {_times(row)}" for name, row in rows.items()}
    more = [told[name] for name, row in rows.items() if (row["ci_low"] or 0) > 1]
    top = told[max(rows, key=lambda name: rows[name]["ratio"] or 0)]
    seeds = "" if noise is None else f"; a list made by other seeds alone shares {100 * noise:.0f} % of it"
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
    values = row | {"estimate": row["ratio"], "n": row["of_exemplars"]}
    return _row(question, row["fault"], measure, values, _times(row))


def _row(question: str, item: str, measure: str, values: Row, note: str = "") -> Row:
    numbers = {name: values.get(name) for name in ("estimate", "ci_low", "ci_high", "p", "n")}
    return {"question": question, "item": item, "measure": measure, **numbers, "note": note}


def _write(rows: list[Row], report: Path) -> None:
    document = {
        "format": 1, "kind": "phantom study", "synthetic": True,
        "warning": "SYNTHETIC images and toy models: nothing here says anything about real radiographs",
        "recipe": recipe(), "recipe_sha256": recipe_digest(), "phantoms": asdict(phantoms()), "results": rows,
    }  # fmt: skip
    write_table_folder(
        report, document=document, tables={"results": pd.DataFrame(rows, dtype=object)}, mark="synthetic"
    )
