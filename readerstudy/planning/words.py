"""What planning says in plain language: what a plan and its difference come to."""

import math
from dataclasses import dataclass

from analysis.endpoints import Endpoint
from analysis.stats.conclusions import in_units
from analysis.stats.planning import answer_shares
from analysis.stats.simulate import scale_of
from readerstudy.planning.power import Assumptions, Outlook


@dataclass(frozen=True)
class Level:
    """One answer, and in how many of 100 readings it is given: to images for comparison and to those of interest."""

    label: str
    comparison: float
    interest: float


@dataclass(frozen=True)
class Reading:
    """What a difference comes to in answers: a sentence, and every answer's share in per cent."""

    sentence: str
    levels: tuple[Level, ...]


def result_in_words(found: Outlook, assumed: Assumptions) -> str:
    """Say what the power of a plan means, or that only a simulation tells it."""
    power = found.power
    if power is None:
        return (
            "For this plan only a simulation tells the power: tick “Simulate this plan too”, compute again."
        )
    found_by = round(100 * power)
    enough = "as much as" if power >= assumed.wanted else "less than"
    shown = (
        f"If the difference is of this size, about {found_by} of 100 such studies show {assumed.endpoint.aim} with a "
        f"margin of {in_units(assumed.endpoint, assumed.endpoint.margin)}"
        if assumed.endpoint.margin
        else f"If there is a difference of this size, about {found_by} of 100 such studies find it"
    )
    return (
        f"{shown} (p below {assumed.level:g}) and {100 - found_by} miss it. That is {enough} the power of "
        f"{assumed.wanted:g} you asked for."
    )


def effect_in_answers(assumed: Assumptions, theta: float, *, sets: bool = False) -> Reading:
    """Say what a difference on the latent scale comes to in answers, by the same model.

    Parameters
    ----------
    theta: the chance that a reader gives an image of interest the higher answer than one for comparison.
    """
    endpoint = assumed.endpoint
    comparison, interest = (100 * each for each in answer_shares(assumed.model, endpoint))
    labels = [word or f"{value:g}" for value, word in endpoint.levels] or _steps(endpoint)
    levels = tuple(map(Level, labels, comparison.tolist(), interest.tolist()))
    top = levels[-max(1, round(0.4 * len(levels))) :]
    before, after = (sum(getattr(each, name) for each in top) for name in ("comparison", "interest"))
    few = endpoint.kind != "number"
    named = " or ".join(f"\u201c{each.label}\u201d" for each in top) if few else f"{top[0].label} or more"
    pair = f"one of each{' of a matched set' if sets else ''}"
    sentence = (
        f"Of 100 answers to images for comparison {before:.0f} are {named}, of 100 to images of interest {after:.0f}. "
        f"Of 100 pairs of {pair}, seen by the same reader, the one of interest gets the higher answer in "
        f"{100 * theta:.0f} (equal answers count half)."
    )
    return Reading(sentence, levels)


def several_in_words(assumed: Assumptions) -> str:
    """Say what accounting for several declared endpoints means for the power of the one that is planned for."""
    number = len(assumed.tested)
    if number < 2 or assumed.multiplicity == "none":
        return f"The endpoint is planned for alone, at {assumed.alpha:g}."
    if assumed.multiplicity == "fixed sequence":
        return (
            f"{number} endpoints are tested in a fixed sequence, each at {assumed.alpha:g}, and the first without a "
            "verdict ends it: the power here is that of the first, and a later one has at most the power of those "
            "before it."
        )
    return (
        f"{number} endpoints are tested by Holm's rule, so that the chance of any false finding among them is "
        f"{assumed.alpha:g} at most. Its strictest step, which is also Bonferroni's, is {assumed.alpha:g} / {number} = "
        f"{assumed.level:.4f}; a plan for it holds whichever endpoint comes first."
    )


def smallest_in_words(found: Outlook, wanted: float) -> str:
    """Name the smallest of the designs whose curves there are, by the readings of all readers."""
    if found.smallest is None:
        return f"None of these numbers of readers reaches a power of {wanted:g} with up to 400 cases."
    readers, cases = found.smallest
    return (
        f"The fewest readings with a power of {wanted:g}: {readers} readers with {cases} cases each, "
        f"{readers * cases} readings."
    )


def spread_in_words(assumed: Assumptions) -> str:
    """Say how large one unit of the latent scale is beside the variances assumed."""
    spread = math.sqrt(assumed.case + assumed.rest)
    return (
        f"With these variances one reader's hidden values for images of a kind have a standard deviation of "
        f"{spread:.2f}; the difference of {assumed.effect:g} is {assumed.effect / spread:.2f} of it."
    )


def _steps(endpoint: Endpoint) -> list[str]:
    """Write the steps in which a number is counted here."""
    return [f"{value:g}{f' {endpoint.unit}' if endpoint.unit else ''}" for value in scale_of(endpoint)[1]]
