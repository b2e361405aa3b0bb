"""Forms of the researcher's pages; their fields are defined in forms.toml.

A field's error says what was expected, what was found and what to do.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from django import forms
from django.db.models import QuerySet

from analysis.models import DataSet, Ensemble
from analysis.selection import CRITERIA
from analysis.services.findings import Choices
from analysis.services.places import PlaceError, inside
from analysis.services.uploads import as_sent
from analysis.sweep import spec as sections
from analysis.sweep.data_spec import CASES, PLACES, POLICIES, DataSpec
from analysis.sweep.layouts import CLASS_SETS, LAYOUTS
from analysis.views.fields import KINDS, Parts


def trainable() -> QuerySet[DataSet]:
    """Return the data sets on which networks can be trained."""
    return DataSet.objects.filter(counts__has_keys=["train", "val"])


def _methods() -> list[tuple[str, str]]:
    from analysis.sweep.methods.own import method_choices

    return list(method_choices())


ENGINES = ("auto", *dict.fromkeys(name for fitting in sections.ENGINES_OF.values() for name in fitting))
CHOICES: Mapping[str, Any] = {
    "data sets": DataSet.objects.all(), "trainable": trainable(),
    "ensembles": Ensemble.objects.select_related("data_set"),
    "layouts": [(one.name, one.meaning) for one in LAYOUTS.values()],
    "class sets": [*((name, name) for name in CLASS_SETS), ("own", "my own, named below")],
    "devices": [(d, {"cpu": "CPU", "cuda": "GPU (CUDA)"}[d]) for d in sections.DEVICES],
    "policies": POLICIES, "fits": sections.FITS, "colours": sections.COLOURS, "weights": sections.WEIGHTS,
    "outputs": sections.OUTPUTS, "precisions": sections.PRECISIONS, "engines": ENGINES, "losses": sections.LOSSES,
    "methods": lambda: [(name, f"{name}: {meaning}") for name, meaning in _methods()],
    "methods or none": lambda: [("", "nothing"), *_methods()],
    "cases": CASES, "class weights": sections.CLASS_WEIGHTS, "scores": ("change", "dense", "pruned"),
    "criteria": [(one.name, one.label) for one in CRITERIA.values()],
}  # fmt: skip
"""What a field lets choose from: records, words with their meanings, what gives those when it is asked, or words that
stand for themselves.
"""
DEFAULTS: Mapping[str, Any] = {
    "prune": sections.PruneSpec(),
    "train": sections.TrainSpec(),
    "findings": Choices(),
}
WORDS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


def _field(name: str, told: Mapping[str, Any]) -> forms.Field:
    """Return a field of forms.toml."""
    given = dict(told)
    make, usual = KINDS[given.pop("kind")]
    if (part := given.pop("default_of", None)) is not None:
        found = getattr(DEFAULTS[part], name)
        given["initial"] = ", ".join(f"{one:g}" for one in found) if isinstance(found, tuple) else found
    if isinstance(choices := CHOICES.get(given.pop("choices", "")), QuerySet):
        given["queryset"] = choices
    elif callable(choices):
        given["choices"] = choices
    elif choices is not None:
        given["choices"] = [one if isinstance(one, tuple) else (one, one) for one in choices]
    return make(**{**usual, **given})


class Described(Parts):
    """A form whose fields forms.toml describes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        described = WORDS[type(self).__name__]
        self.GROUPS = {title: tuple(fields) for title, fields in described.items()}
        self.fields |= {
            name: _field(name, told) for part in described.values() for name, told in part.items()
        }


class DataSetForm(Described):
    """A data set to register: a name, places on the server, the classes."""

    def __init__(self, *args: Any, roots: Sequence[Path], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.roots = roots

    def add_error(self, field: str | None, error: Any) -> None:
        """Show an error, with the fields by their labels and the files of an upload as they were sent."""
        called = {f"[data] {name}": str(one.label) for name, one in self.fields.items()}
        told = re.sub(r"\[data\] \w+", lambda key: called.get(key[0], key[0]), as_sent(str(error)))
        super().add_error(field, told if isinstance(error, str) else error)

    def section(self) -> dict[str, Any]:
        """Return the [data] section that was filled in."""
        chosen: Any = self.cleaned_data["class_set"]
        if chosen == "own":
            chosen = [*filter(None, map(str.strip, re.split(r"[,\n]", self.cleaned_data["classes"])))]
        return {**self.given(DataSpec), "classes": chosen}

    def clean(self) -> None:
        """Look for every place, so that all that is wrong shows at once; ask for the names of own classes."""
        for name in PLACES[:-1]:
            try:
                if text := self.cleaned_data.get(name):
                    inside(text, self.roots, kind="folder" if name == "images" else "file")
            except PlaceError as error:
                self.add_error(name, str(error))
        if self.cleaned_data.get("class_set") == "own" and not self.cleaned_data.get("classes", "").strip():
            self.add_error("classes", "expected the names of the classes, got none")


class Preprocessing(Described):
    """The square that an image becomes, and what a network sees of it."""

    def preprocess(self) -> dict[str, Any]:
        """Return the [preprocess] section: size and antialias, and what else was chosen."""
        plain = {name: self.cleaned_data[name] for name in ("size", "antialias")}
        further = ("fit", "crop", "mean", "deviation", "timm", "colour")
        return plain | {name: self.cleaned_data[name] for name in further if self.cleaned_data.get(name)}


class EnsembleForm(Preprocessing):
    """Checkpoints that are on the server."""

    def reading(self) -> dict[str, Any]:
        """Return what of [models] was filled in, beside architecture and checkpoints."""
        given = {name: self.cleaned_data[name] for name in ("weights", "output") if self.cleaned_data[name]}
        lines = [line for line in self.cleaned_data["rename"].splitlines() if line.strip()]
        return given | ({"rename": lines} if lines else {})


class SweepForm(Described):
    """A sweep over an ensemble."""

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


class TrainingForm(Preprocessing):
    """An ensemble to train; the defaults are the published recipe."""

    def train(self) -> dict[str, Any]:
        """Return the [train] section."""
        return {**self.given(sections.TrainSpec), "flip": self.cleaned_data["flip"]}
