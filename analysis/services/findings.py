"""From a finished run's folder to its findings: what the command, the page and the phantom study share."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.conditions import PUBLISHED, Condition
from analysis.findings.analyse import analyse
from analysis.findings.precision import FindingsError
from analysis.findings.representation import expert_rows
from analysis.findings.results import Findings
from analysis.frames import IGNORED
from analysis.identity import path_key
from analysis.selection import Exemplars, Run, SelectionError, SelectionSpec, find_in_run, read_run
from analysis.selection.covariates import covariate_table
from analysis.selection.stability import exemplar_table, inclusion, overlap_rows, stability_rows
from analysis.selection.validity import judge
from analysis.services.label_noise import better_labels, label_noise
from analysis.tablefile import read_table
from analysis.tablefolder import csv_text

Row = dict[str, Any]

SEED = 1
"""Of the bootstrap and the permutations, unless another is asked for."""

DEFAULTS = SelectionSpec()


@dataclass(frozen=True)
class Choices:
    """What makes an exemplar (PIE), and the seed of each random step of the findings.

    `condition`, `reference`: names or shares of removed weights, blank as `analysis.conditions.pair_of` has it.
    """

    criterion: str = DEFAULTS.criterion
    condition: str | float = DEFAULTS.condition
    fraction: float = DEFAULTS.fraction
    seed: int = SEED
    reference: str | float = DEFAULTS.reference

    @property
    def name(self) -> str:
        """Name the choices for a folder and an address: letters, digits and hyphens."""
        told = [Condition.of(one) for one in (self.condition or PUBLISHED, self.reference) if one != ""]
        # The name is part of an address, which has neither dots nor a way to mistake one name for another.
        safe = str.maketrans({"_": "_u", ".": "_d"})
        names = [one.name.translate(safe) if one.level is None else f"{100 * one.level:g}" for one in told]
        numbers = f"{100 * self.fraction:g}-{self.seed}"
        parts = (self.criterion, names[0], numbers.replace(".", "p"), *names[1:])
        return "-".join(parts)


@dataclass(frozen=True)
class Analysed:
    """A run, its findings, and its exemplars as tables (empty without any).

    `exemplars`: see `exemplar_table`. `scores`: image, class, label, dense, pruned of each exemplar and class.
    `suspects`: see `listed_labels`.
    """

    run: Run
    findings: Findings
    exemplars: pd.DataFrame
    scores: pd.DataFrame
    suspects: pd.DataFrame

    def write(self, out: Path) -> None:
        """Write results.json, the tables, figures/ and report.html into a new folder, whole or not at all.

        Raises
        ------
        FindingsError: the folder holds something already.
        """
        self.findings.write(out, self._also)

    def _also(self, folder: Path) -> None:
        # Matplotlib takes half a second to load: only when there is something to draw.
        from analysis.figures.findings_files import save_findings
        from analysis.report.findings import findings_html

        mark = "synthetic" if self.findings.synthetic else None
        named = {
            "exemplars": self.exemplars,
            "exemplar_scores": self.scores,
            "suspected_labels": self.suspects,
        }
        for name, table in named.items():
            (folder / f"{name}.csv").write_text(csv_text(table, mark=mark), encoding="utf-8")
        tables = self.findings.frames() | {"exemplars": self.exemplars}
        save_findings(tables, folder / "figures", synthetic=self.findings.synthetic)
        pictures = {path.stem: path.read_bytes() for path in (folder / "figures").glob("*.svg")}
        (folder / "report.html").write_text(findings_html(self.findings, pictures), encoding="utf-8")


def analyse_folder(
    folder: Path, choices: Choices, *, validation: Path | None = None,
    truth: Path | None = None, in_sample: Path | None = None,
) -> Analysed:  # fmt: skip
    """Read a RUN folder, verify its digests, and compute its findings.

    Parameters
    ----------
    validation: RUN folder of the same networks and method on the validation split, by which a level is proposed.
    truth: better labels of the images, or of some; see `better_labels`.
    in_sample: RUN folder of networks trained on these images; see `label_noise`.

    Raises
    ------
    FindingsError, SelectionError, FrameError: the folder does not hold a finished run, or `validation` is of other
        networks or of images of the run.
    """
    run = read_run(folder)
    metrics = _metrics(run)
    found, note = find_chosen(run, choices)
    pair = run.pair(choices.condition, choices.reference) if found is not None else ("", "")
    marked: npt.NDArray[np.bool_] | None = None
    exemplars, scores = pd.DataFrame(columns=["rank", "image"]), pd.DataFrame(columns=["image", "class"])
    more: dict[str, list[Row]] = {}
    valid = ""
    if found is not None:
        marked = run.images["image"].isin(found.images).to_numpy(dtype=np.bool_)
        rule: Row = {"criterion": choices.criterion, "fraction": choices.fraction}
        both: Row = {"reference": pair[0], "condition": pair[1]}
        included = inclusion(run, seed=choices.seed, **both, **rule) if len(run.seeds) > 1 else None
        exemplars = exemplar_table(run, found.ranked, included, covariate_table(run.images, run.classes))
        scores = _scores(run, exemplars, pair)
        more["validity"], valid = judge(
            run, pair=pair, seed=choices.seed, **rule,
            validation=None if validation is None else _of_same_networks(run, read_run(validation)),
        )  # fmt: skip
        more["experts"] = _experts(run, marked)
        more["overlap"] = overlap_rows(run, fraction=choices.fraction, **both)
        more["stability"] = [] if included is None else stability_rows(included, marked)
    noise = label_noise(
        run, reference=pair[0] or run.conditions[0], exemplar=marked, better=better_labels(run, truth),
        agreement=None if found is None else found.ranked.set_index("image")["score"],
        fraction=choices.fraction, seed=choices.seed, in_sample=read_run(in_sample) if in_sample else None,
    )  # fmt: skip
    more |= noise.tables
    described: Row = {
        "run_id": run.run_id, "predictions_sha256": run.predictions_sha256,
        "metrics_sha256": run.provenance["tables"]["metrics.csv"], "exemplar_criterion": choices.criterion,
        "exemplar_sparsity": Condition.of(pair[1]).level if pair[1] else None,
        "exemplar_condition": pair[1] or str(choices.condition),
        "exemplar_reference": pair[0] or run.conditions[0], "exemplar_fraction": choices.fraction,
    }  # fmt: skip
    findings = analyse(
        metrics, run.classes, run.labels, seed=choices.seed, exemplar=marked, exemplar_note=note, run=described,
        synthetic=run.synthetic, more=more, condition=pair[1], reference=pair[0],
        removed=run.removed, validity=f"{valid} {noise.words}".strip(), patients=run.clusters,
    )  # fmt: skip
    return Analysed(run, findings, exemplars, scores, noise.listed)


def find_chosen(run: Run, choices: Choices) -> tuple[Exemplars | None, str]:
    """Find the exemplars of a run; without any, say why."""
    try:
        reference, condition = run.pair(choices.condition, choices.reference)
    except SelectionError as error:
        return None, f"no exemplars: {str(error).removeprefix(f'{run.folder}: ')}"
    pair = {"condition": condition, "reference": reference}
    found = find_in_run(run, criterion=choices.criterion, fraction=choices.fraction, **pair)
    if not found.images:
        return None, f"no exemplars: {choices.fraction} of {len(run.images)} images is less than one"
    return found, ""


def _metrics(run: Run) -> pd.DataFrame:
    if "metrics.csv" not in run.provenance["tables"]:
        raise FindingsError(f"{run.folder}: expected metrics.csv in provenance.json; finish the sweep first")
    path = run.folder / "metrics.csv"
    return pd.read_csv(path, dtype={"class": str}, keep_default_na=False, na_values=[""])


def _scores(run: Run, exemplars: pd.DataFrame, pair: tuple[str, str]) -> pd.DataFrame:
    names = run.class_names
    place = pd.Index(run.images["image"]).get_indexer(exemplars["image"])
    labels = run.labels.astype(object)
    labels[run.labels == IGNORED] = None
    values = {"label": labels, "dense": run.mean_scores(pair[0]), "pruned": run.mean_scores(pair[1])}
    table = {
        "image": np.repeat(exemplars["image"].to_numpy(dtype=object), len(names)),
        "class": names * len(place),
    }
    return pd.DataFrame(table | {name: array[place].ravel() for name, array in values.items()}).astype(object)


def _experts(run: Run, exemplar: npt.NDArray[np.bool_]) -> list[Row]:
    """Compare how often labels are wrong among exemplars and elsewhere, where experts read the images."""
    if "experts.csv" not in run.provenance["tables"]:
        return []
    table = read_table(run.folder / "experts.csv", error=FindingsError, dtype={"image": str})
    table = table[table["image"].isin(run.images["image"])]
    about = (run.provenance.get("spec") or {}).get("data", {}).get("expert_classes", [])
    place = pd.Index(run.images["image"]).get_indexer(table["image"])
    patients = [run.clusters[at] for at in place] if run.clusters else ()
    return expert_rows(run.labels[place], run.class_names, table, about, exemplar[place], patients)


def _of_same_networks(run: Run, other: Run) -> Run:
    def networks(each: Run) -> tuple[list[int], list[str]]:
        made = each.provenance.get("checkpoints", [])
        return list(each.seeds), sorted(f"{c['seed']} {c['sha256']}" for c in made if "condition" not in c)

    if networks(run) != networks(other):
        raise FindingsError(f"{other.folder}: expected the networks of {run.folder}, got different ones")
    if both := set(map(path_key, run.images["image"])) & set(map(path_key, other.images["image"])):
        raise FindingsError(
            f"{other.folder}: expected the validation split, got {len(both)} images of the run"
        )
    return other
