"""What prevents a lock: a protocol that the loaded cases cannot carry out.

A lock cannot be taken back, so that what a reader's enrolment would refuse must be found before it.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace

from django.db.models import Q

from readerstudy.cases.models import Case, CaseSet
from readerstudy.cases.selectors import roles_of
from readerstudy.study.design.estimand import not_analysable
from readerstudy.study.design.signoff import waiting_for_sign_off
from readerstudy.study.design.terms import without_terms
from readerstudy.study.models import Allotment, Study
from readerstudy.study.orders.drawing import new_seed, slots_of
from readerstudy.study.orders.order import OrderError, Slot, allot, places_for_repeats
from readerstudy.study.protocol import Protocol

DEALS = 3
"""Seeds by which cases are dealt on trial: readers' shares of matched sets of several sizes differ by the seed."""

DESIGN = "on the protocol page, under Design and repeats"


def hindrances_of(study: Study) -> list[tuple[str, str]]:
    """Say everything that keeps a draft from its lock, each with the name of the page on which to fix it."""
    opened = Study.objects.filter(sealed_sha256=study.sealed_sha256, unblinded_at__isnull=False)
    found = []
    if not study.sealed_sha256:
        found.append(("no cases are loaded; load a case set first", "ops:load"))
    elif opened.exists():
        found.append(("the key of these cases is open; load a set whose key is sealed", "ops:load"))
    found += [(each, "study:protocol") for each in obstacles_of(study)]
    if missing := without_terms(study):
        found.append((f"{' and '.join(missing).lower()} have no terms of use; write them", "study:terms"))
    return found + [(each, "study:images") for each in waiting_for_sign_off(study)]


def obstacles_of(study: Study) -> list[str]:
    """Say what of a draft's protocol cannot be carried out with its cases, and what to change; nothing is stored."""
    protocol = Protocol.from_json(study.protocol)
    found = [*_nothing_asked(protocol), *_not_there(study, protocol), *_other_window(study, protocol)]
    found += [*_other_layout(study, protocol), *other_practice(study)]
    cases = slots_of(list(Case.objects.filter(study=study.key)))
    if cases:
        found += _of_orders(study, protocol, cases)
    return found


def _nothing_asked(protocol: Protocol) -> Iterator[str]:
    if not protocol.endpoints:
        missing = (
            "none of the questions is analysed as an endpoint"
            if protocol.questions
            else "no question is asked"
        )
        yield f"{missing}; add or edit one on the protocol page, under Questions"


def _not_there(study: Study, protocol: Protocol) -> Iterator[str]:
    """Yield each shown field that cases lack: readers would not see what the protocol says that they see."""
    for what, key in (("cases", study.key), ("practice cases", study.practice_key)):
        rows = Case.objects.filter(Q(study=key))
        total = rows.count()
        for name in protocol.shown:
            without = rows.filter(Q(age=None) if name == "age" else Q(**{name: ""})).count()
            if without:
                yield (
                    f"readers are to see '{name}' beside the labels, and {without} of {total} {what} have none; "
                    "take it out on the protocol page, under Reading room, or load in their place a case set that was "
                    f"written with --show {name}"
                )


def _other_window(study: Study, protocol: Protocol) -> Iterator[str]:
    loaded = CaseSet.objects.filter(Q(study=study.key) | Q(study=study.practice_key))
    for rule in loaded.exclude(window_rule=protocol.window_rule).values_list("window_rule", flat=True)[:1]:
        yield (
            f"cases are loaded with the first window '{rule}', and the protocol says '{protocol.window_rule}'; "
            "load them again, in place of those that are loaded"
        )


def _other_layout(study: Study, protocol: Protocol) -> Iterator[str]:
    roles = roles_of(study.key)
    if protocol.layout and len(roles) == 1:
        yield (
            "the protocol says how several images of a case are laid out, and each case has one; open Reading room on "
            "the protocol page and save it again, or load a case set with several images to a case"
        )
    if not protocol.layout and len(roles) > 1:
        yield (
            f"each case has {len(roles)} images ({', '.join(roles)}), and the protocol does not say how they are laid "
            "out; choose it on the protocol page, under Reading room"
        )


def other_practice(study: Study) -> Iterator[str]:
    """Say where practice cases have other images than the cases: readers would practise another task."""
    own, practised = roles_of(study.key), roles_of(study.practice_key) if study.practice_key else []
    if own and practised and own != practised:
        first, other = (" + ".join(filter(None, roles)) or "one image" for roles in (own, practised))
        yield (
            f"expected practice cases with the images of the study's cases ({first}), got {other}; load practice "
            "cases with the same number and roles of images"
        )


def _of_orders(study: Study, protocol: Protocol, cases: Sequence[Slot]) -> list[str]:
    hands: list[list[str]] = []
    for _ in range(DEALS):
        try:
            hands += _hands(study, protocol, cases)
        except OrderError as error:
            return [f"the cases cannot be given to readers as planned: {error}; this is set {DESIGN}"]
    return [*_of_repeats(protocol, hands), *not_analysable(study, protocol, cases, hands)]


def _of_repeats(protocol: Protocol, hands: Sequence[Sequence[str]]) -> list[str]:
    for own in sorted({len(hand) for hand in hands}):
        repeats = protocol.repeats_of(own)
        if protocol.repeat_fraction > 0 and not repeats:
            return [_none(protocol, own)]
        if repeats > places_for_repeats(own, protocol.repeat_gap_cases):
            return [_too_many(protocol, own, repeats)]
    return []


def _hands(study: Study, protocol: Protocol, cases: Sequence[Slot]) -> list[list[str]]:
    """Return the cases of each planned reader: as dealt, or as a new seed would deal them."""
    dealt: list[list[str]] = list(Allotment.objects.filter(study=study).values_list("cases", flat=True))
    return dealt or allot(
        cases, design=protocol.design, readers=protocol.planned_readers, reading_blocks=protocol.reading_blocks,
        anchor_cases=protocol.anchor_cases, seed=new_seed(),
    )  # fmt: skip


def _none(protocol: Protocol, own: int) -> str:
    """Say that repeats are declared and none comes: nobody could tell how steady the readers are."""
    least = next(
        share for share in itertools.count()
        if replace(protocol, repeat_fraction=share / 100).repeats_of(own)
    )  # fmt: skip
    fits = places_for_repeats(own, protocol.repeat_gap_cases)
    nearer = "" if fits else f" and at most {own - 1} cases between first and second reading"
    # Of one case not even the largest share that may be declared is a repeat.
    enough = f"set at least {least} per cent{nearer}, or" if own > 1 else "set"
    return (
        f"{100 * protocol.repeat_fraction:g} per cent of a reader's cases are to come a second time, and of "
        f"{own} case{'' if own == 1 else 's'} that is, rounded, none; {enough} no hidden repeats (0 per cent), "
        f"{DESIGN}, or load a larger case set in their place"
    )


def _too_many(protocol: Protocol, own: int, repeats: int) -> str:
    fit, gap = places_for_repeats(own, protocol.repeat_gap_cases), protocol.repeat_gap_cases
    most = (
        f"at most {100 * fit // own} per cent of hidden repeats" if fit else "no hidden repeats (0 per cent)"
    )
    return (
        f"a reader has {own} cases, of which {repeats} {'is' if repeats == 1 else 'are'} "
        f"to come a second time at least {gap} cases later, and {fit or 'none'} can; set at most {own - repeats} "
        f"cases between first and second reading, or {most}, {DESIGN}, or load a larger case set in their place"
    )
