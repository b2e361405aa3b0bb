"""What a sweep is: frozen dataclasses, read from TOML. Imports no torch.

A specification checks itself when it is made: types, ranges and names that need no file. What lies in files
is checked by `analysis.sweep.run.prepare`. Relative paths in a TOML file start at that file's folder.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from analysis.conditions import DENSE, Condition, ConditionError, in_order
from analysis.sweep.data_spec import PLACES, DataSpec, need, need_one_of, pairs
from analysis.sweep.errors import SpecError

SPARSITIES = tuple(round(0.05 * step, 2) for step in range(20))
"""0, 0.05 ... 0.95, the ratios of the published study."""

PRECISIONS = ("fp32", "tf32", "fp16", "bf16")
DEVICES = ("cpu", "cuda")
LOSSES = ("bce", "focal", "asymmetric", "ldam")
CLASS_WEIGHTS = ("none", "inverse", "effective")
ENGINES_OF = {
    **dict.fromkeys([("cpu", precision) for precision in ("fp32", "bf16")], ("torch", "fused")),
    **dict.fromkeys([("cuda", precision) for precision in PRECISIONS], ("graph", "fused", "compiled")),
}
"""The engines of each device and precision, the plain one first; `auto` measures them."""

MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)
"""ImageNet's channel statistics, with which the published networks were trained."""

FITS = ("squash", "letterbox", "crop")
"""How an image that is not square becomes so."""

COLOURS = ("grey", "rgb")
"""What images are read as: one plane, colour by its luminance; or red, green and blue of sRGB."""

WEIGHTS = ("raw", "ema")
RECALIBRATED = ("", "batch_norm")
TRAINING_FILES = ("pretrained", "sample_weights", "relabel")
"""The keys of [train] that name a file."""
OUTPUTS = ("sigmoid", "softmax")
FACTORY = "factory:"
"""Before an architecture: a function of the user's own code, `factory:package.module:function`."""


@dataclass(frozen=True)
class PreprocessSpec:
    """How an image becomes a square of bytes, and what a network sees of them.

    `size` in pixels, `window` in percentiles (DICOM only). `fit`: the whole image squashed, or with black bars
    (letterbox), or the share `crop` of its shorter side from the middle. `mean`, `deviation`: of the three channels,
    of values from 0 to 1. `timm`: all this but the size and the window from timm's own configuration. `colour`: what
    images are read as, and networks were trained on; in grey, each network gets the one plane three times.
    """

    size: int = 256
    antialias: bool = False
    window: tuple[float, ...] = (0.5, 99.5)
    fit: str = "squash"
    crop: float = 1.0
    mean: tuple[float, ...] = MEAN
    deviation: tuple[float, ...] = DEVIATION
    timm: bool = False
    colour: str = "grey"

    def __post_init__(self) -> None:
        """Refuse nonsense."""
        need(8 <= self.size <= 4096, "size", "8 to 4096 pixels", self.size)
        good = len(self.window) == 2 and 0 <= self.window[0] < self.window[1] <= 100
        need(good, "window", "two rising percentiles from 0 to 100", self.window)
        need_one_of(self, fit=FITS, colour=COLOURS)
        need(0 < self.crop <= 1, "crop", "a share above 0 up to 1", self.crop)
        need(self.crop == 1 or self.fit == "crop", "crop", '1 unless fit = "crop"', self.crop)
        need(len(self.mean) == 3, "mean", "three numbers", self.mean)
        good = len(self.deviation) == 3 and min(self.deviation) > 0
        need(good, "deviation", "three numbers above 0", self.deviation)

    def decoding(self) -> dict[str, Any]:
        """Return what the decoded squares depend on, as it was written before there was a choice of `fit`."""
        squared = {} if self.fit == "squash" else {"fit": self.fit, "crop": self.crop}
        coloured = {"colour": self.colour} if self.colour != "grey" else {}
        return {"size": self.size, "antialias": self.antialias, "window": self.window, **squared, **coloured}

    @property
    def shape(self) -> tuple[int, ...]:
        """Of a decoded image: rows and columns, and in colour three planes."""
        return (self.size, self.size) if self.colour == "grey" else (self.size, self.size, 3)


@dataclass(frozen=True)
class ModelsSpec:
    """The ensemble.

    `architecture`: of torchvision or timm, or `factory:package.module:function`. `checkpoints`: a folder in the
    PruneCXR layout, a pattern (`seed-{seed}.pt` or `models/*.pt`), or a list of files. `seeds`: the ones to use; empty
    takes all that are there. `weights`: raw, or their moving average where a file has both. `rename`: beginnings of
    stored names and what to put in their place (`encoder.=features.`). `output`: what turns logits into scores.
    """

    architecture: str = "resnet50"
    checkpoints: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    weights: str = "raw"
    rename: tuple[str, ...] = ()
    output: str = "sigmoid"

    def __post_init__(self) -> None:
        """Refuse nonsense."""
        need(bool(self.architecture), "architecture", "a name", self.architecture)
        own = self.architecture.removeprefix(FACTORY)
        good = own == self.architecture or all(part.isidentifier() for part in re.split("[.:]", own))
        good = good and own.count(":") <= 1
        need(good, "architecture", f"{FACTORY}package.module:function", self.architecture)
        need_one_of(self, weights=WEIGHTS, output=OUTPUTS)
        pairs(self.rename, "rename", blank=True)
        need(all(s >= 0 for s in self.seeds), "seeds", "whole numbers from 0", self.seeds)
        need(len(set(self.seeds)) == len(self.seeds), "seeds", "each seed once", self.seeds)


@dataclass(frozen=True)
class PruneSpec:
    """What is removed: the method's registered name, the ratios, and the seed of methods that draw.

    `reference`: the condition that the others are compared with; blank: the smallest ratio. `recalibrate`: at every
    ratio, 0 included, statistics are recomputed on training images (`analysis.sweep.run.recalibrate`).
    """

    method: str = "global_l1"
    sparsities: tuple[float, ...] = SPARSITIES
    seed: int = 0
    reference: str = ""
    recalibrate: str = ""

    def __post_init__(self) -> None:
        """Refuse nonsense."""
        ks = self.sparsities
        need(len(ks) > 0 and all(0 <= k < 1 for k in ks), "sparsities", "ratios from 0 to below 1", ks)
        need(all(abs(k - round(k, 2)) < 1e-9 for k in ks), "sparsities", "at most two decimals", ks)
        need(len({f"{k:.2f}" for k in ks}) == len(ks), "sparsities", "each ratio once", ks)
        need(self.seed >= 0, "seed", "a whole number from 0", self.seed)
        need(self.recalibrate in RECALIBRATED, "recalibrate", "batch_norm or nothing", self.recalibrate)


@dataclass(frozen=True)
class ConditionSpec:
    """A condition beside the ratios of [prune], an entry of [[conditions]].

    `method` at `level` (0: its only one) compresses the networks. `checkpoints` are other networks, one for each seed
    of [models] (a student, or the same ones fine-tuned), of `architecture`, blank: that of [models]; they need no
    method. `recalibrate`: as of [prune]; alone it is the networks as trained with new statistics.
    """

    name: str
    method: str = ""
    level: float = 0.0
    architecture: str = ""
    checkpoints: tuple[str, ...] = ()
    recalibrate: str = ""

    def __post_init__(self) -> None:
        """Refuse nonsense."""
        given = bool(self.method or self.checkpoints or self.recalibrate)
        need(given, "method, checkpoints or recalibrate", "one or more", self.method)
        need(self.recalibrate in RECALIBRATED, "recalibrate", "batch_norm or nothing", self.recalibrate)
        need(bool(self.checkpoints) or not self.architecture, "architecture", "checkpoints with it", ())
        good = 0 <= self.level < 1 and abs(self.level - round(self.level, 2)) < 1e-9
        need(good, "level", "0 to below 1 with two decimals", self.level)


@dataclass(frozen=True)
class InferSpec:
    """How the network is run. All of it is part of the run's identity.

    `threads` 0 takes the cores of the host. `engine` auto takes the fastest by a short
    measurement when the run is created; the choice is frozen into the run.
    """

    device: str = "cpu"
    precision: str = "fp32"
    batch_size: int = 32
    threads: int = 0
    engine: str = "auto"

    def __post_init__(self) -> None:
        """Refuse nonsense."""
        need_one_of(self, device=DEVICES, precision=PRECISIONS)
        fitting = ENGINES_OF.get((self.device, self.precision), ())
        need(len(fitting) > 0, "precision", "fp32 or bf16 on a CPU", self.precision)
        need_one_of(self, engine=("auto", *fitting))
        need(self.batch_size >= 1, "batch_size", "1 or more", self.batch_size)
        need(self.threads >= 0, "threads", "0 or more", self.threads)


@dataclass(frozen=True)
class TrainSpec:
    """The training recipe; the defaults are the published study's. Not part of a sweep's identity.

    `learning_rate` of Adam; `weight_decay`: factor of the L2 penalty in its gradient; `rotation` in degrees to either
    side; `patience` in epochs without a lower validation loss; `loss` and `class_weights` by name
    (`analysis.sweep.training.losses`); `pretrained` is a file of weights to start from (never downloaded); `precision`
    fp16 (CUDA only) and bf16 are mixed precision.

    `sample_weights` and `relabel` are files about some training images (`analysis.sweep.data.amended`): a weight of
    the loss, 0 leaving an image out, and labels in the place of the written ones.

    `method` at `level` fine-tunes: each seed starts from its checkpoint of [models], with the weights gone that the
    method removes, and they stay zero.
    """

    seeds: tuple[int, ...] = (0,)
    epochs: int = 60
    patience: int = 15
    batch_size: int = 256
    learning_rate: float = 1e-4
    weight_decay: float = 0.0
    rotation: float = 15.0
    flip: bool = True
    pretrained: Path | None = None
    loss: str = "bce"
    class_weights: str = "none"
    precision: str = "fp32"
    threads: int = 0
    device: str = "cpu"
    method: str = ""
    level: float = 0.0
    sample_weights: Path | None = None
    relabel: Path | None = None

    def __post_init__(self) -> None:
        """Refuse nonsense."""
        need((self.level > 0) == bool(self.method), "method and level", "both or neither", self.level)
        need(0 <= self.level < 1, "level", "a share from 0 to below 1", self.level)
        need(not (self.method and self.pretrained), "pretrained", "none with a method", self.pretrained)
        good = len(self.seeds) > 0 and min(self.seeds) >= 0 and len(set(self.seeds)) == len(self.seeds)
        need(good, "seeds", "whole numbers from 0, each once", self.seeds)
        for name in ("epochs", "patience", "batch_size"):
            need(getattr(self, name) >= 1, name, "1 or more", getattr(self, name))
        need(self.learning_rate > 0, "learning_rate", "a number above 0", self.learning_rate)
        need(self.weight_decay >= 0, "weight_decay", "a number from 0", self.weight_decay)
        need(0 <= self.rotation <= 180, "rotation", "0 to 180 degrees", self.rotation)
        need_one_of(self, loss=LOSSES, class_weights=CLASS_WEIGHTS, precision=PRECISIONS, device=DEVICES)
        on_cpu = self.device == "cuda" or self.precision in ("fp32", "bf16")
        need(on_cpu, "precision", "fp32 or bf16 on a CPU", self.precision)
        need(self.threads >= 0, "threads", "0 or more", self.threads)


@dataclass(frozen=True)
class SweepSpec:
    """A whole sweep: data, preprocessing, models, pruning, inference, and how the models are trained."""

    data: DataSpec
    preprocess: PreprocessSpec = field(default_factory=PreprocessSpec)
    models: ModelsSpec = field(default_factory=ModelsSpec)
    prune: PruneSpec = field(default_factory=PruneSpec)
    infer: InferSpec = field(default_factory=InferSpec)
    train: TrainSpec = field(default_factory=TrainSpec)
    conditions: tuple[ConditionSpec, ...] = ()

    def __post_init__(self) -> None:
        """Refuse conditions that are named like a ratio or like each other, and a reference that is none of them."""
        try:
            found = [Condition.of(one.name) for one in self.conditions]
            chosen = Condition.of(self.prune.reference or DENSE).name
        except ConditionError as error:
            raise SpecError(f"[[conditions]] name: {error}") from error
        names = [one.name for one in found]
        bare = len(set(names)) == len(names) and all(one.level is None for one in found)
        need(bare, "[[conditions]] name", "names that are no ratios, each once", names)
        if self.prune.reference:
            need(chosen in self.axis, "[prune] reference", f"one of {', '.join(self.axis)}", chosen)

    @property
    def axis(self) -> tuple[str, ...]:
        """The names of all conditions, the reference first."""
        ratios = [Condition.of(ratio).name for ratio in self.prune.sparsities]
        chosen = self.prune.reference and Condition.of(self.prune.reference).name
        return in_order([*ratios, *(one.name for one in self.conditions)], chosen)

    def condition(self, name: str) -> ConditionSpec:
        """Return how a condition is made."""
        there = {one.name: one for one in self.conditions}
        level = Condition.of(name).level or 0.0
        return there.get(name) or ConditionSpec(
            name, self.prune.method, level, recalibrate=self.prune.recalibrate
        )

    def models_of(self, name: str) -> ModelsSpec:
        """Return the networks of a condition."""
        own = self.condition(name)
        if not own.checkpoints:
            return self.models
        architecture = own.architecture or self.models.architecture
        return replace(self.models, architecture=architecture, checkpoints=own.checkpoints)

    def choices(self) -> dict[str, dict[str, Any]]:
        """Return the frozen choices that differ from the defaults, without training and what is `_FREE`."""
        kept: dict[str, dict[str, Any]] = {}
        for section in ("data", "preprocess", "models", "prune", "infer"):
            part = getattr(self, section)
            frozen = {f.name: f.default for f in fields(part) if f.name not in _FREE.get(section, ())}
            if differing := {n: getattr(part, n) for n in frozen if getattr(part, n) != frozen[n]}:
                kept[section] = differing
        if self.conditions:
            kept["conditions"] = {one.name: plain(one) | {"checkpoints": None} for one in self.conditions}
            for one in kept["conditions"].values():  # came later: runs without it keep their names
                if not one["recalibrate"]:
                    del one["recalibrate"]
        return kept

    def run_id(self, digests: Mapping[str, str]) -> str:
        """Name a run by what can change its result: 12 hexadecimal digits.

        `digests` maps what was read (label file, image list, each checkpoint) to its SHA-256.
        """
        identity = {"format": 1, "choices": self.choices(), "digests": dict(digests)}
        return sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:12]

    def as_dict(self) -> dict[str, Any]:
        """Return all fields as JSON values, with whole paths; `analysis.sweep.toml` reads them back."""
        return self._sections() | (
            {"conditions": [plain(one) for one in self.conditions]} if self.conditions else {}
        )

    def shown(self) -> dict[str, Any]:
        """Return all fields as JSON values, with file names in place of paths (for provenance)."""
        hidden: dict[str, dict[str, Any]] = {
            "data": {n: _file_name(getattr(self.data, n)) for n in PLACES},
            "models": {"checkpoints": [Path(c).name for c in self.models.checkpoints]},
            "train": {n: _file_name(getattr(self.train, n)) for n in TRAINING_FILES},
        }
        found = {section: values | hidden.get(section, {}) for section, values in self._sections().items()}
        named = [
            plain(one) | {"checkpoints": [Path(c).name for c in one.checkpoints]} for one in self.conditions
        ]
        return found | ({"conditions": named} if named else {})

    def _sections(self) -> dict[str, dict[str, Any]]:
        return {f.name: plain(getattr(self, f.name)) for f in fields(self) if f.name != "conditions"}

    def with_checkpoints(self, *places: Path | str) -> "SweepSpec":
        """Return the same sweep over other checkpoints."""
        return replace(self, models=replace(self.models, checkpoints=tuple(str(p) for p in places)))


_FREE: Mapping[str, tuple[str, ...]] = {
    "data": (*PLACES, "name", "id_column", "suffix", "synthetic"),
    "models": ("checkpoints", "seeds"),
}
"""What is not part of a run's identity: names and places of files, whose digests are, and which seeds are run."""


def plain(part: Any) -> dict[str, Any]:
    """Return the fields of a part as JSON values, with whole paths."""
    return {f.name: _plain_value(getattr(part, f.name)) for f in fields(part)}


def _plain_value(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


def _file_name(place: Path | None) -> str | None:
    return None if place is None else place.name
