"""After unblinding: the seeds of all orders, and drawing them again."""

from dataclasses import dataclass
from typing import Any

from readerstudy.cases.models import Case
from readerstudy.study.models import Allotment, Assignment, Reader, Study
from readerstudy.study.orders import order
from readerstudy.study.orders.drawing import commitment, slots_of
from readerstudy.study.orders.order import ALLOTMENT
from readerstudy.study.phases import Phase, PhaseError
from readerstudy.study.protocol import Protocol

OPEN = (Phase.UNBLINDED.value, "archived")


@dataclass(frozen=True)
class Redrawn:
    """One reader's order drawn again: what differs from the stored one, if anything."""

    reader: str
    readings: int
    fault: str


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
        "order_algorithm": order.ALGORITHM,
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


def draw_again(study: Study) -> list[Redrawn]:
    """Draw every order again from its seed and compare it with the stored one.

    Raises
    ------
    PhaseError: the study is not unblinded.
    """
    _refuse_sealed(study)
    return [_again(reader) for reader in study.readers.order_by("pseudonym")]


def _again(reader: Reader) -> Redrawn:
    stored = [(row.case.key, row.presentation) for row in _stored(reader)]
    if reader.order_algorithm != order.ALGORITHM:
        fault = f"drawn by algorithm {reader.order_algorithm}, this version knows {order.ALGORITHM}"
        return Redrawn(reader.pseudonym, len(stored), fault)
    protocol = Protocol.from_json(reader.study.protocol)
    own = {case for case, presentation in stored if presentation == 1}
    dealt = Allotment.objects.filter(study=reader.study, slot=reader.slot or 0).first()
    if dealt is not None and set(dealt.cases) != own:
        return Redrawn(
            reader.pseudonym, len(stored), "the cases are not those allotted to this planned reader"
        )
    cases = Case.objects.filter(study=reader.study.key, key__in=own)
    drawn = order.draw_readings(
        slots_of(list(cases)), bytes(reader.order_seed),
        repeats=round(protocol.repeat_fraction * len(own)), gap=protocol.repeat_gap_cases,
    )  # fmt: skip
    same = [(each.case, each.presentation) for each in drawn] == stored
    return Redrawn(reader.pseudonym, len(stored), "" if same else "the stored order is different")


def _stored(reader: Reader) -> list[Assignment]:
    return list(reader.assignments.select_related("case").order_by("position"))


def _refuse_sealed(study: Study) -> None:
    if study.phase not in OPEN:
        raise PhaseError(
            f"the seeds of the orders are disclosed after unblinding; the study is {study.phase}"
        )
