"""What the planning page and command show: curves, the plan's own power, the smallest designs, all of it in words."""

import math
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from analysis.endpoints import PAPER, Endpoint
from analysis.figures.power import Planned, draw_power, draw_sensitivity
from analysis.figures.theme import ThemeName
from analysis.metrics.multiplicity import fixed_sequence, holm
from analysis.stats import planning
from analysis.stats.candidates import chosen, difference
from analysis.stats.conclusions import in_units
from analysis.stats.grid import Floats
from analysis.stats.simulate import Latent, scale_of

OPTIONS: dict[str, dict[str, Any]] = tomllib.loads(
    (Path(__file__).parent / "options.toml").read_text("utf-8")
)
"""Name of a choice to its label, meaning, range and usual value; page and command are made from them."""
WORDS: dict[str, str] = tomllib.loads((Path(__file__).parent / "words.toml").read_text("utf-8"))
"""What page and command say of a plan."""
CASES = tuple(range(10, 401, 10))
READERS = (3, 4, 6, 8, 12, 20)
SEED = 20230814
SECONDS = 8.0
"""How long a page may simulate; the command may take longer."""
BATCH, FEW = 20, 200
"""Studies that are drawn together, and those behind a number that only a simulation tells."""
VARIED = ("effect", "reader", "case", "rest", "reader_by_arm")
"""What a plan assumes and is drawn at half and at twice its value."""


@dataclass(frozen=True)
class Assumptions:
    """What planning assumes: the endpoint, its difference on the latent scale, and the variances there.

    `tested` are all declared endpoints, in their order, each with the same difference; `alpha` is the level of them
    all, `multiplicity` how they are accounted for. None declared: the endpoint stands alone.
    """

    endpoint: Endpoint = PAPER[1]
    effect: float = 0.5
    reader: float = 0.25
    case: float = 0.5
    rest: float = 0.5
    reader_by_arm: float = 0.044
    alpha: float = 0.05
    wanted: float = 0.8
    multiplicity: str = "none"
    tested: tuple[Endpoint, ...] = ()

    @property
    def model(self) -> Latent:
        """The latent model."""
        return Latent(
            effect={each.name: self.effect for each in (self.endpoint, *self.tested)}, reader=self.reader,
            case=self.case, rest=self.rest, reader_by_arm=self.reader_by_arm,
        )  # fmt: skip

    @property
    def level(self) -> float:
        """The level of the one endpoint: by Holm's rule that of its strictest step."""
        return self.alpha / max(1, len(self.tested)) if self.multiplicity == "holm" else self.alpha


@dataclass(frozen=True)
class Together:
    """Power of one of several endpoints: alone, and accounted for with the others.

    `apart`: as if the answers to one endpoint told nothing of those to another; `alike`: as if the same chance were
    behind all. A study lies between the two.
    """

    endpoint: Endpoint
    alone: float
    apart: float
    alike: float


@dataclass(frozen=True)
class Outlook:
    """The power of a plan, its theta, its curves (readers to power at CASES), and the fewest cases for `wanted`.

    `varied` has the power at half and at twice each of VARIED; `together` each declared endpoint, where simulated.
    """

    plan: planning.Plan
    theta: float
    own: planning.Power | None
    curves: Mapping[int, Sequence[float]]
    fewest: Sequence[tuple[int, int | None]]
    varied: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    simulated: planning.Simulated | None = None
    together: Sequence[Together] = ()

    @property
    def power(self) -> float | None:
        """The power of the plan, of the simulation where there is one."""
        return self.simulated.primary if self.simulated else self.own.power if self.own else None

    @property
    def smallest(self) -> tuple[int, int] | None:
        """The readers and cases of one reader that reach the power with the fewest readings."""
        enough = [(n, cases) for n, cases in self.fewest if cases]
        return min(enough, key=lambda each: each[0] * each[1]) if enough else None


def outlook(plan: planning.Plan, assumed: Assumptions) -> Outlook:
    """Compute by formula; with overlapping blocks, matched sets or a margin only a simulation answers.

    The curves of matched sets are simulated, as if fully crossed; with a margin unmatched cases have none.

    Raises
    ------
    StatsError: a plan that nobody can read, or variances that add up to nothing.
    """
    plan.check()
    counts, steps = sorted({*READERS, plan.readers}), plan.ratio + 1
    curves: dict[int, list[float]] = {}
    if plan.ratio:
        for n in counts:
            each = replace(plan, readers=n, design="fully crossed")
            curves[n] = planning.simulated_curve(
                each, assumed.model, assumed.endpoint, CASES, seed=SEED, alpha=assumed.level
            )
    elif not assumed.endpoint.margin:
        pilots = {cases: _pilot(replace(plan, cases=cases), assumed) for cases in CASES}
        curves = {n: [_formula(pilots[c], n, c, assumed).power for c in CASES] for n in counts}
    fewest = []
    for n, values in curves.items():
        enough = [c for c, p in zip(CASES, values, strict=True) if p >= assumed.wanted]
        fewest.append((n, -(-enough[0] // steps) * steps if enough else None))
    pilot = _pilot(plan, assumed)
    if not _answers(plan, assumed):
        return Outlook(plan, pilot[1], None, curves, fewest)
    own = _formula(pilot, plan.readers, plan.cases, assumed)
    return Outlook(plan, pilot[1], own, curves, fewest, _varied(plan, assumed))


def _answers(plan: planning.Plan, assumed: Assumptions) -> bool:
    """Say whether the formula gives the power of a plan."""
    return plan.design != "overlapping blocks" and not plan.ratio and not assumed.endpoint.margin


def _pilot(plan: planning.Plan, assumed: Assumptions) -> tuple[planning.Pilot, float]:
    model = planning.within_sets(assumed.model, plan)
    shares = plan.design != "own cases"
    return planning.latent_pilot(model, assumed.endpoint, cases=plan.cases, shares_cases=shares)


def _formula(
    pilot: tuple[planning.Pilot, float], readers: int, cases: int, assumed: Assumptions
) -> planning.Power:
    return planning.power(pilot[0], readers=readers, cases=cases, delta=pilot[1] - 0.5, alpha=assumed.level)


def _varied(plan: planning.Plan, assumed: Assumptions) -> dict[str, tuple[float, float]]:
    """Return the power at half and at twice each assumption: by formula, else from few drawn studies."""

    def at(name: str, times: float) -> float:
        other = replace(assumed, **{name: times * getattr(assumed, name)})
        if _answers(plan, other):
            return _formula(_pilot(plan, other), plan.readers, plan.cases, other).power
        return _simulated(plan, other, studies=FEW, seconds=SECONDS / 10).primary

    return {name: (at(name, 0.5), at(name, 2.0)) for name in VARIED if getattr(assumed, name)}


def _simulated(plan: planning.Plan, assumed: Assumptions, **bounds: Any) -> planning.Simulated:
    return planning.simulated_power(
        plan, assumed.model, assumed.endpoint, seed=SEED, alpha=assumed.level, **bounds
    )


def with_simulation(
    found: Outlook,
    assumed: Assumptions,
    *,
    studies: int = 400,
    seconds: float = SECONDS,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Outlook:
    """Add the power by simulation within a bounded time, of the one endpoint and of all that are declared."""
    drawn = _simulated(found.plan, assumed, studies=studies, seconds=seconds, progress=progress)
    several = len(assumed.tested) > 1 and assumed.multiplicity != "none"
    together = _together(found.plan, assumed, studies, seconds) if several else ()
    varied = found.varied or _varied(found.plan, assumed)
    return replace(found, simulated=drawn, together=together, varied=varied)


def _together(plan: planning.Plan, assumed: Assumptions, studies: int, seconds: float) -> list[Together]:
    """Count in drawn studies how often each declared endpoint is decided."""
    adjust = holm if assumed.multiplicity == "holm" else fixed_sequence
    until, done = time.monotonic() + seconds, 0
    seeds = np.random.SeedSequence(SEED).spawn(len(assumed.tested))
    apart = [np.random.default_rng(seed) for seed in seeds]
    alike = [np.random.default_rng(seeds[0]) for _ in seeds]
    counts = np.zeros((3, len(seeds)))
    while done < studies and (not done or time.monotonic() < until):
        for row, streams in ((1, apart), (2, alike)):
            pairs = zip(streams, assumed.tested, strict=True)
            p = np.array([_p_values(rng, plan, assumed, endpoint) for rng, endpoint in pairs])
            adjusted = np.array([adjust(each) for each in p.T.tolist()], dtype=float)
            counts[row] += (adjusted <= assumed.alpha).sum(axis=0)
            counts[0] += (p <= assumed.alpha).sum(axis=1) / 2
        done += BATCH
    return [
        Together(each, *shares)
        for each, shares in zip(assumed.tested, (counts / done).T.tolist(), strict=True)
    ]


def _p_values(
    rng: np.random.Generator, plan: planning.Plan, assumed: Assumptions, endpoint: Endpoint
) -> Floats:
    drawn = planning.draw_studies(rng, plan, assumed.model, endpoint, BATCH)
    return difference(drawn).within(endpoint, drawn) if endpoint.margin else chosen(drawn).p_values()


def pictures(found: Outlook, wanted: float, *, theme: ThemeName = "dark") -> dict[str, Figure]:
    """Draw the curves, and what half and twice of each assumption do, as far as there are any."""
    simulated, drawn = found.simulated, {}
    if found.curves:
        planned = found.power and Planned(
            found.plan.readers, found.plan.cases, found.own.power if found.own else found.power,
            simulated.primary if simulated else None, simulated.error if simulated else 0.0,
        )  # fmt: skip
        drawn["power"] = draw_power(CASES, found.curves, planned or None, wanted=wanted, theme=theme)
    if found.varied:
        named = {OPTIONS[name]["label"]: ends for name, ends in found.varied.items()}
        drawn["sensitivity"] = draw_sensitivity(named, found.power, wanted=wanted, theme=theme)
    return drawn


def result_in_words(found: Outlook, assumed: Assumptions) -> str:
    """Say what the power of a plan means, or that only a simulation tells it."""
    power, endpoint = found.power, assumed.endpoint
    if power is None:
        return WORDS["unknown"]
    times, enough = round(100 * power), "as much as" if power >= assumed.wanted else "less than"
    size = in_units(endpoint, endpoint.margin)
    shown = WORDS["margin" if endpoint.margin else "difference"].format(
        times=times, aim=endpoint.aim, size=size
    )
    return shown + WORDS["result"].format(
        level=assumed.level, missed=100 - times, enough=enough, wanted=assumed.wanted
    )


def effect_in_answers(
    assumed: Assumptions, theta: float, *, sets: bool = False
) -> tuple[str, list[tuple[str, float, float]]]:
    """Say what a difference on the latent scale comes to in answers, by the same model.

    Parameters
    ----------
    theta: the chance that a reader gives an image of interest the higher answer than one for comparison.

    Returns
    -------
    A sentence, and every answer with its share in per cent: of images for comparison and of those of interest.
    """
    endpoint = assumed.endpoint
    comparison, interest = (100 * each for each in planning.answer_shares(assumed.model, endpoint))
    labels = [word or f"{value:g}" for value, word in endpoint.levels] or _steps(endpoint)
    levels = list(zip(labels, comparison.tolist(), interest.tolist(), strict=True))
    top, *shares = zip(*levels[-max(1, round(0.4 * len(levels))) :], strict=True)
    before, after = map(sum, shares)
    few = endpoint.kind != "number"
    named = " or ".join(f"\u201c{label}\u201d" for label in top) if few else f"{top[0]} or more"
    pair = f"one of each{' of a matched set' if sets else ''}"
    sentence = WORDS["effect"].format(before=before, after=after, named=named, pair=pair, won=100 * theta)
    return sentence, levels


def several_in_words(assumed: Assumptions) -> str:
    """Say what accounting for several declared endpoints means for the power of the one that is planned for."""
    number = len(assumed.tested)
    rule = "none" if number < 2 else assumed.multiplicity
    return WORDS[rule].format(number=number, alpha=assumed.alpha, level=assumed.level)


def smallest_in_words(found: Outlook, wanted: float) -> str:
    """Name the smallest of the designs whose curves there are, by the readings of all readers."""
    if found.smallest is None:
        return WORDS["none_reaches"].format(wanted=wanted)
    readers, cases = found.smallest
    return WORDS["fewest"].format(wanted=wanted, readers=readers, cases=cases, readings=readers * cases)


def spread_in_words(assumed: Assumptions) -> str:
    """Say how large one unit of the latent scale is beside the variances assumed."""
    spread = math.sqrt(assumed.case + assumed.rest)
    return WORDS["spread"].format(spread=spread, effect=assumed.effect, share=assumed.effect / spread)


def _steps(endpoint: Endpoint) -> list[str]:
    """Write the steps in which a number is counted here."""
    return [f"{value:g}{f' {endpoint.unit}' if endpoint.unit else ''}" for value in scale_of(endpoint)[1]]
