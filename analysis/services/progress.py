"""How far a run is: counts, rate and time left, and every unit, from the ledger alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q

from analysis.models import PREPARE, Run, Unit, UnitState
from analysis.services import ledger
from analysis.terminal import in_words


@dataclass(frozen=True)
class Progress:
    """Counts of a run's units; `rate` in units per second over the last finished ones, None when unknown."""

    total: int
    done: int
    working: int
    failed: int
    rate: float | None

    @property
    def left(self) -> int:
        """The units that are still to be done."""
        return self.total - self.done - self.failed

    @property
    def rate_text(self) -> str:
        """The rate in the unit that reads best."""
        if not self.rate:
            return "not known yet"
        return f"{self.rate:.1f} units a second" if self.rate >= 1 else f"{in_words(1 / self.rate)} a unit"

    @property
    def left_text(self) -> str:
        """The time left in words."""
        return f"about {in_words(self.left / self.rate)}" if self.rate else "not known yet"


WINDOW = 20
"""The rate is taken over this many last finished units, so that a pause is soon forgotten."""


def progress_of(run: Run) -> Progress:
    """Count a run's units."""
    counts = Unit.objects.filter(run=run).aggregate(
        total=Count("pk"),
        done=Count("pk", filter=Q(state=UnitState.DONE)),
        working=Count("pk", filter=Q(state=UnitState.WORKING)),
        failed=Count("pk", filter=Q(state=UnitState.FAILED)),
    )
    return Progress(**counts, rate=_rate(run))


def state_of(run: Run, now: Progress) -> str:
    """Return the state of a run: finished, cancelled, stopped (only failed units are left), preparing, waiting
    (no worker has taken a unit) or running.
    """
    if run.finished_at:
        return "finished"
    if run.cancelled_at:
        return "cancelled"
    if now.failed and not now.left:
        return "stopped"
    if run.units.filter(key=PREPARE).exists():
        return "preparing"
    return "running" if now.working or now.done == now.total else "waiting"


@dataclass(frozen=True)
class Cell:
    """One unit on the page: its key, what it is called in its row, its state, its share in per cent."""

    key: str
    label: str
    state: str
    share: int
    note: str


def share_of(unit: Unit) -> int:
    """Return how far a unit is, in per cent."""
    if unit.state == UnitState.DONE:
        return 100
    return int(100 * unit.steps_done / unit.steps_total) if unit.steps_total else 0


def cells_of(units: Sequence[Unit]) -> list[tuple[str, list[Cell]]]:
    """Return the units by member, in their order: one row for each checkpoint."""
    rows: dict[str, list[Cell]] = {}
    for unit in units:
        if unit.key == PREPARE:
            continue
        label = unit.condition or "all"
        name = (
            f"seed {unit.member}" if unit.member is not None else unit.key.partition("_")[0].replace("-", " ")
        )
        rows.setdefault(name, []).append(Cell(unit.key, label, unit.state, share_of(unit), note_of(unit)))
    return list(rows.items())


def note_of(unit: Unit) -> str:
    """Describe the state of a unit in a few words."""
    if unit.state == UnitState.DONE and unit.started_at and unit.finished_at:
        took = in_words((unit.finished_at - unit.started_at).total_seconds())
        return f"done in {took}" + (f", {unit.attempts} attempts" if unit.attempts > 1 else "")
    if unit.state == UnitState.WORKING:
        return f"working, {share_of(unit)} %"
    if unit.state == UnitState.FAILED:
        return f"failed after {unit.attempts} attempts"
    return f"to do, tried {unit.attempts} times" if unit.attempts else "to do"


def hands_of(units: Sequence[Unit]) -> list[dict[str, Any]]:
    """Return what is being worked on: key, stage, steps, who and for how long."""
    now = ledger.now()
    return [
        {
            "key": unit.key,
            "stage": unit.stage or "loading",
            "done": unit.steps_done,
            "total": unit.steps_total or 1,
            "share": share_of(unit),
            "worker": unit.worker.rpartition(":")[0] or unit.worker,
            "since": in_words((now - unit.started_at).total_seconds()) if unit.started_at else "",
        }
        for unit in units
        if unit.state == UnitState.WORKING
    ]


def failures_of(units: Sequence[Unit], state: str = UnitState.FAILED) -> list[tuple[str, list[Unit]]]:
    """Return the failed units by their error: one cause often fails many.

    With the state to do: the units that were tried in vain, or that a host has left to others.
    """
    found: dict[str, list[Unit]] = {}
    for unit in units:
        if unit.state == state and unit.error:
            found.setdefault(unit.error, []).append(unit)
    return list(found.items())


def _rate(run: Run) -> float | None:
    done = Unit.objects.filter(run=run, state=UnitState.DONE).order_by("-finished_at")[:WINDOW]
    last = [(unit.started_at, unit.finished_at) for unit in done if unit.started_at and unit.finished_at]
    if not last:
        return None
    begin = min(started for started, _ in last)
    going_on = Unit.objects.filter(run=run, state=UnitState.WORKING).exists()
    end = ledger.now() if going_on else last[0][1]
    seconds = (end - begin).total_seconds()
    return len(last) / seconds if seconds > 0 else None
