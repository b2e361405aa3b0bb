"""The ledger: what is to be computed, who works on it, and which verified file resulted.

The database is the truth and the broker only wakes workers: a lost, doubled or torn message costs nothing.
Scores, images and exemplars stay in the run's files; no row here holds any.
"""

from django.conf import settings
from django.db import models
from django.db.models import Q


class Made(models.Model):
    """Who asked for it, and when."""

    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True


class Named(Made):
    """What people call by a name of their own."""

    slug = models.SlugField(max_length=60, unique=True)

    class Meta:
        abstract = True
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.slug


class DataSet(Named):
    """Images and label files on the server, checked when they were registered.

    `section` is the [data] section of a specification, with whole paths. `counts` holds the images of each
    split, `classes` one row per class with its positives, `digests` the SHA-256 of each label file.
    """

    section = models.JSONField()
    counts = models.JSONField(default=dict)
    classes = models.JSONField(default=list)
    digests = models.JSONField(default=dict)
    warnings = models.JSONField(default=list)
    synthetic = models.BooleanField(default=False)


class RunKind(models.TextChoices):
    """What a run makes: predictions of a sweep, checkpoints, predictions of others, an experiment of many trainings."""

    SWEEP = "sweep", "sweep"
    TRAINING = "training", "training"
    IMPORT = "import", "import"
    RETRAIN = "retrain", "retraining"


class Run(Made):
    """One sweep or training: its frozen specification and its folder.

    `spec` is what may be shown, with file names in place of paths; `full_spec` is what a worker reads, and is
    empty where the folder's plan says it. A run that was asked for on a page is called `requested_as` until
    its preparation has found its name, and for ever after under that address too; `same_as` is the run that
    turned out to be the same.
    """

    run_id = models.CharField(max_length=64, unique=True)
    kind = models.CharField(max_length=8, choices=RunKind.choices, default=RunKind.SWEEP)
    name = models.CharField(max_length=200)
    folder = models.CharField(max_length=500)
    spec = models.JSONField()
    full_spec = models.JSONField(default=dict)
    synthetic = models.BooleanField(default=False)
    requested_as = models.CharField(max_length=64, unique=True, null=True)
    same_as = models.ForeignKey("self", on_delete=models.CASCADE, null=True, related_name="+")
    data_set = models.ForeignKey(DataSet, on_delete=models.PROTECT, null=True, related_name="runs")
    ensemble = models.ForeignKey("Ensemble", on_delete=models.PROTECT, null=True, related_name="runs")
    cancelled_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [models.CheckConstraint(condition=Q(kind__in=RunKind.values), name="run_kind_is_known")]

    def __str__(self) -> str:
        return f"{self.name} ({self.run_id})"

    @property
    def has_predictions(self) -> bool:
        """Whether its folder is a RUN folder, of which findings can be made."""
        return self.kind in (RunKind.SWEEP, RunKind.IMPORT)


class Ensemble(Named):
    """Trained networks of one architecture, one per seed, on one data set.

    `checkpoints` is a folder, a pattern or a file; `preprocess` the [preprocess] section they were trained
    with; `reading` what else of [models] differs from the defaults (weights, rename, output); `training` the run that
    made them, if it was one of this site.
    """

    data_set = models.ForeignKey(DataSet, on_delete=models.PROTECT, related_name="ensembles")
    architecture = models.CharField(max_length=100)
    checkpoints = models.CharField(max_length=500)
    seeds = models.JSONField(default=list)
    preprocess = models.JSONField(default=dict)
    reading = models.JSONField(default=dict)
    training = models.OneToOneField(Run, on_delete=models.PROTECT, null=True, related_name="trained")


class UnitState(models.TextChoices):
    """The state of a unit."""

    TODO = "todo", "to do"
    WORKING = "working", "working"
    DONE = "done", "done"
    FAILED = "failed", "failed"


PREPARE = "prepare"
"""Key of the one unit of a run that was asked for on a page: check its input, decode, write down its units."""


class Unit(models.Model):
    """One piece of work of a run: a checkpoint in one condition, or, on a GPU, in all of them; a network to train.

    A worker claims a unit by a conditional update that raises `token`, the fencing token; its result counts
    only while the token still holds, so that a worker that outlived its lease changes nothing. `artefacts`
    maps the name of each file that the unit owns to its SHA-256. `member` is the seed: a worker stays with the
    checkpoint that it has loaded. `condition` is blank where a unit has several or
    none. `stage`, `steps_done` and `steps_total` come with the heartbeat.
    """

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="units")
    place = models.PositiveIntegerField()
    key = models.CharField(max_length=60)
    member = models.PositiveBigIntegerField(null=True)
    condition = models.CharField(max_length=40, blank=True)
    state = models.CharField(max_length=8, choices=UnitState.choices, default=UnitState.TODO)
    token = models.PositiveIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    worker = models.CharField(max_length=120, blank=True)
    stage = models.CharField(max_length=30, blank=True)
    steps_done = models.PositiveBigIntegerField(default=0)
    steps_total = models.PositiveBigIntegerField(default=0)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    artefacts = models.JSONField(default=dict)
    error = models.TextField(blank=True)

    class Meta:
        ordering = ["run", "place"]
        indexes = [models.Index(fields=["state", "run", "member"], name="unit_open")]
        constraints = [
            models.UniqueConstraint(fields=["run", "key"], name="unit_once_per_run"),
            models.CheckConstraint(
                condition=~Q(state=UnitState.DONE) | ~Q(artefacts={}), name="done_unit_has_artefacts"
            ),
            models.CheckConstraint(condition=Q(state__in=UnitState.values), name="unit_state_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.run.run_id} {self.key}"


class Handover(models.Model):
    """A case set on its way into the site's folder of handovers; of no sweep where somebody listed the cases.

    No row holds a seed, an image or an arm: those are in a folder of this `token` under `HANDOVERS_ROOT`, until the
    holder has confirmed the key or a day has passed. `draws` lists when and with which choices cases were drawn.
    `work` is what a worker is to do, blank when nothing; `version` counts the requests, so that an overtaken one
    changes nothing. `key_sha256` is there once the set is written, `confirmed_at` once its key was found saved.
    """

    token = models.CharField(max_length=32, unique=True)
    run = models.ForeignKey(Run, on_delete=models.CASCADE, null=True, related_name="handovers")
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    draws = models.JSONField(default=list)
    name = models.CharField(max_length=60, blank=True)
    work = models.CharField(max_length=8, blank=True)
    version = models.PositiveIntegerField(default=0)
    stage = models.CharField(max_length=30, blank=True)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    key_sha256 = models.CharField(max_length=64, blank=True)
    ends_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True)
    gone_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]
