"""Studies, their people, the stored orders and the answers. Nothing here knows what a case came from."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from readerstudy.cases.models import must
from readerstudy.study.phases import Phase

_PHASES = [phase.value for phase in Phase]


class Study(models.Model):
    """One reader study. `key` is its public key; every other table of a study carries it or a foreign key.

    `cases_sha256` and `sealed_sha256` are the digests of the two halves of the case set, as its provenance
    states them; the sealed file itself stays outside until reading has closed. Practice cases are another case set
    under a key of their own, `practice_key`. `locked_file` is the canonical protocol that the lock wrote,
    `protocol_sha256` its digest, `openers` who opens the key (`duties.openers_of`). `allotment_seed` deals the cases
    to planned readers, once.
    """

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    slug = models.SlugField(max_length=60, unique=True)
    title = models.CharField(max_length=200)
    phase = models.CharField(
        max_length=12, choices=list(zip(_PHASES, _PHASES, strict=True)), default=Phase.DRAFT.value
    )
    protocol = models.JSONField()
    protocol_sha256 = models.CharField(max_length=64, blank=True)
    locked_file = models.TextField(blank=True)
    openers = models.JSONField(default=dict)
    cases_sha256 = models.CharField(max_length=64, blank=True)
    sealed_sha256 = models.CharField(max_length=64, blank=True)
    run_id = models.CharField(max_length=64, blank=True)
    practice_key = models.UUIDField(null=True, unique=True, editable=False)
    practice_sha256 = models.CharField(max_length=64, blank=True)
    allotment_seed = models.BinaryField(max_length=32, default=bytes)
    synthetic_images = models.BooleanField(default=False)
    simulated_readers = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    locked_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    unblinded_at = models.DateTimeField(null=True)
    archived_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["title"]
        constraints = [
            must("study_phase_is_known", Q(phase__in=_PHASES)),
            must(
                "locked_study_has_digests",
                Q(phase=Phase.DRAFT.value) | (~Q(protocol_sha256="") & ~Q(sealed_sha256="")),
            ),
        ]

    def __str__(self) -> str:
        return self.title


class OfStudy(models.Model):
    """A row that belongs to one study."""

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="+")

    class Meta:
        abstract = True


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
            must("role_is_known", Q(role__in=Role.values)),
        ]

    def __str__(self) -> str:
        return f"{self.person} as {self.role}"


class ProposedStep(models.TextChoices):
    """What an unblinded admin cannot do alone."""

    CLOSE = "close", "close reading"
    WITHDRAW = "withdraw", "a reader withdraws"
    REPLACE = "replace", "replace a reader"


class Proposal(OfStudy):
    """A step that an unblinded admin asks for; it is open until a blinded admin takes it or declines.

    `reader` is the pseudonym of the reader who withdraws or is replaced, `email` the address to invite in their place.
    """

    step = models.CharField(max_length=8, choices=ProposedStep.choices)
    reader = models.CharField(max_length=20, blank=True)
    email = models.EmailField(blank=True)
    reason = models.CharField(max_length=500)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["asked_at"]
        constraints = [
            models.UniqueConstraint(fields=["study", "step", "reader"], name="step_proposed_once"),
            must("proposed_step_is_known", Q(step__in=ProposedStep.values)),
            must("proposal_has_a_reason", ~Q(reason="")),
        ]


class ImageCheck(OfStudy):
    """Whether a name is visible on an image: what somebody who does not read in the study saw before the lock.

    `position` is that of the image in its case, from 0.
    `scale` is the smallest size at which its parts were shown, in CSS pixels per image pixel; null where a program
    drew the image and nobody looked. The last look holds; all of them are in the audit trail.
    """

    class Finding(models.TextChoices):
        """What was found."""

        CLEAR = "clear", "no name is visible"
        NAMED = "named", "a name is visible"
        DRAWN = "drawn", "drawn by a program, nobody looked"

    case = models.ForeignKey("cases.Case", on_delete=models.PROTECT, related_name="+")
    position = models.PositiveSmallIntegerField(default=0)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True
    )
    finding = models.CharField(max_length=5, choices=Finding.choices)
    scale = models.FloatField(null=True)
    checked_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["case", "position"], name="image_checked_once"),
            must("finding_is_known", Q(finding__in=["clear", "named", "drawn"])),
            must(
                "a_look_was_large_enough",
                Q(finding="drawn", scale__isnull=True) | Q(scale__isnull=False, scale__gte=1),
            ),
        ]


class Allotment(OfStudy):
    """The cases of one planned reader, by key; drawn once for the study, when its first reader is enrolled."""

    slot = models.PositiveSmallIntegerField()
    cases = models.JSONField()
    algorithm = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["slot"]
        constraints = [models.UniqueConstraint(fields=["study", "slot"], name="slot_once_per_study")]


class Reader(models.Model):
    """A person who reads in one study, under a pseudonym, with the secret seed of their order.

    `slot` is the planned reader whose cases they read; a replacement has the slot of the one who left.
    Anyone who has withdrawn reads no further; their answers are kept.
    `keys` is their own key map {command: key}; `consent_sha256` the digest of the text they consented to.
    """

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="readers")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="readings")
    pseudonym = models.CharField(max_length=20)
    order_seed = models.BinaryField(max_length=32)
    order_algorithm = models.PositiveSmallIntegerField()
    slot = models.PositiveSmallIntegerField(null=True)
    keys = models.JSONField(default=dict)
    consented_at = models.DateTimeField(null=True)
    consent_sha256 = models.CharField(max_length=64, blank=True)
    instructed_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)
    withdrawal_reason = models.CharField(max_length=500, blank=True)
    replaces = models.OneToOneField("self", on_delete=models.PROTECT, related_name="+", null=True)
    enrolled_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pseudonym"]
        constraints = [
            models.UniqueConstraint(fields=["study", "person"], name="reader_once_per_study"),
            models.UniqueConstraint(fields=["study", "pseudonym"], name="pseudonym_once_per_study"),
        ]

    def __str__(self) -> str:
        return self.pseudonym


class ReadingSession(OfStudy):
    """One session of a reader: it begins with the first display check or answer, and ends when it is full."""

    reader = models.ForeignKey(Reader, on_delete=models.PROTECT, related_name="sessions")
    number = models.PositiveSmallIntegerField()
    begun_at = models.DateTimeField(auto_now_add=True)
    last_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["reader", "number"]
        constraints = [models.UniqueConstraint(fields=["reader", "number"], name="session_once_per_reader")]


class DisplayCheck(OfStudy):
    """What a reader's screen showed before reading: window size in CSS pixels, what was seen of the test patches."""

    session = models.ForeignKey(ReadingSession, on_delete=models.PROTECT, related_name="display_checks")
    values = models.JSONField()
    passed = models.BooleanField()
    checked_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["session", "pk"]


class PracticeReading(OfStudy):
    """One practice case of one reader; it has no part in the study's answers."""

    reader = models.ForeignKey(Reader, on_delete=models.PROTECT, related_name="practice")
    case = models.ForeignKey("cases.Case", on_delete=models.PROTECT, related_name="+")
    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    position = models.PositiveIntegerField()
    idempotency_key = models.UUIDField(null=True, unique=True)
    answers = models.JSONField(default=dict)
    marks = models.JSONField(default=list)
    comment = models.TextField(blank=True)
    times = models.JSONField(default=dict)
    saved_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["reader", "position"]
        constraints = [
            models.UniqueConstraint(fields=["reader", "position"], name="practice_place_once_per_reader"),
            models.UniqueConstraint(fields=["reader", "case"], name="practice_case_once_per_reader"),
        ]


class Assignment(OfStudy):
    """One case at one place in one reader's order; the reader's browser sees its `public_id` only.

    `deferred`: when its turn came, its first reading was too recent, so it is read at the end.
    """

    reader = models.ForeignKey(Reader, on_delete=models.PROTECT, related_name="assignments")
    case = models.ForeignKey("cases.Case", on_delete=models.PROTECT, related_name="+")
    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    position = models.PositiveIntegerField()
    presentation = models.PositiveSmallIntegerField(default=1)
    deferred = models.BooleanField(default=False)
    revision = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["reader", "position"]
        constraints = [
            models.UniqueConstraint(fields=["reader", "position"], name="place_once_per_reader"),
            models.UniqueConstraint(
                fields=["reader", "case", "presentation"], name="case_once_per_reader_and_presentation"
            ),
            must("places_count_from_one", Q(position__gte=1)),
        ]


class Rating(OfStudy):
    """One saved set of answers; revisions are added, never changed. `idempotency_key` is made by the browser.

    `answers` holds {question: {status, value}}, `marks` what was drawn: [{question, kind, points}], and `image`, its
    role, where a case has several. `seconds` runs
    from pixels painted to submit, the hidden time excluded, on the browser's monotonic clock; `saved_at` is the
    server's clock.
    """

    assignment = models.ForeignKey(Assignment, on_delete=models.PROTECT, related_name="ratings")
    revision = models.PositiveIntegerField()
    idempotency_key = models.UUIDField(unique=True)
    answers = models.JSONField()
    marks = models.JSONField(default=list)
    comment = models.TextField(blank=True)
    session = models.ForeignKey(ReadingSession, on_delete=models.PROTECT, related_name="+", null=True)
    seconds = models.FloatField(null=True)
    times = models.JSONField(default=dict)
    display = models.JSONField(default=dict)
    saved_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["assignment", "revision"], name="revision_once_per_assignment"),
            must("revisions_count_from_one", Q(revision__gte=1)),
            must("seconds_are_not_negative", Q(seconds__isnull=True) | Q(seconds__gte=0)),
        ]
