"""How far a run is: counts, rate and time left, from the ledger alone."""

from dataclasses import dataclass

from django.db.models import Count, Q
from django.utils import timezone

from analysis.models import Run, Unit, UnitState


@dataclass(frozen=True)
class Progress:
    """Counts of a run's units; `rate` in units per second over the last finished ones, None when unknown."""

    total: int
    done: int
    working: int
    failed: int
    rate: float | None

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do."""
        return self.done + self.failed == self.total

    @property
    def seconds_left(self) -> float | None:
        """Expected time to the end in seconds, None while the rate is unknown."""
        if not self.rate:
            return None
        return (self.total - self.done - self.failed) / self.rate


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


def _rate(run: Run) -> float | None:
    done = Unit.objects.filter(run=run, state=UnitState.DONE).order_by("-finished_at")[:WINDOW]
    last = [(unit.started_at, unit.finished_at) for unit in done if unit.started_at and unit.finished_at]
    if not last:
        return None
    begin = min(started for started, _ in last)
    going_on = Unit.objects.filter(run=run, state=UnitState.WORKING).exists()
    end = timezone.now() if going_on else last[0][1]
    seconds = (end - begin).total_seconds()
    return len(last) / seconds if seconds > 0 else None
