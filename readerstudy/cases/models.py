"""Cases to be read and their frames. Nothing here knows what a case came from or is matched to.

`study` is the public key of the study, a plain UUID: this app lies below the study app and knows none of its
tables.
"""

from functools import cached_property

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Length
from django.db.models.lookups import Exact

from readerstudy.cases.window import WIDEST, WindowRule

_RULES = [rule.value for rule in WindowRule]


def must(name: str, condition: Q) -> models.CheckConstraint:
    """Return what a table refuses rows for, by its name in the database."""
    return models.CheckConstraint(condition=condition, name=name)


def _has_length(field: str, length: int) -> Q:
    return Q(Exact(Length(field), length))


class CaseSet(models.Model):
    """The blind half of one handover, as loaded for one study.

    The digests are those of its provenance: `cases_sha256` of cases.csv, `key_sha256` of the sealed key,
    which stays outside. `frame_length` is the one length of all frame files, in bytes. `apart` counts the cases whose
    first picture has another tone than the networks were given, by more than one grey level; null: not known.
    `custody` says how the handover compared the images with those that the networks saw: counts, or why it did not.
    `one_each`: it attests that every matched set holds exactly one case of interest; `estimand` is what it says that a
    comparison of these cases estimates. Neither is of one case.
    """

    study = models.UUIDField("study key", unique=True)
    cases_sha256 = models.CharField(max_length=64)
    key_sha256 = models.CharField(max_length=64)
    run_id = models.CharField(max_length=64, blank=True)
    synthetic = models.BooleanField()
    window_rule = models.CharField(max_length=10, choices=list(zip(_RULES, _RULES, strict=True)))
    case_count = models.PositiveIntegerField()
    frame_length = models.PositiveIntegerField()
    apart = models.PositiveIntegerField(null=True)
    custody = models.JSONField(default=dict)
    one_each = models.BooleanField(default=False)
    estimand = models.TextField(blank=True)
    loaded_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            must("window_rule_is_known", Q(window_rule__in=_RULES)),
            must("case_set_is_not_empty", Q(case_count__gte=1, frame_length__gte=1)),
            must("case_set_has_digests", _has_length("cases_sha256", 64) & _has_length("key_sha256", 64)),
        ]

    def __str__(self) -> str:
        return f"case set of {self.study}"


class Case(models.Model):
    """One case: its random key, its labels as a list of texts, its place in the reading plan.

    view, sex and age (years) are there for all cases of a study or for none.
    """

    study = models.UUIDField("study key", db_index=True)
    case_set = models.ForeignKey(CaseSet, on_delete=models.PROTECT, related_name="cases")
    key = models.CharField(max_length=32)
    labels = models.JSONField()
    block = models.PositiveIntegerField()
    separation_group = models.CharField(max_length=64)
    view = models.CharField(max_length=20, blank=True)
    sex = models.CharField(max_length=10, blank=True)
    age = models.FloatField(null=True)

    class Meta:
        ordering = ["key"]
        constraints = [
            models.UniqueConstraint(fields=["study", "key"], name="case_once_per_study"),
            must("case_key_has_32_digits", _has_length("key", 32)),
            must("blocks_count_from_one", Q(block__gte=1)),
            must("case_has_a_separation_group", ~Q(separation_group="")),
            must("age_is_in_years", Q(age__isnull=True) | Q(age__gte=0, age__lte=130)),
        ]

    def __str__(self) -> str:
        return self.key

    @cached_property
    def images(self) -> "list[Frame]":
        """The images of the case in their order, 1 to 4."""
        return list(self.frames.all())

    @property
    def frame(self) -> "Frame":
        """The first image."""
        return self.images[0]


class Frame(models.Model):
    """The stored pixels of one image of a case: where the file is, its digest, and what a viewer must know.

    `position` counts the images of a case from 0; `role` says what each is (PA, LATERAL), blank where it is the only
    one. Both are the same in all cases of a set.
    `storage_name` is random and unrelated to the key. The window is in grey values, not rounded, and may reach
    outside the range of the depth; spacing is in mm, null where the file states none. `format` is that of the frame
    file: 1 of version 0.1.0, 2 with a tone curve, which is what is shown at first, 3 in colour. `pixels_sha256`, under
    the site's key, tells the same picture in several studies, whose frame files differ; blank in rows of earlier
    versions.
    """

    study = models.UUIDField("study key", db_index=True)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="frames")
    position = models.PositiveSmallIntegerField(default=0)
    role = models.CharField(max_length=16, blank=True)
    storage_name = models.CharField(max_length=32, unique=True)
    rows = models.PositiveIntegerField()
    columns = models.PositiveIntegerField()
    bits = models.PositiveSmallIntegerField()
    format = models.PositiveSmallIntegerField(default=1)
    window_low = models.FloatField()
    window_high = models.FloatField()
    spacing_row = models.FloatField(null=True)
    spacing_column = models.FloatField(null=True)
    sha256 = models.CharField(max_length=64)
    length = models.PositiveIntegerField()
    pixels_sha256 = models.CharField(max_length=64, blank=True, db_index=True)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["case", "position"], name="image_once_per_case"),
            must("storage_name_has_32_digits", _has_length("storage_name", 32)),
            must("frame_has_pixels", Q(rows__gte=1, columns__gte=1)),
            must("frame_has_8_to_16_bits", Q(bits__gte=8, bits__lte=16)),
            # No list of numbers: Django 5.2 cannot describe a SQLite table whose SQL ends in a one-digit list.
            must("frame_format_is_known", Q(format__gte=1, format__lte=2) | Q(format=3, bits=8)),
            must(
                "window_is_a_range",
                Q(window_low__lt=F("window_high"), window_low__gte=-WIDEST, window_high__lte=WIDEST),
            ),
            must(
                "spacing_is_whole_or_absent",
                # A check lets a comparison with null through, which is unknown: hence isnull=False.
                Q(spacing_row__isnull=True, spacing_column__isnull=True)
                | Q(
                    spacing_row__isnull=False,
                    spacing_column__isnull=False,
                    spacing_row__gt=0,
                    spacing_column__gt=0,
                ),
            ),
            must("frame_has_a_digest", _has_length("sha256", 64) & Q(length__gte=1)),
        ]


class Terms(models.Model):
    """On which terms a case set may be looked at, as they were at one time; the latest row of a set holds.

    `study` is the key under which the cases are stored: a study's, or that of its practice cases. `text` is
    markdown; `credential` says what a person needs, `ethics` where the study was approved. `sha256` is over
    all three: anyone who has confirmed another digest is asked again.
    """

    study = models.UUIDField("study key", db_index=True)
    text = models.TextField()
    credential = models.CharField(max_length=500, blank=True)
    ethics = models.CharField(max_length=500, blank=True)
    sha256 = models.CharField(max_length=64)
    set_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["study", "pk"]
        constraints = [
            must("terms_have_a_text", ~Q(text="")),
            must("terms_have_a_digest", _has_length("sha256", 64)),
        ]

    def __str__(self) -> str:
        return f"terms of {self.study}: {self.sha256[:12]}"


class TermsConfirmation(models.Model):
    """A person has confirmed the terms of a case set, in the wording of this digest."""

    study = models.UUIDField("study key")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    sha256 = models.CharField(max_length=64)
    confirmed_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["study", "person", "sha256"], name="terms_confirmed_once"),
            must("confirmation_has_a_digest", _has_length("sha256", 64)),
        ]

    def __str__(self) -> str:
        return f"{self.person} confirmed {self.sha256[:12]}"


class Loading(models.Model):
    """How the last load of cases for a study goes, or went: for the admin's page; no part of the study.

    `refusals` lists [case key, reason] of every image that cannot be read; `problem` says what else ended it.
    """

    class State(models.TextChoices):
        """The state of a load."""

        RUNNING = "running", "running"
        DONE = "done", "done"
        REFUSED = "refused", "refused"

    study = models.UUIDField("study key", unique=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.RUNNING)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    refusals = models.JSONField(default=list)
    problem = models.TextField(blank=True)
    began_at = models.DateTimeField()
    told_at = models.DateTimeField()

    class Meta:
        constraints = [
            must("state_of_loading_is_known", Q(state__in=["running", "done", "refused"])),
            must("no_more_loaded_than_there_are", Q(done__lte=F("total"))),
        ]
