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
    last = list(
        Unit.objects.filter(
            run=run, state=UnitState.DONE, finished_at__isnull=False, started_at__isnull=False
        )
        .order_by("-finished_at")
        .values_list("started_at", "finished_at")[:WINDOW]
    )
    if not last:
        return None
    begin = min(started for started, _ in last)
    end = timezone.now() if Unit.objects.filter(run=run, state=UnitState.WORKING).exists() else last[0][1]
    seconds = (end - begin).total_seconds()
    return len(last) / seconds if seconds > 0 else None
