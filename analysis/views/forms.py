"""Forms of the researcher's pages. A field's error says what was expected, what was found and what to do."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django import forms
from django.db.models import QuerySet

from analysis.models import DataSet, Ensemble
from analysis.services.places import PlaceError, inside, offered
from analysis.sweep import spec as sections
from analysis.sweep.data_spec import PLACES, POLICIES, DataSpec
from analysis.sweep.layouts import CLASS_SETS, LAYOUTS
from analysis.views.fields import NumbersField, Offer, Parts, SeedsField

ARCHITECTURES = (
    "resnet50", "resnet18", "resnet34", "resnet101", "densenet121", "efficientnet_b0", "convnext_tiny",
    "mobilenet_v3_large", "shufflenet_v2_x0_5", "vit_b_16",
)  # fmt: skip
"""What a form offers; any name that torchvision (or timm, when installed) knows may be typed."""

ENGINES = ("auto", *dict.fromkeys(name for fitting in sections.ENGINES_OF.values() for name in fitting))
SEEDS_HELP = "Numbers and ranges: 0-29, or 0, 3, 7."


def _place(label: str, help_text: str = "", **more: Any) -> forms.CharField:
    """Return a field for a place on the server."""
    return forms.CharField(**{"max_length": 500, "required": False} | more, label=label, help_text=help_text)


def _one_of(words: Sequence[str], label: str, help_text: str = "", **more: Any) -> forms.ChoiceField:
    """Return a choice of words that stand for themselves."""
    return forms.ChoiceField(choices=[(w, w) for w in words], label=label, help_text=help_text, **more)


def _whole(label: str, low: int, high: int, initial: int | None, help_text: str = "") -> forms.IntegerField:
    return forms.IntegerField(
        min_value=low, max_value=high, initial=initial, label=label, help_text=help_text
    )


def _flag(label: str, help_text: str = "", **more: Any) -> forms.BooleanField:
    return forms.BooleanField(required=False, label=label, help_text=help_text, **more)


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
    synthetic = _flag("Synthetic images", "Every page and file made from it will say so.")
    images = _place("Folder of the images", required=True)
    labels_test = _place("Test labels", "For sweeps.")
    labels_train = _place("Training labels", "For trainings, and to tell head from tail.")
    labels_val = _place("Validation labels", "For trainings.")
    split_test, split_train, split_val = (
        _place(
            f"List of the {role} images",
            "Only where one label file holds several splits: names, or a table with a column split.",
        )
        for role in ("test", "training", "validation")
    )
    metadata = _place("Metadata", "View, sex, age, patient: for matched images.")
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
    id_column = _place("Column of the image names", "Blank takes that of the classes.", max_length=100)
    suffix = forms.RegexField(
        r"^\.[A-Za-z0-9]{1,8}$", required=False, label="Ending of the image files",
        help_text="Only where it differs from the label files': .dcm",
    )  # fmt: skip
    uncertain, blank = (
        _one_of(POLICIES, f"{name} labels", required=False) for name in ("Uncertain (-1)", "Blank")
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

    size = _whole("Image size, pixels", 8, 4096, 256)
    antialias = _flag("Antialiased resize", "The published study did not.")
    fit = _one_of(sections.FITS, "An oblong image is", required=False)
    crop = forms.FloatField(
        required=False, label="Share kept by a crop", help_text="Of the shorter side; blank: 1."
    )
    mean, deviation = (
        NumbersField(required=False, label=label, help_text="Three numbers; blank: ImageNet's.")
        for label in ("Mean of the channels", "Deviation of the channels")
    )
    timm = _flag("timm's own configuration", "Takes the place of all but the size.")

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
        _one_of(words, label, required=False)
        for label, words in (("Raw or averaged weights", sections.WEIGHTS), ("Output", sections.OUTPUTS))
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
    checkpoints = _place(
        "Checkpoints", "A folder in the published layout, or a pattern: nets/seed-{seed}.pt", required=True
    )

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
    sparsities = NumbersField(
        label="Shares of removed weights", initial=", ".join(f"{share:g}" for share in sections.SPARSITIES),
        help_text="0 must be among them: everything is compared with it.",
    )  # fmt: skip
    seed = forms.IntegerField(min_value=0, initial=0, label="Seed of methods that draw")
    others = forms.ModelMultipleChoiceField(
        Ensemble.objects.all(), required=False, label="Compare with the ensembles",
        help_text="Other networks for the same seeds and images: students, fine-tuned ones. Each is a condition.",
    )  # fmt: skip
    device = forms.ChoiceField(
        choices=[(d, {"cpu": "CPU", "cuda": "GPU (CUDA)"}[d]) for d in sections.DEVICES], label="Device",
        help_text="On a GPU a unit is a checkpoint at all shares, on a CPU at one.",
    )  # fmt: skip
    precision = _one_of(sections.PRECISIONS, "Precision")
    batch_size = _whole("Batch size", 1, 4096, 32)
    engine = _one_of(ENGINES, "Engine")
    threads = _whole("Threads", 0, 1024, 0, "0 takes the host's cores.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        from analysis.sweep.methods.own import method_choices

        named = [(name, f"{name}: {meaning}") for name, meaning in method_choices()]
        self.fields["method"].choices = named  # type: ignore[attr-defined]
        self.fields["method"].initial = sections.PruneSpec().method

    def clean_sparsities(self) -> list[float]:
        """Refuse shares without the one that everything is compared with."""
        found: list[float] = self.cleaned_data["sparsities"]
        if 0.0 not in found:
            raise forms.ValidationError("expected 0 among the shares; everything is compared with it")
        return found

    def prune(self) -> dict[str, Any]:
        """Return the [prune] section."""
        return self.given(sections.PruneSpec)

    def infer(self) -> dict[str, Any]:
        """Return the [infer] section."""
        return self.given(sections.InferSpec)


_RECIPE = sections.TrainSpec()


class TrainingForm(Preprocessing):
    """An ensemble to train; the defaults are the published recipe."""

    GROUPS = {
        "What": ("slug", "data_set", "architecture", "seeds"),
        "Recipe": (
            "epochs", "patience", "batch_size", "learning_rate", "rotation", "flip", "loss", "class_weights",
        ),
        "Images": ("size", "antialias", "fit", "pretrained"),
        "Prune and fine-tune": ("start", "method", "level"),
        "Method": ("device", "precision", "threads"),
    }  # fmt: skip

    slug = forms.SlugField(max_length=60, label="Name of the ensemble")
    data_set = forms.ModelChoiceField(
        trainable(), label="Data set",
        help_text="Those with training and validation labels.",
    )  # fmt: skip
    architecture = forms.RegexField(
        r"^[A-Za-z0-9_.]{1,100}$", label="Architecture", widget=Offer(ARCHITECTURES), initial="resnet50"
    )
    seeds = SeedsField(label="Seeds", initial="0-29", help_text=f"One network each. {SEEDS_HELP}")
    epochs = _whole("At most epochs", 1, 10_000, _RECIPE.epochs)
    patience = _whole(
        "Patience, epochs",
        1,
        10_000,
        _RECIPE.patience,
        "Stop when the validation loss has not fallen for so long.",
    )
    batch_size = _whole("Batch size", 1, 8192, _RECIPE.batch_size)
    learning_rate = forms.FloatField(
        min_value=1e-9, max_value=1, initial=_RECIPE.learning_rate, label="Learning rate"
    )
    rotation = forms.FloatField(
        min_value=0, max_value=180, initial=_RECIPE.rotation, label="Rotation, degrees"
    )
    flip = _flag("Horizontal flips", initial=_RECIPE.flip)
    loss = _one_of(sections.LOSSES, "Loss", "bce is the published one; the others favour rare classes.")
    class_weights = _one_of(sections.CLASS_WEIGHTS, "Class weights")
    pretrained = _place("Weights to start from", "A file on the server; nothing is downloaded.")
    start = forms.ModelChoiceField(
        Ensemble.objects.all(), required=False, label="Ensemble", empty_label="train from the beginning",
        help_text="Each seed starts from its member, with the weights gone that the method removes.",
    )  # fmt: skip
    method = forms.ChoiceField(required=False, label="Removed by")
    level = forms.FloatField(required=False, min_value=0, max_value=0.99, label="Share of removed weights")
    device = forms.ChoiceField(choices=[("cpu", "CPU"), ("cuda", "GPU (CUDA)")], label="Device")
    precision = _one_of(sections.PRECISIONS, "Precision")
    threads = _whole("Threads", 0, 1024, 0)

    def __init__(self, *args: Any, roots: Sequence[Path], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        from analysis.sweep.methods.own import method_choices

        self.fields["method"].choices = [("", "nothing"), *method_choices()]  # type: ignore[attr-defined]
        self.fields["pretrained"].widget = Offer(
            offered(roots, kind="file", suffixes=(".pt", ".pth", ".safetensors"))
        )

    def train(self) -> dict[str, Any]:
        """Return the [train] section."""
        return {**self.given(sections.TrainSpec), "flip": self.cleaned_data["flip"]}
