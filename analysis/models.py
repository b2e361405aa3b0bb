"""The ledger: what is to be computed, who works on it, and which verified file came of it.

The database is the truth and the broker a doorbell: a lost, doubled or torn message costs nothing.
Scores, images and exemplars stay in the run's files; no row here holds any.
"""

from django.conf import settings
from django.db import models
from django.db.models import Q


class Run(models.Model):
    """One sweep: its frozen specification and its folder."""

    run_id = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=200)
    folder = models.CharField(max_length=500)
    spec = models.JSONField()
    synthetic = models.BooleanField(default=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    cancelled_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} ({self.run_id})"


class UnitState(models.TextChoices):
    """Where a unit stands."""

    TODO = "todo", "to do"
    WORKING = "working", "working"
    DONE = "done", "done"
    FAILED = "failed", "failed"


class Unit(models.Model):
    """One piece of work of a run: a checkpoint at one sparsity, or, on a GPU, at all of them.

    A worker claims a unit by a conditional update that raises `token`, the fencing token; its result counts
    only while the token still holds, so that a worker that outlived its lease changes nothing. `artefacts`
    maps the name of each file that the unit owns to its SHA-256.
    """

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="units")
    place = models.PositiveIntegerField()
    key = models.CharField(max_length=60)
    state = models.CharField(max_length=8, choices=UnitState.choices, default=UnitState.TODO)
    token = models.PositiveIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    worker = models.CharField(max_length=120, blank=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    artefacts = models.JSONField(default=dict)
    error = models.TextField(blank=True)

    class Meta:
        ordering = ["run", "place"]
        constraints = [
            models.UniqueConstraint(fields=["run", "key"], name="unit_once_per_run"),
            models.CheckConstraint(
                condition=~Q(state=UnitState.DONE) | ~Q(artefacts={}), name="done_unit_has_artefacts"
            ),
            models.CheckConstraint(condition=Q(state__in=UnitState.values), name="unit_state_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.run.run_id} {self.key}"
