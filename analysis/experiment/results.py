"""From the networks of a retraining experiment to its answer: contrasts, verdict, one forest figure."""

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.conditions import DENSE
from analysis.experiment.contrasts import LEVEL, adjusted, contrast, group_ap, verdict
from analysis.experiment.plan import Plan
from analysis.experiment.study import BASELINE, ON_LIST, ON_RANDOM
from analysis.figures.retraining import draw_contrasts
from analysis.figures.theme import save_all
from analysis.tablefolder import write_table_folder

Row = dict[str, Any]
TAIL = "tail"
SYNTHETIC = "Synthetic images and toy networks: nothing here says anything about real radiographs."


def finish_study(plan: Plan) -> list[str]:
    """Write `report`: results.json, contrasts.csv, networks.csv and the figure; say what was found."""
    rows, networks = contrasts_of(plan)
    choices, out = plan.said["choices"], plan.folder / "report"
    primary = {row["action"]: row for row in rows if row["role"] == "primary"}
    told = [_sentence(row) for row in primary.values()] + [
        verdict(primary, choices["lists"]),
        *lists_alike(plan),
    ]
    told += [SYNTHETIC] if plan.said["synthetic"] else []
    if out.exists():
        return told
    mark = "synthetic" if plan.said["synthetic"] else None
    document = {"format": 1, "kind": plan.said["kind"], "name": plan.said["name"], "digest": plan.said["digest"],
                "synthetic": plan.said["synthetic"], "choices": choices, "answer": told, "contrasts": rows}  # fmt: skip
    table = pd.DataFrame(rows, dtype=object)

    def draw(folder: Path) -> None:
        save_all(
            lambda theme: {"contrasts": draw_contrasts(table, synthetic=mark is not None, theme=theme)},
            folder / "figures", ("svg", "png"),
        )  # fmt: skip

    write_table_folder(
        out, document=document, tables={"contrasts": table, "networks": networks}, mark=mark, also=draw,
    )  # fmt: skip
    return told


def lists_alike(plan: Plan) -> list[str]:
    """Say how many images the lists share: those made from one another are not independent, whatever a list claims."""
    files = (plan.folder / "arms").glob(f"{plan.said['choices']['actions'][0]}-{ON_LIST}_*.csv")
    lists = {frozenset(pd.read_csv(file, dtype={"image": str})["image"]) for file in files}
    shares = sorted(len(one & two) / len(one | two) for one, two in combinations(lists, 2))
    told = f"Images in both of two lists, of those in either (Jaccard): {', '.join(f'{share:.2f}' for share in shares)}"
    return [f"{told}. Only lists of cross-fittings of their own are independent."] if shares else []


def contrasts_of(plan: Plan) -> tuple[list[Row], pd.DataFrame]:
    """Compare the arms of an experiment whose networks are all there.

    Returns
    -------
    Rows: action, comparison, group, role (primary, exploratory), the columns of `contrast`, p_holm (primary alone).
    A table: arm, seed, group, ap.
    """
    runs = {(job.arm, job.seed): plan.run(job) for job in plan.jobs}
    arms, seeds = list(dict.fromkeys(arm for arm, _ in runs)), list(dict.fromkeys(seed for _, seed in runs))
    first = next(iter(runs.values()))
    scores = np.stack([np.asarray(runs[arm, seed].scores(seed, DENSE)) for arm in arms for seed in seeds])
    choices = plan.said["choices"]
    lists = [number % choices["lists"] for number in range(len(seeds))]
    primary: list[Row] = []
    rows: list[Row] = []
    networks = []
    for group in (TAIL, *choices["groups"]):
        classes = np.flatnonzero((first.classes["class_group"] == group) & (first.labels == 1).any(axis=0))
        if not len(classes):
            continue
        whole, left_out = (
            found.reshape(*found.shape[:-1], len(arms), len(seeds))
            for found in group_ap(first.labels, scores, classes, first.owners, choices["first_seed"])
        )
        networks += [{"arm": arm, "seed": seed, "group": group, "ap": float(whole[a, s])}
                     for a, arm in enumerate(arms) for s, seed in enumerate(seeds)]  # fmt: skip
        for action, one, other in _pairs(choices["actions"]):
            a, b = arms.index(one), arms.index(other)
            main = group == TAIL and other != BASELINE
            alpha = LEVEL / len(choices["actions"]) if main else LEVEL
            row = {"action": action, "comparison": f"{one} - {other}", "group": group}
            row["role"] = "primary" if main else "exploratory"
            row |= contrast(whole[a] - whole[b], lists, (left_out[:, a] - left_out[:, b]).mean(axis=1), alpha)
            (primary if main else rows).append(row)
    return adjusted(primary) + [row | {"p_holm": None} for row in rows], pd.DataFrame(networks, dtype=object)


def _pairs(actions: list[str]) -> Iterator[tuple[str, str, str]]:
    for action in actions:
        on_list, on_random = f"{action}-{ON_LIST}", f"{action}-{ON_RANDOM}"
        yield from ((action, on_list, on_random), (action, on_list, BASELINE), (action, on_random, BASELINE))


def _sentence(row: Row) -> str:
    interval = (
        "no interval" if row["se"] is None else f"95 % interval {row['ci_low']:+.3f} to {row['ci_high']:+.3f}"
    )
    p = "" if row["p_holm"] is None else f", adjusted p {row['p_holm']:.3f}"
    return (
        f"{row['action']}: mean AP of the tail classes {row['estimate']:+.3f} against the same action on a random set "
        f"with the same labels ({interval}{p}; {row['seeds']} seeds)."
    )
