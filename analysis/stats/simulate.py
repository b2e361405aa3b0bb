"""Simulated readers: tidy ratings from the latent-variable model used to calibrate the statistics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from analysis.frames import RATED
from analysis.stats.endpoints import ENDPOINTS, Endpoint
from analysis.stats.errors import StatsError
from analysis.stats.grid import Bools, Floats, Integers

ORDINAL_CUTS = (-1.2, -0.4, 0.3, 1.1)
BINARY_CUTS = (-0.9,)

Design = Literal["crossed", "nested", "blocks"]


@dataclass(frozen=True)
class Latent:
    """Latent model z = R + RA (a - 1/2) + mu a + C + E, cut into the answers (statistics.md, calibration).

    `effect` is mu, in latent standard deviations of the rest term's scale; the others are variances.
    """

    effect: Mapping[str, float] = field(
        default_factory=lambda: {"agree": -0.6, "quality": -0.6, "difficulty": 0.6}
    )
    reader: float = 0.25
    case: float = 0.5
    rest: float = 0.5
    reader_by_arm: float = 0.044


def simulate_answers(
    rng: np.random.Generator,
    is_pie: Bools,
    n_readers: int,
    endpoint: Endpoint,
    model: Latent,
    *,
    shared: Floats | None = None,
) -> Floats:
    """Draw one question's answers of every reader to every case: readers x cases, levels of the question.

    `shared`: what matched cases have in common, one latent value per case with half of the variance of a case;
    the other half is the case's own.
    """
    arm = is_pie.astype(float)
    alone = model.case if shared is None else model.case / 2
    z = (
        rng.normal(0.0, model.reader**0.5, (n_readers, 1))
        + rng.normal(0.0, model.reader_by_arm**0.5, (n_readers, 1)) * (arm - 0.5)
        + model.effect.get(endpoint.name, 0.0) * arm
        + rng.normal(0.0, alone**0.5, (1, len(arm)))
        + rng.normal(0.0, model.rest**0.5, (n_readers, len(arm)))
    )
    if shared is not None:
        z = z + shared
    cuts = BINARY_CUTS if endpoint.kind == "binary" else ORDINAL_CUTS
    return np.asarray(np.digitize(z, cuts) + endpoint.levels[0], dtype=float)


def simulate_study(
    *,
    seed: int,
    readers: int | Sequence[str] = 6,
    cases: int | pd.DataFrame = 40,
    design: Design = "crossed",
    model: Latent | None = None,
    repeats: int = 0,
    missing: float = 0.0,
) -> pd.DataFrame:
    """Simulate a finished reader study; its ratings are not those of any person and must be marked so.

    Parameters
    ----------
    seed: the same seed gives the same study.
    readers: their number, or their pseudonyms.
    cases: number of cases (half of them PIEs, matched 1:1), or a frame with case, arm (1 = PIE) and
        optionally pair. With the design "nested" the number counts the cases of each reader.
    design: "crossed" (every reader reads every case), "nested" (each reader has own cases) or "blocks"
        (pairs of cases are dealt to three overlapping blocks; a tenth are read by all).
    model: effects and variances; moderate exemplar effects by default.
    repeats: cases that every reader gets a second time (presentation 2), at the end.
    missing: share of answers left blank, at random (0..1).

    Returns
    -------
    DataFrame: columns of `frames.RATINGS`, sorted by reader and position.
    """
    if not 0 <= missing < 1 or repeats < 0:
        raise StatsError(f"expected missing in [0, 1) and repeats >= 0, got {missing} and {repeats}")
    rng = np.random.default_rng(seed)
    names = [f"R{k + 1}" for k in range(readers)] if isinstance(readers, int) else list(readers)
    table = _cases(cases * (len(names) if design == "nested" else 1) if isinstance(cases, int) else cases)
    model = model or Latent()
    is_pie = (table["arm"].to_numpy(dtype=float) == 1).astype(bool)
    batches = _batches(design, table, len(names))
    answers = {e.name: simulate_answers(rng, is_pie, len(names), e, model) for e in ENDPOINTS}
    frames = []
    for r, name in enumerate(names):
        own = np.flatnonzero([r in batch for batch in batches])
        readings = _readings(rng, {key: values[r] for key, values in answers.items()}, own, repeats, missing)
        places = readings.pop("place").to_numpy()
        frames.append(
            readings.assign(
                reader=name,
                case=table["case"].to_numpy()[places],
                arm=is_pie[places].astype(int),
                pair=table["pair"].to_numpy()[places],
                batch=_batch_names(design, r, len(names)),
            )
        )
    study = pd.concat(frames, ignore_index=True)
    for endpoint in ENDPOINTS:
        study[endpoint.status] = np.where(study[endpoint.name].notna(), "answered", "missing")
    return study[RATED]


def _readings(
    rng: np.random.Generator, answers: dict[str, Floats], own: Integers, repeats: int, missing: float
) -> pd.DataFrame:
    """Return one reader's readings in order; `place` is the row of the case, `answers` hold all cases."""
    order = rng.permutation(own)
    again = rng.permutation(order)[: min(repeats, len(order))]
    places = np.concatenate([order, again]).astype(np.int64)
    presentation = np.repeat([1, 2], [len(order), len(again)])
    columns = {name: values[places] for name, values in answers.items()}
    _reread(rng, columns, presentation)
    _leave_out(rng, columns, missing)
    hard = np.nan_to_num(columns["difficulty"], nan=3.0)
    seconds = np.exp(rng.normal(3.1 + 0.12 * (hard - 3), 0.35, len(places)))
    return pd.DataFrame(
        {
            "place": places,
            "presentation": presentation,
            "position": np.arange(1, len(places) + 1),
            **columns,
            "time_s": np.round(seconds, 1),
        }
    )


def _cases(cases: int | pd.DataFrame) -> pd.DataFrame:
    if isinstance(cases, pd.DataFrame):
        table = cases.reset_index(drop=True)
        return table if "pair" in table.columns else table.assign(pair="")
    half = cases // 2
    if half < 2:
        raise StatsError(f"expected at least 4 cases, got {cases}")
    width = max(3, len(str(2 * half)))
    return pd.DataFrame(
        {
            "case": [f"C{k + 1:0{width}d}" for k in range(2 * half)],
            "arm": [k % 2 for k in range(2 * half)],
            "pair": [f"P{k // 2 + 1:0{width}d}" for k in range(2 * half)],
        }
    )


def _batches(design: Design, table: pd.DataFrame, n_readers: int) -> list[frozenset[int]]:
    """Say for each case which readers get it; members of a matched set stay together."""
    everyone = frozenset(range(n_readers))
    if design == "crossed":
        return [everyone] * len(table)
    keys = table["pair"].where(table["pair"] != "", table["case"])
    group, _ = pd.factorize(keys)
    if design == "nested":
        return [frozenset([int(g) % n_readers]) for g in group]
    blocks = [frozenset(r for r in everyone if r % 3 == b) for b in range(3)]
    return [everyone if int(g) % 10 == 9 else blocks[int(g) % 3] for g in group]


def _batch_names(design: Design, reader: int, n_readers: int) -> str:
    return {"crossed": "1", "nested": str(reader + 1), "blocks": str(reader % min(3, n_readers) + 1)}[design]


def _reread(rng: np.random.Generator, columns: dict[str, Floats], presentation: np.ndarray) -> None:
    """Let a third of the repeated answers move by one level: readers do not repeat themselves exactly."""
    again = presentation == 2
    for endpoint in ENDPOINTS:
        step = rng.choice([-1, 0, 0, 0, 0, 1], size=int(again.sum()))
        low, high = endpoint.levels[0], endpoint.levels[-1]
        columns[endpoint.name][again] = np.clip(columns[endpoint.name][again] + step, low, high)


def _leave_out(rng: np.random.Generator, columns: dict[str, Floats], share: float) -> None:
    for name, values in columns.items():
        columns[name] = np.where(rng.random(len(values)) < share, np.nan, values)
