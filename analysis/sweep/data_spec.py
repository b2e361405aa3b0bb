"""What a data set of a sweep is: one frozen dataclass, the policies of its labels, and how its texts are read."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.frames import NIH_CLASSES
from analysis.sweep.errors import SpecError

POLICIES = ("refuse", "negative", "positive", "ignore")
"""What becomes of an uncertain or a blank label."""

COLUMNS = ("image", "view", "sex", "age", "patient", "study", "role")
"""What `columns` may name a heading for."""

READERS = ("majority", "any", "all", "unanimous")
"""How several readers' labels of one image become one."""


CASES = ("image", "mean")
"""What has a score: each image, or each study, the mean of its current images' probabilities."""


@dataclass(frozen=True)
class DataSpec:
    """The data set.

    `layout` says how the label files are published (`analysis.sweep.layouts`). `classes` is the name of a class
    set or a list; `id_column` holds the image names (both by default the layout's); `suffix` replaces the ending of
    the names where the images have another one (`.dcm`). A class is head above `head` training positives and tail
    below `tail`, medium between; values below 1 are shares of the training images.

    `split_test` and so on name the rows of a label file that are of a split: a list of image names, one per line
    (.txt), or a table with a column `split`. `uncertain` and `blank`: a policy for such labels, then exceptions
    (`Edema=positive`). `readers`: the rule for several readers (VinDr-CXR). `columns`: headings of a layout's own
    words (`view=Projektion`). `expert_labels`: other labels for some test images; `expert_classes` says which classes
    each of its columns is about (`Nodule or mass=Nodule|Mass`). `cases`: what of the
    test split has a score (`CASES`); a prior never has.
    """

    name: str
    images: Path
    layout: str = "table"
    labels_test: Path | None = None
    labels_train: Path | None = None
    labels_val: Path | None = None
    split_test: Path | None = None
    split_train: Path | None = None
    split_val: Path | None = None
    metadata: Path | None = None
    columns: tuple[str, ...] = ()
    uncertain: tuple[str, ...] = ("refuse",)
    blank: tuple[str, ...] = ("refuse",)
    readers: str = "majority"
    expert_labels: Path | None = None
    expert_classes: tuple[str, ...] = ()
    classes: tuple[str, ...] = NIH_CLASSES
    id_column: str = "id"
    suffix: str = ""
    synthetic: bool = False
    head: float = 1000
    tail: float = 100
    cases: str = "image"

    def __post_init__(self) -> None:
        """Refuse nonsense."""
        need(bool(self.name), "name", "a name", self.name)
        need(len(set(self.classes)) == len(self.classes) > 0, "classes", "names, each once", self.classes)
        for name in ("uncertain", "blank"):
            policy_of(self, name)
        need_one_of(self, readers=READERS, cases=CASES)
        known = set(pairs(self.columns, "columns")) <= set(COLUMNS)
        need(known, "columns", f"one of {', '.join(COLUMNS)} before each =", self.columns)
        about = pairs(self.expert_classes, "expert_classes").values()
        strange = sorted({name for text in about for name in text.split("|")} - set(self.classes))
        need(not strange, "expert_classes", "classes of the data set", strange)
        given = (self.expert_labels is not None, len(about) > 0)
        need(given[0] == given[1], "expert_labels and expert_classes", "both or neither", self.expert_classes)
        need(self.suffix == "" or self.suffix[0] == ".", "suffix", "an ending with its dot", self.suffix)
        both = (self.head, self.tail)
        need(0 <= self.tail <= self.head, "head and tail", "0 <= tail <= head", both)
        need((self.head < 1) == (self.tail < 1), "head and tail", "two counts or two shares", both)


PLACES = (
    "images", *(f"{what}_{role}" for what in ("labels", "split") for role in ("test", "train", "val")),
    "metadata", "expert_labels",
)  # fmt: skip
"""The keys of a data set that name a place; all but the first a file."""


def pairs(texts: tuple[str, ...], name: str, *, blank: bool = False) -> dict[str, str]:
    """Read texts of the form `A=B`, B perhaps blank; raise SpecError for another."""
    parted = [text.partition("=") for text in texts]
    good = all(a.strip() and mark and (blank or b.strip()) for a, mark, b in parted)
    need(good, name, "texts like A=B", texts)
    found = {a.strip(): b.strip() for a, _, b in parted}
    need(len(found) == len(texts), name, "each name before = once", texts)
    return found


def policy_of(data: DataSpec, name: str) -> dict[str, str]:
    """Return the policy of each class for `uncertain` or `blank` labels."""
    given = getattr(data, name)
    bare = [text for text in given if "=" not in text]
    own = pairs(tuple(text for text in given if "=" in text), name)
    words = [*bare, *own.values()]
    need(len(bare) == 1 and set(words) <= set(POLICIES), name, "one of " + ", ".join(POLICIES), list(given))
    need(set(own) <= set(data.classes), name, "exceptions for classes of the data set", list(own))
    return dict.fromkeys(data.classes, bare[0]) | own


def need_one_of(part: object, **choices: Sequence[str]) -> None:
    """Raise SpecError where a field of a part is none of its choices."""
    for name, known in choices.items():
        came = getattr(part, name)
        need(came in known, name, "one of " + ", ".join(known), came)


def need(good: bool, name: str, wanted: str, came: object) -> None:
    """Raise SpecError with what was wanted and what came unless `good`."""
    if not good:
        raise SpecError(f"{name}: expected {wanted}, got {came!r}")
