"""What is known once a key is open. No other app refers to these tables, and they hold no source name."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from readerstudy.study.models import OfStudy, Study


class Unblinding(models.Model):
    """The moment a study's key was opened: by whom, why, and the digest of the file. It cannot be undone.

    `groups` are the names that the key gives its two groups of cases (`analysis.endpoints.Groups`).
    """

    study = models.OneToOneField(Study, on_delete=models.PROTECT, related_name="+")
    key_sha256 = models.CharField(max_length=64)
    opened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    opened_at = models.DateTimeField(auto_now_add=True)
    reason = models.TextField()
    groups = models.JSONField(default=dict, blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=~Q(reason=""), name="unblinding_has_a_reason")]

    def __str__(self) -> str:
        return f"{self.study} opened {self.opened_at:%Y-%m-%d %H:%M}"


class UnblindingRequest(models.Model):
    """The first step: an admin asks that the key be opened, and why; it is open until it is declined or used."""

    study = models.OneToOneField(Study, on_delete=models.PROTECT, related_name="+")
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(auto_now_add=True)
    reason = models.TextField()

    class Meta:
        constraints = [models.CheckConstraint(condition=~Q(reason=""), name="request_has_a_reason")]

    def __str__(self) -> str:
        return f"{self.study} asked {self.asked_at:%Y-%m-%d %H:%M}"


class OpenedCase(OfStudy):
    """One row of the opened key: what the case was. `arm` 1 = pruning-identified exemplar, 0 = control."""

    case = models.ForeignKey("cases.Case", on_delete=models.PROTECT, related_name="+")
    arm = models.PositiveSmallIntegerField()
    pair = models.PositiveIntegerField()
    score = models.FloatField(null=True)
    class_group = models.CharField(max_length=10)
    n_findings = models.PositiveIntegerField()
    patient = models.PositiveIntegerField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["study", "case"], name="opened_case_once"),
            models.CheckConstraint(condition=Q(arm__in=[0, 1]), name="arm_is_zero_or_one"),
        ]

    def __str__(self) -> str:
        return f"{self.case} of {self.study}"
