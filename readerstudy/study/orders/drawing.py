"""Draw and store what a reader reads: their cases, their order, their practice. Once, and never again.

After unblinding the seeds of all orders are disclosed, and orders are drawn again to compare.
"""

import hashlib
import secrets
from collections.abc import Sequence
from typing import Any

from readerstudy.cases.models import Case
from readerstudy.study.models import Allotment, Assignment, PracticeReading, Reader, Study
from readerstudy.study.orders.order import ALGORITHM, ALLOTMENT, OrderError, Slot, allot, draw_readings
from readerstudy.study.phases import Phase, PhaseError
from readerstudy.study.protocol import Protocol


def new_seed() -> bytes:
    """Return 256 secret bits of the operating system's generator."""
    return secrets.token_bytes(32)


def commitment(seed: bytes) -> str:
    """Return SHA-256 of a 256-bit seed: it binds the seed and, the seed being random, tells nothing of it."""
    return hashlib.sha256(b"reading order\0" + seed).hexdigest()


def free_slot(study: Study) -> int:
    """Return the first planned reader whom nobody stands for; beyond the plan only where all read all cases.

    Raises
    ------
    OrderError: every planned reader is enrolled.
    """
    protocol = Protocol.from_json(study.protocol)
    taken = set(study.readers.values_list("slot", flat=True))
    slot = next(number for number in range(1, len(taken) + 2) if number not in taken)
    if slot > protocol.planned_readers and protocol.design != "fully crossed":
        raise OrderError(
            f"all {protocol.planned_readers} planned readers are enrolled, and each has their own cases; "
            "replace one who has withdrawn, or plan more readers in a new study"
        )
    return slot


def draw_for(reader: Reader, *, cases_of: Reader | None = None) -> None:
    """Draw a reader's order from their seed and store it; nobody else's changes.

    Parameters
    ----------
    reader: newly made, with seed and slot, and no assignments.
    cases_of: whose cases they read instead, in a fresh order: the reader whom they replace.

    Raises
    ------
    OrderError: repeats or own cases do not fit the cases that are loaded.
    """
    study = reader.study
    protocol = Protocol.from_json(study.protocol)
    cases = {case.key: case for case in Case.objects.filter(study=study.key)}
    if cases_of is not None:
        own = [row.case.key for row in cases_of.assignments.filter(presentation=1).select_related("case")]
    else:
        own = _allotted(study, protocol, list(cases.values()), int(reader.slot or 1))
    slots = slots_of([cases[key] for key in own])
    repeats = protocol.repeats_of(len(slots))
    readings = draw_readings(slots, bytes(reader.order_seed), repeats=repeats, gap=protocol.repeat_gap_cases)
    Assignment.objects.bulk_create(
        Assignment(
            study=study, reader=reader, case=cases[each.case], position=place, presentation=each.presentation
        )
        for place, each in enumerate(readings, 1)
    )
    draw_practice(reader)


def draw_practice(reader: Reader) -> None:
    """Give a reader the study's practice cases, if it has any."""
    study = reader.study
    if study.practice_key is not None:
        PracticeReading.objects.bulk_create(
            PracticeReading(study=study, reader=reader, case=case, position=place)
            for place, case in enumerate(Case.objects.filter(study=study.practice_key).order_by("key"), 1)
        )


def slots_of(cases: Sequence[Case]) -> list[Slot]:
    """Return what an order may look at."""
    return [Slot(case.key, case.block, case.separation_group) for case in cases]


def _allotted(study: Study, protocol: Protocol, cases: Sequence[Case], slot: int) -> list[str]:
    if protocol.design == "fully crossed":
        return [case.key for case in cases]
    if not Allotment.objects.filter(study=study).exists():
        study.allotment_seed = new_seed()
        study.save(update_fields=["allotment_seed"])
        dealt = allot(
            slots_of(cases), design=protocol.design, readers=protocol.planned_readers,
            reading_blocks=protocol.reading_blocks, anchor_cases=protocol.anchor_cases,
            seed=bytes(study.allotment_seed),
        )  # fmt: skip
        Allotment.objects.bulk_create(
            Allotment(study=study, slot=number, cases=keys, algorithm=ALLOTMENT)
            for number, keys in enumerate(dealt, 1)
        )
    own: list[str] = Allotment.objects.get(study=study, slot=slot).cases
    return own


OPEN = (Phase.UNBLINDED.value, "archived")


def orders_document(study: Study) -> dict[str, Any]:
    """Return seeds, commitments and algorithm versions, so that anybody can draw the orders again.

    Raises
    ------
    PhaseError: the study is not unblinded; until then only commitments leave the database.
    """
    _refuse_sealed(study)
    protocol = Protocol.from_json(study.protocol)
    slots = slots_of(list(Case.objects.filter(study=study.key).order_by("key")))
    return {
        "format": 1,
        "study": str(study.key),
        "order_algorithm": ALGORITHM,
        "allotment_algorithm": ALLOTMENT,
        "allotment_seed": bytes(study.allotment_seed).hex(),
        "design": protocol.design,
        "repeat_fraction": protocol.repeat_fraction,
        "repeat_gap_cases": protocol.repeat_gap_cases,
        "cases": [{"case": slot.case, "block": slot.block, "separation_group": slot.group} for slot in slots],
        "readers": [
            {
                "reader": reader.pseudonym,
                "slot": reader.slot,
                "seed": bytes(reader.order_seed).hex(),
                "commitment": commitment(bytes(reader.order_seed)),
                "algorithm": reader.order_algorithm,
                "order": [
                    {"case": row.case.key, "presentation": row.presentation} for row in _stored(reader)
                ],
            }
            for reader in study.readers.order_by("pseudonym")
        ],
    }


def draw_again(study: Study) -> list[tuple[str, int, str]]:
    """Draw every order again from its seed; return of each reader the number of readings and what differs, if anything.

    Raises
    ------
    PhaseError: the study is not unblinded.
    """
    _refuse_sealed(study)
    return [(reader.pseudonym, *_again(reader)) for reader in study.readers.order_by("pseudonym")]


def _again(reader: Reader) -> tuple[int, str]:
    stored = [(row.case.key, row.presentation) for row in _stored(reader)]
    if reader.order_algorithm != ALGORITHM:
        return len(stored), f"drawn by algorithm {reader.order_algorithm}, this version knows {ALGORITHM}"
    protocol = Protocol.from_json(reader.study.protocol)
    own = {case for case, presentation in stored if presentation == 1}
    dealt = Allotment.objects.filter(study=reader.study, slot=reader.slot or 0).first()
    if dealt is not None and set(dealt.cases) != own:
        return len(stored), "the cases are not those allotted to this planned reader"
    cases = Case.objects.filter(study=reader.study.key, key__in=own)
    drawn = draw_readings(
        slots_of(list(cases)), bytes(reader.order_seed),
        repeats=round(protocol.repeat_fraction * len(own)), gap=protocol.repeat_gap_cases,
    )  # fmt: skip
    same = [(each.case, each.presentation) for each in drawn] == stored
    return len(stored), "" if same else "the stored order is different"


def _stored(reader: Reader) -> list[Assignment]:
    return list(reader.assignments.select_related("case").order_by("position"))


def _refuse_sealed(study: Study) -> None:
    if study.phase not in OPEN:
        raise PhaseError(
            f"the seeds of the orders are disclosed after unblinding; the study is {study.phase}"
        )
