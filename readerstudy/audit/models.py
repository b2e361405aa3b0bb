"""The audit trail: events that are only ever added, each chained to the one before it by a keyed hash."""

from django.conf import settings
from django.db import models


class Chain(models.Model):
    """The head of one chain. A study has its own chain; the site's chain has no study."""

    study = models.UUIDField("study key", null=True, unique=True)
    sequence = models.PositiveBigIntegerField(default=0)
    digest = models.CharField(max_length=64, default="0" * 64)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                models.Value(1), condition=models.Q(study__isnull=True), name="one_site_chain"
            )
        ]

    def __str__(self) -> str:
        return f"chain of {self.study or 'the site'} at {self.sequence}"


class Event(models.Model):
    """One change of state: who, when, what, the values, and a keyed hash over it and the event before.

    `study` is the public key of the study, a plain UUID: this app knows no other app's tables. `anchor` is the
    anchor that holds the event; None where none could be written, and for events of versions before 0.2.
    """

    study = models.UUIDField("study key", null=True)
    sequence = models.PositiveBigIntegerField()
    at = models.DateTimeField()
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    kind = models.CharField(max_length=60)
    subject = models.CharField(max_length=200, blank=True)
    values = models.JSONField(default=dict)
    reason = models.TextField(blank=True)
    previous = models.CharField(max_length=64)
    digest = models.CharField(max_length=64)
    anchor = models.UUIDField(null=True)

    class Meta:
        ordering = ["study", "sequence"]
        constraints = [
            models.UniqueConstraint(fields=["study", "sequence"], name="event_once_per_study"),
            models.UniqueConstraint(
                fields=["sequence"], condition=models.Q(study__isnull=True), name="event_once_for_site"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} #{self.sequence}"
