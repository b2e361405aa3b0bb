"""What both commands that write a case set take and print."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from analysis.caseset import CaseSet

GROUPS_METAVAR = ("ONE", "ONES", "OTHER", "OTHERS")
GROUPS_HELP = (
    "what one case and several cases of the first group are called, then of the second, as in: "
    "PIE PIEs control controls"
)


def add_handover_options(parser: ArgumentParser) -> None:
    """Take the paths, what is shown, terms of use, the check for text and the size of blocks."""
    parser.add_argument("--images", type=Path, required=True, help="folder of the images to read")
    parser.add_argument("--out", type=Path, required=True, help="the blind folder to create")
    parser.add_argument(
        "--key-out", type=Path, required=True, help="the sealed key file to create, somewhere else"
    )
    parser.add_argument(
        "--show", nargs="*", default=[], choices=("view", "sex", "age"),
        help="metadata columns that a study may show with the labels",
    )  # fmt: skip
    parser.add_argument(
        "--terms", type=Path,
        help="file with the terms of use (markdown); anyone who sees the images in a study confirms them first",
    )  # fmt: skip
    parser.add_argument("--credential", default="", help="what a person needs to see the images")
    parser.add_argument("--ethics", default="", help="reference of the ethics approval")
    parser.add_argument(
        "--burned-in-checked", metavar="REASON", default="",
        help="who looked for names in images that may show text, and how; recorded with the reason above",
    )  # fmt: skip
    parser.add_argument("--block-size", type=int, default=20, help="target number of cases in a block")


def add_conditions(parser: ArgumentParser) -> None:
    """Take the two conditions between which exemplars are found."""
    parser.add_argument(
        "--condition", "--sparsity", default="", metavar="NAME",
        help="condition in which exemplars are found: a share of removed weights or a name (default: 0.90, or the "
        "only one beside the reference)",
    )  # fmt: skip
    parser.add_argument(
        "--reference",
        default="",
        metavar="NAME",
        help="what it is compared with (default: the run's reference)",
    )


def read_terms(options: dict[str, Any]) -> dict[str, str]:
    """Return the terms of use that are given, or none.

    Raises
    ------
    CommandError: a file that cannot be read, or none with what belongs to one.
    """
    if options["terms"] is None:
        if options["credential"] or options["ethics"]:
            raise CommandError("expected --terms FILE with --credential or --ethics")
        return {}
    try:
        text = options["terms"].read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{options['terms']}: expected a readable text in UTF-8 ({error})") from error
    return {"text": text, "credential": options["credential"], "ethics": options["ethics"]}


def report_of(written: CaseSet) -> str:
    """Say what was written and where."""
    return (
        f"{written.folder}: {written.cases} cases in {written.blocks} block{'s' * (written.blocks != 1)}\n"
        f"{written.key}: the sealed key, SHA-256 {written.key_sha256}\n"
        f"{written.report}: balance, cases left out and leak report; keep it with the key"
    )
