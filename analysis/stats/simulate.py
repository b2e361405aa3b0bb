"""Simulated readers: tidy ratings from the latent-variable model used to calibrate the statistics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import ndtr

from analysis.endpoints import PAPER, Endpoint
from analysis.frames import rated
from analysis.stats.grid import Bools, Floats, Integers
from analysis.stats.rows import StatsError

_CUTS = {2: (-0.9,), 5: (-1.2, -0.4, 0.3, 1.1)}
"""Number of levels to where the latent value is cut into them; other scales get levels that come equally often."""

_SPREAD = 1.1
_STEPS = 21
"""Steps into which the range of a number is cut."""

MODERATE = 0.6
"""Latent effect of a simulated study towards the unfavourable end."""

Design = Literal["crossed", "nested", "blocks"]


@dataclass(frozen=True)
class Latent:
    """Latent model z = R + RA (a - 1/2) + mu a + C + E, cut into the answers (statistics.md, calibration).

    `effect` is mu by question, in latent standard deviations of the rest term's scale, 0 for those not named; the
    others are variances.
    """

    effect: Mapping[str, float] = field(default_factory=dict)
    reader: float = 0.25
    case: float = 0.5
    rest: float = 0.5
    reader_by_arm: float = 0.044


def scale_of(endpoint: Endpoint) -> tuple[Floats, Floats]:
    """Return where the latent value is cut, and the answers between the cuts, from low to high."""
    answers = np.array(endpoint.values, dtype=float)
    if endpoint.kind == "number":
        low = endpoint.low if endpoint.low is not None else (endpoint.high or _STEPS - 1.0) - (_STEPS - 1)
        high = endpoint.high if endpoint.high is not None else low + _STEPS - 1
        answers = np.linspace(low, high, _STEPS)
    n = len(answers)
    cuts = _CUTS.get(n) or _SPREAD * stats.norm.ppf(np.arange(1, n) / n)
    return np.asarray(cuts, dtype=float), answers


def level_shares(cuts: Floats, center: Floats, scale: float) -> Floats:
    """Return how often each answer is given, ... x levels, where latent values are normal around centers."""
    below = ndtr((cuts - center[..., None]) / scale)
    return np.asarray(np.diff(below, axis=-1, prepend=0.0, append=1.0), dtype=float)


def simulate_answers(
    rng: np.random.Generator,
    is_pie: Bools,
    n_readers: int,
    endpoint: Endpoint,
    model: Latent,
    *,
    studies: int = 1,
    set_size: int = 0,
    shared: float = 0.0,
) -> Floats:
    """Draw one question's answers of every reader to every case: studies x readers x cases, levels of the question.

    Each `set_size` cases in a row are a matched set, whose members share the part `shared` of a case's variance.
    """
    arm = is_pie.astype(float)
    z = (
        rng.normal(0.0, model.reader**0.5, (studies, n_readers, 1))
        + rng.normal(0.0, model.reader_by_arm**0.5, (studies, n_readers, 1)) * (arm - 0.5)
        + model.effect.get(endpoint.name, 0.0) * arm
        + rng.normal(0.0, (model.case * (1 - shared)) ** 0.5, (studies, 1, len(arm)))
        + rng.normal(0.0, model.rest**0.5, (studies, n_readers, len(arm)))
    )
    if set_size:
        common = rng.normal(0.0, (model.case * shared) ** 0.5, (studies, 1, len(arm) // set_size))
        z += np.repeat(common, set_size, axis=2)
    cuts, answers = scale_of(endpoint)
    return np.asarray(answers[np.digitize(z, cuts)], dtype=float)


def simulate_study(
    *,
    seed: int,
    readers: int | Sequence[str] = 6,
    cases: int | pd.DataFrame = 40,
    design: Design = "crossed",
    model: Latent | None = None,
    repeats: int = 0,
    missing: float = 0.0,
    endpoints: Sequence[Endpoint] = PAPER,
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
    endpoints: the questions.

    Returns
    -------
    DataFrame: columns of `frames.ratings_table`, sorted by reader and position.
    """
    if not 0 <= missing < 1 or repeats < 0:
        raise StatsError(f"expected missing in [0, 1) and repeats >= 0, got {missing} and {repeats}")
    rng = np.random.default_rng(seed)
    names = [f"R{k + 1}" for k in range(readers)] if isinstance(readers, int) else list(readers)
    table = _cases(cases * (len(names) if design == "nested" else 1) if isinstance(cases, int) else cases)
    towards = {"low": -MODERATE, "high": MODERATE}
    model = model or Latent(effect={each.name: towards[each.worse] for each in endpoints})
    is_pie = (table["arm"].to_numpy(dtype=float) == 1).astype(bool)
    batches = _batches(design, table, len(names))
    answers = {e.name: simulate_answers(rng, is_pie, len(names), e, model)[0] for e in endpoints}
    frames = []
    for r, name in enumerate(names):
        own = np.flatnonzero([r in batch for batch in batches])
        given = {key: values[r] for key, values in answers.items()}
        readings = _readings(rng, endpoints, given, own, repeats, missing)
        places = readings.pop("place").to_numpy()
        frames.append(
            readings.assign(
                reader=name,
                case=table["case"].to_numpy()[places],
                arm=is_pie[places].astype(int),
                pair=table["pair"].to_numpy()[places],
                batch=str({"crossed": 1, "nested": r + 1, "blocks": r % min(3, len(names)) + 1}[design]),
            )
        )
    study = pd.concat(frames, ignore_index=True)
    for endpoint in endpoints:
        study[endpoint.status] = np.where(study[endpoint.name].notna(), "answered", "missing")
    return study[rated(endpoints)]


def _readings(
    rng: np.random.Generator,
    endpoints: Sequence[Endpoint],
    answers: dict[str, Floats],
    own: Integers,
    repeats: int,
    missing: float,
) -> pd.DataFrame:
    """Return one reader's readings in order; `place` is the row of the case, `answers` hold all cases."""
    order = rng.permutation(own)
    again = rng.permutation(order)[: min(repeats, len(order))]
    places = np.concatenate([order, again]).astype(np.int64)
    presentation = np.repeat([1, 2], [len(order), len(again)])
    columns = {name: values[places] for name, values in answers.items()}
    _reread(rng, endpoints, columns, presentation)
    columns = {name: np.where(rng.random(len(places)) < missing, np.nan, columns[name]) for name in columns}
    seconds = np.exp(rng.normal(3.1 + 0.12 * _hardship(endpoints, columns, len(places)), 0.35, len(places)))
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


def _hardship(endpoints: Sequence[Endpoint], columns: dict[str, Floats], n: int) -> Floats:
    """Return how far answers lie above the middle of the first question whose high end is worse: these take longer."""
    for endpoint in endpoints:
        if endpoint.worse == "high":
            middle = float(np.mean(scale_of(endpoint)[1][[0, -1]]))
            return np.nan_to_num(columns[endpoint.name], nan=middle) - middle
    return np.zeros(n)


def _reread(
    rng: np.random.Generator,
    endpoints: Sequence[Endpoint],
    columns: dict[str, Floats],
    presentation: np.ndarray,
) -> None:
    """Let a third of the repeated answers move by one level: readers do not repeat themselves exactly."""
    again = presentation == 2
    for endpoint in endpoints:
        step = rng.choice([-1, 0, 0, 0, 0, 1], size=int(again.sum()))
        answers = scale_of(endpoint)[1]
        place = np.searchsorted(answers, columns[endpoint.name][again])
        columns[endpoint.name][again] = answers[np.clip(place + step, 0, len(answers) - 1)]
