"""Studies, their people, the stored orders and the answers. Nothing here knows what a case came from."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from readerstudy.study.phases import Phase


class Study(models.Model):
    """One reader study. `key` is its public key; every other table of a study carries it or a foreign key.

    `cases_sha256` and `sealed_sha256` are the digests of the two halves of the case set, as its provenance
    states them; the sealed file itself stays outside until reading has closed.
    """

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    slug = models.SlugField(max_length=60, unique=True)
    title = models.CharField(max_length=200)
    phase = models.CharField(
        max_length=12, choices=[(p.value, p.value) for p in Phase], default=Phase.DRAFT.value
    )
    protocol = models.JSONField()
    protocol_sha256 = models.CharField(max_length=64, blank=True)
    cases_sha256 = models.CharField(max_length=64, blank=True)
    sealed_sha256 = models.CharField(max_length=64, blank=True)
    run_id = models.CharField(max_length=64, blank=True)
    synthetic_images = models.BooleanField(default=False)
    simulated_readers = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    locked_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    unblinded_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["title"]
        constraints = [
            models.CheckConstraint(
                condition=Q(phase__in=[p.value for p in Phase]), name="study_phase_is_known"
            ),
            models.CheckConstraint(
                condition=Q(phase=Phase.DRAFT.value) | (~Q(protocol_sha256="") & ~Q(sealed_sha256="")),
                name="locked_study_has_digests",
            ),
        ]

    def __str__(self) -> str:
        return self.title


class Role(models.TextChoices):
    """What a person does in one study."""

    STUDY_ADMIN = "study_admin", "study admin"
    RESEARCHER = "researcher", "researcher"
    STATISTICIAN = "statistician", "statistician"


class Membership(models.Model):
    """A person's role in one study, other than reading; a person can have several."""

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="memberships")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=12, choices=Role.choices)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["study", "person", "role"], name="role_once_per_study"),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="role_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.person} as {self.role}"


class Reader(models.Model):
    """A person who reads in one study, under a pseudonym, with the secret seed of their order."""

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="readers")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="readings")
    pseudonym = models.CharField(max_length=20)
    order_seed = models.BinaryField(max_length=32)
    order_algorithm = models.PositiveSmallIntegerField()
    enrolled_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pseudonym"]
        constraints = [
            models.UniqueConstraint(fields=["study", "person"], name="reader_once_per_study"),
            models.UniqueConstraint(fields=["study", "pseudonym"], name="pseudonym_once_per_study"),
        ]

    def __str__(self) -> str:
        return self.pseudonym


class Assignment(models.Model):
    """One case at one place in one reader's order; the reader's browser sees its `public_id` only."""

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="+")
    reader = models.ForeignKey(Reader, on_delete=models.PROTECT, related_name="assignments")
    case = models.ForeignKey("cases.Case", on_delete=models.PROTECT, related_name="+")
    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    position = models.PositiveIntegerField()
    presentation = models.PositiveSmallIntegerField(default=1)
    revision = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["reader", "position"]
        constraints = [
            models.UniqueConstraint(fields=["reader", "position"], name="place_once_per_reader"),
            models.UniqueConstraint(
                fields=["reader", "case", "presentation"], name="case_once_per_reader_and_presentation"
            ),
            models.CheckConstraint(condition=Q(position__gte=1), name="places_count_from_one"),
        ]

    def __str__(self) -> str:
        return f"{self.reader} #{self.position}"


class Rating(models.Model):
    """One saved set of answers; revisions are added, never changed. `idempotency_key` is made by the browser.

    `answers` holds {question: {status, value}}. `seconds` runs from pixels painted to submit, the hidden time
    left out, on the browser's monotonic clock; `saved_at` is the server's clock.
    """

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="+")
    assignment = models.ForeignKey(Assignment, on_delete=models.PROTECT, related_name="ratings")
    revision = models.PositiveIntegerField()
    idempotency_key = models.UUIDField(unique=True)
    answers = models.JSONField()
    comment = models.TextField(blank=True)
    seconds = models.FloatField(null=True)
    times = models.JSONField(default=dict)
    display = models.JSONField(default=dict)
    saved_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["assignment", "revision"], name="revision_once_per_assignment"),
            models.CheckConstraint(condition=Q(revision__gte=1), name="revisions_count_from_one"),
            models.CheckConstraint(
                condition=Q(seconds__isnull=True) | Q(seconds__gte=0), name="seconds_are_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.assignment} revision {self.revision}"
