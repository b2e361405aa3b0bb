"""Forms of the researcher's pages. A field's error says what was expected, what was found and what to do."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django import forms
from django.db.models import QuerySet

from analysis.models import DataSet, Ensemble
from analysis.services.places import PlaceError, inside, offered
from analysis.sweep.data_spec import PLACES, POLICIES, DataSpec
from analysis.sweep.layouts import CLASS_SETS, LAYOUTS
from analysis.sweep.spec import (
    CLASS_WEIGHTS,
    DEVICES,
    ENGINES_OF,
    FITS,
    LOSSES,
    OUTPUTS,
    PRECISIONS,
    SPARSITIES,
    WEIGHTS,
    InferSpec,
    PruneSpec,
    TrainSpec,
)
from analysis.views.fields import NumbersField, Offer, Parts, SeedsField

ARCHITECTURES = (
    "resnet50", "resnet18", "resnet34", "resnet101", "densenet121", "efficientnet_b0", "convnext_tiny",
    "mobilenet_v3_large", "shufflenet_v2_x0_5", "vit_b_16",
)  # fmt: skip
"""What a form offers; any name that torchvision (or timm, when installed) knows may be typed."""

ENGINES = ("auto", *dict.fromkeys(name for fitting in ENGINES_OF.values() for name in fitting))
SEEDS_HELP = "Numbers and ranges: 0-29, or 0, 3, 7."


def trainable() -> QuerySet[DataSet]:
    """Return the data sets on which networks can be trained."""
    return DataSet.objects.filter(counts__has_keys=["train", "val"])


class DataSetForm(Parts):
    """A data set to register: a name, places on the server, the classes."""

    GROUPS = {
        "Name": ("slug", "synthetic"),
        "Files on the server": PLACES[:-1],
        "How to read them": ("layout", "class_set", "classes", "id_column", "suffix", "uncertain", "blank"),
    }

    slug = forms.SlugField(max_length=60, label="Name", help_text="Letters, digits, hyphens: nih-cxr-lt.")
    synthetic = forms.BooleanField(
        required=False, label="Synthetic images", help_text="Every page and file made from it will say so."
    )
    images = forms.CharField(max_length=500, label="Folder of the images")
    labels_test = forms.CharField(
        max_length=500, required=False, label="Test labels", help_text="For sweeps."
    )
    labels_train = forms.CharField(
        max_length=500,
        required=False,
        label="Training labels",
        help_text="For trainings, and to tell head from tail.",
    )
    labels_val = forms.CharField(
        max_length=500, required=False, label="Validation labels", help_text="For trainings."
    )
    split_test, split_train, split_val = (
        forms.CharField(
            max_length=500, required=False, label=f"List of the {role} images",
            help_text="Only where one label file holds several splits: names, or a table with a column split.",
        )
        for role in ("test", "training", "validation")
    )  # fmt: skip
    metadata = forms.CharField(
        max_length=500,
        required=False,
        label="Metadata",
        help_text="View, sex, age, patient: for matched images.",
    )
    layout = forms.ChoiceField(
        required=False,
        label="Layout of the label files",
        choices=[(one.name, one.meaning) for one in LAYOUTS.values()],
        initial="table",
    )
    class_set = forms.ChoiceField(
        label="Classes",
        choices=[*((name, name) for name in CLASS_SETS), ("own", "my own, named below")],
        initial="nih-cxr-lt",
    )
    classes = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}), required=False, label="Own classes",
        help_text="Columns of the label files, separated by commas or lines.",
    )  # fmt: skip
    id_column = forms.CharField(
        max_length=100,
        required=False,
        label="Column of the image names",
        help_text="Blank takes that of the classes.",
    )
    suffix = forms.RegexField(
        r"^\.[A-Za-z0-9]{1,8}$", required=False, label="Ending of the image files",
        help_text="Only where it differs from the label files': .dcm",
    )  # fmt: skip
    uncertain, blank = (
        forms.ChoiceField(required=False, label=f"{name} labels", choices=[(word, word) for word in POLICIES])
        for name in ("Uncertain (-1)", "Blank")
    )

    def __init__(self, *args: Any, roots: Sequence[Path], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.roots = roots
        self.fields["images"].widget = Offer(offered(roots, kind="folder"))
        tables = offered(roots, kind="file", suffixes=(".csv", ".gz", ".txt"))
        for name in PLACES[1:-1]:
            self.fields[name].widget = Offer(tables)

    def section(self) -> dict[str, Any]:
        """Return the [data] section that was filled in."""
        chosen: Any = self.cleaned_data["class_set"]
        if chosen == "own":
            chosen = [
                name.strip() for name in re.split(r"[,\n]", self.cleaned_data["classes"]) if name.strip()
            ]
        return {**self.given(DataSpec), "classes": chosen}

    def clean(self) -> None:
        """Look for every place, so that all that is wrong shows at once; ask for the names of own classes."""
        for name in PLACES[:-1]:
            text = self.cleaned_data.get(name)
            try:
                if text:
                    inside(text, self.roots, kind="folder" if name == "images" else "file")
            except PlaceError as error:
                self.add_error(name, str(error))
        if self.cleaned_data.get("class_set") == "own" and not self.cleaned_data.get("classes", "").strip():
            self.add_error("classes", "expected the names of the classes, got none")


class Preprocessing(Parts):
    """The square that an image becomes, and what a network sees of it."""

    PICTURE = ("size", "antialias", "fit", "crop", "mean", "deviation", "timm")

    size = forms.IntegerField(min_value=8, max_value=4096, initial=256, label="Image size, pixels")
    antialias = forms.BooleanField(
        required=False, label="Antialiased resize", help_text="The published study did not."
    )
    fit = forms.ChoiceField(
        required=False, label="An oblong image is", choices=[(word, word) for word in FITS]
    )
    crop = forms.FloatField(
        required=False, label="Share kept by a crop", help_text="Of the shorter side; blank: 1."
    )
    mean, deviation = (
        NumbersField(required=False, label=label, help_text="Three numbers; blank: ImageNet's.")
        for label in ("Mean of the channels", "Deviation of the channels")
    )
    timm = forms.BooleanField(
        required=False, label="timm's own configuration", help_text="Takes the place of all but the size."
    )

    def preprocess(self) -> dict[str, Any]:
        """Return the [preprocess] section: size and antialias, and what else was chosen."""
        plain = {name: self.cleaned_data[name] for name in ("size", "antialias")}
        return plain | {name: self.cleaned_data[name] for name in self.PICTURE[2:] if self.cleaned_data[name]}


class EnsembleForm(Preprocessing):
    """Checkpoints that lie on the server."""

    GROUPS = {
        "Name": ("slug", "data_set"),
        "Networks": ("architecture", "checkpoints"),
        "Images as they were trained on": Preprocessing.PICTURE,
        "What is in a file": ("weights", "rename", "output"),
    }

    weights, output = (
        forms.ChoiceField(required=False, label=label, choices=[(word, word) for word in words])
        for label, words in (("Raw or averaged weights", WEIGHTS), ("Output", OUTPUTS))
    )
    rename = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}), required=False, label="Names to change",
        help_text="A line each, beginning=replacement: backbone.=features.",
    )  # fmt: skip
    slug = forms.SlugField(max_length=60, label="Name")
    data_set = forms.ModelChoiceField(DataSet.objects.all(), label="Data set")
    architecture = forms.RegexField(
        r"^[A-Za-z0-9_.:]{1,100}$", label="Architecture", widget=Offer(ARCHITECTURES), initial="resnet50"
    )
    checkpoints = forms.CharField(
        max_length=500, label="Checkpoints",
        help_text="A folder in the published layout, or a pattern: nets/seed-{seed}.pt",
    )  # fmt: skip

    def reading(self) -> dict[str, Any]:
        """Return what of [models] was filled in, beside architecture and checkpoints."""
        given = {name: self.cleaned_data[name] for name in ("weights", "output") if self.cleaned_data[name]}
        lines = [line for line in self.cleaned_data["rename"].splitlines() if line.strip()]
        return given | ({"rename": lines} if lines else {})

    def __init__(self, *args: Any, roots: Sequence[Path], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["checkpoints"].widget = Offer(offered(roots, kind="folder"))


class SweepForm(Parts):
    """A sweep over an ensemble."""

    GROUPS = {
        "What": ("ensemble", "seeds", "method", "sparsities", "seed", "others"),
        "Method": ("device", "precision", "batch_size", "engine", "threads"),
    }

    ensemble = forms.ModelChoiceField(Ensemble.objects.select_related("data_set"), label="Ensemble")
    seeds = SeedsField(required=False, label="Seeds", help_text=f"Blank takes all. {SEEDS_HELP}")
    method = forms.ChoiceField(label="Removed by")
    sparsities = forms.CharField(
        label="Shares of removed weights", initial=", ".join(f"{share:g}" for share in SPARSITIES),
        help_text="0 must be among them: everything is compared with it.",
    )  # fmt: skip
    seed = forms.IntegerField(min_value=0, initial=0, label="Seed of methods that draw")
    others = forms.ModelMultipleChoiceField(
        Ensemble.objects.all(), required=False, label="Compare with the ensembles",
        help_text="Other networks for the same seeds and images: students, fine-tuned ones. Each is a condition.",
    )  # fmt: skip
    device = forms.ChoiceField(
        choices=[(d, {"cpu": "CPU", "cuda": "GPU (CUDA)"}[d]) for d in DEVICES], label="Device",
        help_text="On a GPU a unit is a checkpoint at all shares, on a CPU at one.",
    )  # fmt: skip
    precision = forms.ChoiceField(choices=[(p, p) for p in PRECISIONS], label="Precision")
    batch_size = forms.IntegerField(min_value=1, max_value=4096, initial=32, label="Batch size")
    engine = forms.ChoiceField(label="Engine")
    threads = forms.IntegerField(
        min_value=0, max_value=1024, initial=0, label="Threads", help_text="0 takes the host's cores."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        from analysis.sweep.methods.own import method_choices

        named = [(name, f"{name}: {meaning}") for name, meaning in method_choices()]
        self.fields["method"].choices = named  # type: ignore[attr-defined]
        self.fields["method"].initial = PruneSpec().method
        self.fields["engine"].choices = [(name, name) for name in ENGINES]  # type: ignore[attr-defined]

    def clean_sparsities(self) -> list[float]:
        """Read the shares."""
        words = re.split(r"[,\s]+", self.cleaned_data["sparsities"].strip())
        try:
            found = [float(word) for word in words if word]
        except ValueError:
            raise forms.ValidationError("expected numbers from 0 to below 1, separated by commas") from None
        if 0.0 not in found:
            raise forms.ValidationError("expected 0 among the shares; everything is compared with it")
        return found

    def prune(self) -> dict[str, Any]:
        """Return the [prune] section."""
        return self.given(PruneSpec)

    def infer(self) -> dict[str, Any]:
        """Return the [infer] section."""
        return self.given(InferSpec)


_RECIPE = TrainSpec()


class TrainingForm(Preprocessing):
    """An ensemble to train; the defaults are the published recipe."""

    GROUPS = {
        "What": ("slug", "data_set", "architecture", "seeds"),
        "Recipe": (
            "epochs",
            "patience",
            "batch_size",
            "learning_rate",
            "rotation",
            "flip",
            "loss",
            "class_weights",
        ),
        "Images": ("size", "antialias", "fit", "pretrained"),
        "Prune and fine-tune": ("start", "method", "level"),
        "Method": ("device", "precision", "threads"),
    }

    slug = forms.SlugField(max_length=60, label="Name of the ensemble")
    data_set = forms.ModelChoiceField(
        trainable(), label="Data set",
        help_text="Those with training and validation labels.",
    )  # fmt: skip
    architecture = forms.RegexField(
        r"^[A-Za-z0-9_.]{1,100}$", label="Architecture", widget=Offer(ARCHITECTURES), initial="resnet50"
    )
    seeds = SeedsField(label="Seeds", initial="0-29", help_text=f"One network each. {SEEDS_HELP}")
    epochs = forms.IntegerField(min_value=1, max_value=10_000, initial=_RECIPE.epochs, label="At most epochs")
    patience = forms.IntegerField(
        min_value=1, max_value=10_000, initial=_RECIPE.patience, label="Patience, epochs",
        help_text="Stop when the validation loss has not fallen for so long.",
    )  # fmt: skip
    batch_size = forms.IntegerField(
        min_value=1, max_value=8192, initial=_RECIPE.batch_size, label="Batch size"
    )
    learning_rate = forms.FloatField(
        min_value=1e-9, max_value=1, initial=_RECIPE.learning_rate, label="Learning rate"
    )
    rotation = forms.FloatField(
        min_value=0, max_value=180, initial=_RECIPE.rotation, label="Rotation, degrees"
    )
    flip = forms.BooleanField(required=False, initial=_RECIPE.flip, label="Horizontal flips")
    loss = forms.ChoiceField(
        choices=[(n, n) for n in LOSSES],
        label="Loss",
        help_text="bce is the published one; the others favour rare classes.",
    )
    class_weights = forms.ChoiceField(choices=[(n, n) for n in CLASS_WEIGHTS], label="Class weights")
    pretrained = forms.CharField(
        max_length=500,
        required=False,
        label="Weights to start from",
        help_text="A file on the server; nothing is downloaded.",
    )
    start = forms.ModelChoiceField(
        Ensemble.objects.all(), required=False, label="Ensemble", empty_label="train from the beginning",
        help_text="Each seed starts from its member, with the weights gone that the method removes.",
    )  # fmt: skip
    method = forms.ChoiceField(required=False, label="Removed by")
    level = forms.FloatField(required=False, min_value=0, max_value=0.99, label="Share of removed weights")
    device = forms.ChoiceField(choices=[("cpu", "CPU"), ("cuda", "GPU (CUDA)")], label="Device")
    precision = forms.ChoiceField(choices=[(p, p) for p in PRECISIONS], label="Precision")
    threads = forms.IntegerField(min_value=0, max_value=1024, initial=0, label="Threads")

    def __init__(self, *args: Any, roots: Sequence[Path], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        from analysis.sweep.methods.own import method_choices

        self.fields["method"].choices = [("", "nothing"), *method_choices()]  # type: ignore[attr-defined]
        self.fields["pretrained"].widget = Offer(
            offered(roots, kind="file", suffixes=(".pt", ".pth", ".safetensors"))
        )

    def train(self) -> dict[str, Any]:
        """Return the [train] section."""
        return {**self.given(TrainSpec), "flip": self.cleaned_data["flip"]}
