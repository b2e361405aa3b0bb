"""What planning says in plain language: each option explained, and what a plan and its difference come to.

The page and `plan_study --help` share these words.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from analysis.endpoints import Endpoint
from analysis.stats.conclusions import in_units
from analysis.stats.planning import answer_shares
from analysis.stats.simulate import scale_of
from readerstudy.planning.power import Assumptions, Outlook
from readerstudy.study.protocol import Protocol

EXPLAINED: Mapping[str, str] = {
    "design": "Who reads what: every reader all cases, every reader different cases, or groups of readers one "
    "block each, with some cases read by all.",
    "readers": "Number of readers. A few more readers help more than many more cases.",
    "cases": "Images that one reader reads, half of them of interest and half for comparison.",
    "blocks": "Into how many groups readers and cases are dealt; overlapping blocks only.",
    "anchors": "Cases that all groups read; overlapping blocks only.",
    "ratio": "Images for comparison that are matched to each image of interest. 0: images are not matched.",
    "correlation": "How alike the members of a matched set are: the part of the variance of cases that they share, "
    "from 0 to 1. Matching on what hardly matters to readers gives little.",
    "aim": "What is to be shown: superiority (a difference), non-inferiority or equivalence within a margin.",
    "margin": "The margin, in points, in the unit of a number, or for yes or no as a share from 0 to 1.",
    "endpoint": "The question whose difference is planned for. The others have the power of their own difference.",
    "effect": "How far the images of interest lie from those for comparison on the hidden scale that answers are "
    "cut from; above 0: higher answers. One unit is about how widely one reader's answers to images of a kind spread. "
    "What it comes to in answers is told with the result.",
    "alpha": "The chance you accept, two-sided, of finding a difference where there is none.",
    "tested": "How many endpoints are tested by Holm's rule. The plan is for its strictest step, the level divided by "
    "their number, and holds whichever endpoint comes first.",
    "wanted": "The chance you want of finding the difference if it is there. 0.8 finds it in four studies of five.",
    "reader": "How differently readers use the scale, as a variance on it. 0.25: two readers in three lie within half "
    "a unit of the average reader.",
    "case": "How much images of one kind differ from each other, for all readers alike. 0: not at all.",
    "rest": "What is new in each single reading: the same reader on the same image another day.",
    "reader_by_arm": "How much the difference itself varies from reader to reader. 0: all see it alike.",
    "simulate": "Draws whole studies, analyses each as the real one and counts how often the difference is found.",
}
"""Name of an option to what it means."""


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
    drawn = found.simulated
    power = drawn.primary if drawn else found.own.power if found.own else None
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
        f"{shown} (p below {assumed.alpha:g}) and {100 - found_by} miss it. That is {enough} the power of "
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


def alpha_in_words(protocol: Protocol) -> str:
    """Explain the level that the form begins with, from the protocol's endpoints and rule."""
    number = len(protocol.endpoints)
    if protocol.multiplicity == "fixed sequence" and number > 1:
        return (
            f"{EXPLAINED['alpha']} The protocol tests {number} endpoints in a fixed sequence, each at "
            f"{protocol.alpha:g}, and stops at the first without a verdict: the power here is that of the first, and a "
            "later one has at most the power of those before it."
        )
    if protocol.multiplicity != "holm" or number < 2:
        return f"{EXPLAINED['alpha']} The protocol tests at {protocol.alpha:g}."
    return (
        f"{EXPLAINED['alpha']} The protocol tests {number} endpoints by Holm's rule, so that the chance of any false "
        f"finding among them is {protocol.alpha:g} at most. Its strictest step, which is also Bonferroni's, is "
        f"{protocol.alpha:g} / {number} = {protocol.alpha / number:.4f}; a plan for it holds whichever endpoint comes "
        f"first. With one endpoint alone it would be {protocol.alpha:g}."
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
