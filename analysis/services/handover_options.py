"""What is asked before a case set is written: the one list for the commands and for the page's forms."""

from argparse import Action, ArgumentParser
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from analysis.caseset import CaseSet, CaseSetError
from analysis.caseset.plan import PERSONAL
from analysis.endpoints import Groups
from analysis.selection import CRITERIA, Nearest, SelectionSpec
from analysis.selection.choose import ESTIMANDS
from analysis.selection.sampling import DRAWS

DEFAULTS = SelectionSpec()

GROUPS_METAVAR = ("ONE", "ONES", "OTHER", "OTHERS")
GROUPS_HELP = (
    "what one case and several cases of the first group are called, then of the second, as in: "
    "PIE PIEs control controls"
)


def add_places(parser: ArgumentParser) -> None:
    """Take where images lie, where both halves go, and the file with the terms of use."""
    parser.add_argument("--images", type=Path, required=True, help="folder of the images to read")
    parser.add_argument("--out", type=Path, required=True, help="the blind folder to create")
    parser.add_argument(
        "--key-out", type=Path, required=True, help="the sealed key file to create, somewhere else"
    )
    parser.add_argument(
        "--terms", type=Path,
        help="file with the terms of use (markdown); anyone who sees the images in a study confirms them first",
    )  # fmt: skip


def add_contents(parser: ArgumentParser) -> list[Action]:
    """Take what is shown, who may see it, the check for text and the size of blocks."""
    add = parser.add_argument
    return [
        add("--show", dest="shown", nargs="*", default=[], choices=PERSONAL,
            help="metadata columns that a study may show with the labels"),
        add("--credential", default="", help="what a person needs to see the images"),
        add("--ethics", default="", help="reference of the ethics approval"),
        add("--burned-in-checked", metavar="REASON", default="",
            help="who looked for names in images that may show text, and how; recorded in the sealed report"),
        add("--block-size", type=int, default=20, help="target number of cases in a block"),
    ]  # fmt: skip


def add_unchecked(parser: ArgumentParser) -> list[Action]:
    """Take why images are handed over without a comparison."""
    help_ = (
        "hand the images over without comparing them with the images that the run evaluated; give the "
        "reason, which is recorded in the sealed report and shown before the lock"
    )
    add = parser.add_argument
    return [add("--unchecked-images", dest="unchecked", metavar="REASON", default="", help=help_)]


def add_conditions(parser: ArgumentParser) -> list[Action]:
    """Take the two conditions between which exemplars are found."""
    add = parser.add_argument
    return [
        add("--condition", "--sparsity", default="", metavar="NAME",
            help="condition in which exemplars are found: a share of removed weights or a name (default: 0.90, or "
            "the only one beside the reference)"),
        add("--reference", default="", metavar="NAME",
            help="what it is compared with (default: the run's reference)"),
    ]  # fmt: skip


def add_exemplars(parser: ArgumentParser) -> list[Action]:
    """Take what makes an exemplar."""
    add = parser.add_argument
    return [
        add("--criterion", choices=sorted(CRITERIA), default=DEFAULTS.criterion,
            help="measure of agreement between dense and pruned scores by which exemplars are chosen (default "
            "%(default)s)"),
        *add_conditions(parser),
        add("--fraction", type=float, default=DEFAULTS.fraction,
            help="fraction of images that are exemplars (default %(default)s)"),
    ]  # fmt: skip


def add_selection(parser: ArgumentParser) -> list[Action]:
    """Take every choice of a selection but the seed."""
    add = parser.add_argument
    return [
        *add_exemplars(parser),
        add("--size", type=int, help="exemplars to draw (default: all)"),
        add("--draw", choices=sorted(DRAWS), default=DEFAULTS.draw,
            help="how exemplars are drawn: at random, in equal numbers from the class groups, or those with the "
            "lowest agreement"),
        add("--controls", choices=sorted(ESTIMANDS), default=DEFAULTS.controls,
            help="how controls are chosen (default %(default)s)"),
        add("--ratio", type=int, default=DEFAULTS.ratio, help="controls per exemplar"),
        add("--exact", nargs="*", default=list(DEFAULTS.exact), help="columns to match exactly"),
        add("--nearest", nargs="*", type=nearest_of, default=list(DEFAULTS.nearest),
            help="columns to match approximately: NAME, NAME=WEIGHT or NAME=WEIGHT:CALIPER"),
        add("--caliper", type=float, help="largest distance of a pair"),
        add("--same-patient-allowed", action="store_true",
            help="allow several images of one patient (no metadata)"),
    ]  # fmt: skip


def nearest_of(text: str) -> Nearest:
    """Read NAME, NAME=WEIGHT or NAME=WEIGHT:CALIPER; raise ValueError for anything else."""
    name, _, rest = text.partition("=")
    weight, _, caliper = rest.partition(":")
    return Nearest(name, float(weight or 1), float(caliper) if caliper else None)


def spec_of(options: Mapping[str, Any], seed: int) -> SelectionSpec:
    """Return the selection that was chosen.

    Raises
    ------
    SelectionError: choices that do not go together.
    """
    same = ("criterion", "condition", "reference", "fraction", "size", "draw", "controls", "ratio", "caliper")
    return SelectionSpec(
        **{name: options[name] for name in same}, seed=seed, exact=tuple(options["exact"]),
        nearest=tuple(options["nearest"]), distinct_patients=not options["same_patient_allowed"],
    )  # fmt: skip


def whole_terms(text: str, options: dict[str, Any]) -> dict[str, str]:
    """Return the terms of use with what belongs to them, taken out of the options; none without a text."""
    more = {name: options.pop(name) for name in ("credential", "ethics")}
    if not text.strip() and any(more.values()):
        raise CaseSetError(
            "expected terms of use with credential or ethics; write them, or leave these blank"
        )
    return {"text": text, **more} if text.strip() else {}


def read_terms(options: dict[str, Any]) -> dict[str, str]:
    """Return the terms of use that are given, or none.

    Raises
    ------
    CaseSetError: a file that cannot be read, or none with what belongs to one.
    """
    try:
        text = "" if options["terms"] is None else options["terms"].read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CaseSetError(f"{options['terms']}: expected a readable text in UTF-8 ({error})") from error
    return whole_terms(text, options)


def written_with(options: dict[str, Any]) -> dict[str, Any]:
    """Return what both commands hand to their service."""
    same = ("images", "out", "key_out", "shown", "block_size", "burned_in_checked")
    found = {name: options[name] for name in same}
    return {**found, "terms": read_terms(options), "groups": Groups(*options["groups"])}


def report_of(written: CaseSet) -> str:
    """Say what was written and where."""
    return (
        f"{written.folder}: {written.cases} cases in {written.blocks} block{'s' * (written.blocks != 1)}\n"
        f"{written.key}: the sealed key, SHA-256 {written.key_sha256}\n"
        f"{written.report}: balance, cases left out and leak report; keep it with the key"
    )
