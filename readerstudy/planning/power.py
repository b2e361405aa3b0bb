"""What the planning page and command show: curves, the plan's own power, and the smallest designs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from analysis.endpoints import PAPER, Endpoint
from analysis.figures.power import Planned, draw_power
from analysis.figures.theme import ThemeName, render
from analysis.stats import planning
from analysis.stats.simulate import Latent

CASES = tuple(range(10, 401, 10))
READERS = (3, 4, 6, 8, 12, 20)
SEED = 20230814
SECONDS = 8.0
"""How long a page may simulate; the command may take longer."""


@dataclass(frozen=True)
class Assumptions:
    """What planning assumes: the endpoint, its difference on the latent scale, and the variances there."""

    endpoint: Endpoint = PAPER[1]
    effect: float = 0.5
    reader: float = 0.25
    case: float = 0.5
    rest: float = 0.5
    reader_by_arm: float = 0.044
    alpha: float = 0.05
    wanted: float = 0.8

    @property
    def model(self) -> Latent:
        """The latent model."""
        return Latent(
            effect={self.endpoint.name: self.effect}, reader=self.reader, case=self.case, rest=self.rest,
            reader_by_arm=self.reader_by_arm,
        )  # fmt: skip


@dataclass(frozen=True)
class Outlook:
    """The power of a plan, its theta, its curves (readers to power at CASES), and the fewest cases for `wanted`."""

    plan: planning.Plan
    theta: float
    own: planning.Power | None
    curves: Mapping[int, Sequence[float]]
    fewest: Sequence[tuple[int, int | None]]
    simulated: planning.Simulated | None = None


def outlook(plan: planning.Plan, assumed: Assumptions) -> Outlook:
    """Compute by formula; with overlapping blocks, matched sets or a margin only a simulation answers.

    The curves of matched sets are simulated, as if fully crossed; with a margin unmatched cases have none.

    Raises
    ------
    StatsError: a plan that nobody can read, or variances that add up to nothing.
    """
    plan.check()
    endpoint, steps = assumed.endpoint, plan.ratio + 1
    shares, model = plan.design != "own cases", planning.within_sets(assumed.model, plan)
    pilots = {
        n: planning.latent_pilot(model, endpoint, cases=n, shares_cases=shares) for n in {*CASES, plan.cases}
    }
    theta = pilots[plan.cases][1]

    def of(readers: int, cases: int) -> planning.Power:
        pilot, here = pilots[cases]
        return planning.power(pilot, readers=readers, cases=cases, delta=here - 0.5, alpha=assumed.alpha)

    counts = sorted({*READERS, plan.readers})
    if plan.ratio:
        at = {n: replace(plan, readers=n, design="fully crossed") for n in counts}
        curves = {
            n: planning.simulated_curve(each, assumed.model, endpoint, CASES, seed=SEED, alpha=assumed.alpha)
            for n, each in at.items()
        }
    else:
        curves = {} if endpoint.margin else {n: [of(n, cases).power for cases in CASES] for n in counts}
    fewest = [
        (
            n,
            next(
                (-(-c // steps) * steps for c, p in zip(CASES, values, strict=True) if p >= assumed.wanted),
                None,
            ),
        )
        for n, values in curves.items()
    ]
    by_formula = plan.design != "overlapping blocks" and not plan.ratio and not endpoint.margin
    return Outlook(plan, theta, of(plan.readers, plan.cases) if by_formula else None, curves, fewest)


def with_simulation(
    found: Outlook,
    assumed: Assumptions,
    *,
    studies: int = 400,
    seconds: float = SECONDS,
    progress: Callable[[int, int], None] | None = None,
) -> Outlook:
    """Add the power by simulation, within a bounded time."""
    drawn = planning.simulated_power(
        found.plan, assumed.model, assumed.endpoint, seed=SEED, studies=studies, alpha=assumed.alpha, seconds=seconds,
        progress=progress,
    )  # fmt: skip
    return replace(found, simulated=drawn)


def picture(found: Outlook, wanted: float, *, theme: ThemeName = "dark", kind: str = "svg") -> bytes:
    """Draw the curves."""
    simulated = found.simulated
    height = found.own.power if found.own else (simulated.primary if simulated else None)
    planned = None
    if height is not None:
        planned = Planned(
            found.plan.readers, found.plan.cases, height,
            simulated.primary if simulated else None, simulated.error if simulated else 0.0,
        )  # fmt: skip
    return render(draw_power(CASES, found.curves, planned, wanted=wanted, theme=theme), kind)
