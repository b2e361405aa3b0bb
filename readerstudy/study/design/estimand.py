"""What a study compares, and by which analysis: decided by its cases, proposed in words, checked before the lock.

All of it follows from the sizes of matched sets and from what the handover attests of them as a whole; nothing here is
about one case.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from readerstudy.cases.models import Case, CaseSet
from readerstudy.study.models import Study
from readerstudy.study.orders.order import Slot
from readerstudy.study.protocol import Protocol

LEAST = 3
"""Cases of either group, or matched sets, that a reader needs for a verdict: the calibration has none below."""

RULES = "on the protocol page, under Rules of the analysis"
UNMATCHED, SETS = "u_centred", "theta_set"


def method_of(study: Study, protocol: Protocol) -> str:
    """Return the primary method of a draft: the one that is named, or what its cases decide.

    Matched sets where the handover attests one case of interest in each and every case is in a set; else the unmatched
    comparison.
    """
    if protocol.primary_method != "by design":
        return protocol.primary_method
    loaded = CaseSet.objects.filter(study=study.key).first()
    groups = Case.objects.filter(study=study.key).values_list("separation_group", flat=True)
    matched = loaded is not None and loaded.one_each and min(Counter(groups).values(), default=0) > 1
    return SETS if matched else UNMATCHED


def with_estimand(study: Study, protocol: Protocol) -> Protocol:
    """Return the protocol; where cases are loaded and it does not say what is compared, with a proposal."""
    loaded = CaseSet.objects.filter(study=study.key).first()
    if protocol.estimand.strip() or loaded is None:
        return protocol
    return replace(protocol, estimand=_proposed(study, protocol, loaded))


def _proposed(study: Study, protocol: Protocol, loaded: CaseSet) -> str:
    """Say which quantity is compared, for which readers, of which images."""
    sets = method_of(study, protocol) == SETS
    other, images = (
        ("another image of its matched set", "matched sets") if sets else ("one for comparison", "images")
    )
    planned = "one planned" if protocol.planned_readers == 1 else f"{protocol.planned_readers} planned"
    found = "beyond what the sets were matched for" if sets else "as they are found"
    which = loaded.estimand or f"The images were chosen by hand: {found}."
    return (
        f"The chance that a reader gives an image of interest the higher answer than {other} (equal answers count "
        f"half): the mean over readers like the {planned}, each counted alike, and over {images} like those loaded. "
        f"{which}"
    )


def not_analysable(
    study: Study, protocol: Protocol, cases: Sequence[Slot], hands: Sequence[Sequence[str]]
) -> Iterator[str]:
    """Yield why the analysis cannot be carried out with the cases that readers are given.

    Parameters
    ----------
    cases: all cases of the study.
    hands: the cases of each planned reader.
    """
    if not protocol.estimand.strip():
        yield f"nothing says what is compared; save the estimand {RULES}: left blank it is proposed"
    method, group_of = method_of(study, protocol), {slot.case: slot.group for slot in cases}
    attested = CaseSet.objects.filter(study=study.key, one_each=True).exists()
    if method == "pairs":
        yield (
            "the analysis of pairs is that of studies locked before sets of any size could be analysed; choose matched "
            f"sets, {RULES}"
        )
    elif method == SETS and not attested:
        yield (
            "the primary method is that of matched sets, and the handover of these cases does not attest one case of "
            f"interest in each set; choose the unmatched comparison, {RULES}, or load a case set that is matched"
        )
    fewest = min((_least_of(hand, group_of, attested, method) for hand in hands), default=LEAST)
    if fewest < LEAST:
        yield (
            f"a reader would be given {fewest} {'matched sets' if method == SETS else 'cases of a group'} at most, and "
            f"a verdict needs {LEAST}; plan fewer readers or blocks, or load a larger case set in their place"
        )


def _least_of(hand: Sequence[str], group_of: dict[str, str], attested: bool, method: str) -> int:
    """Return the most matched sets, or cases of the smaller group, that a reader's cases can hold."""
    sizes = Counter(group_of[case] for case in hand)
    sets = sum(size > 1 for size in sizes.values())
    if method == SETS or (attested and sets == len(sizes)):
        return sets
    return len(hand) // 2
