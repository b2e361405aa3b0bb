"""Uploaded ratings: a worker runs the command with the same options, and nothing is kept.

An upload may say which case is in which group. It is kept where keys are (`HANDOVERS_ROOT`), in no backup, until its
results are downloaded, an hour at most.
"""

import io
import shutil
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO

from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import transaction

from analysis.durable import whole_file, write_whole
from analysis.endpoints import FILE
from analysis.services import boxes
from analysis.services.handing_over import HandoverError, private_root
from analysis.signals import tell

KEPT = timedelta(hours=1)
NAMES = {
    "ratings": "ratings.csv", "subgroups": "subgroups.csv", "like": "results.json", "planned": "planned.csv",
    "questions": FILE, "key": "key.csv",
}  # fmt: skip
"""Inputs of a command are named as in an export, so that it finds the files beside them."""
BESIDE = ("planned", "questions")
OUT, SAID, FAULT, BEGUN, ZIP = "results", "said.txt", "fault.txt", "begun", "results.zip"


def begin(*, command: str, options: Mapping[str, Any], sent: Mapping[str, list[Any]], actor_id: int) -> str:
    """Keep what was sent for a worker; return the token under which the page finds it.

    Parameters
    ----------
    command: `analyse_ratings` or `import_via`.
    options: its choices that are no files.
    sent: the uploaded files, by what they are for; those of VIA keep their names, which are the readers' pseudonyms.

    Raises
    ------
    HandoverError: two files of one name, a folder that cannot be written.
    """
    files = {use: [NAMES.get(use, f"via/{one.name}") for one in them] for use, them in sent.items()}
    if len(set(names := files.get("files", []))) < len(names):
        raise HandoverError("expected files with different names, one per reader")
    with private_root() as root, transaction.atomic():
        folder = boxes.begin(root, actor_id, {"command": command, "options": options, "files": files})
        for use, them in sent.items():
            for name, one in zip(files[use], them, strict=True):
                write_whole(folder / name, one.read(), mode=0o600)
        tell("ratings.analysed", "", actor_id)
    return folder.name[1:]


def take(folder: Path) -> BinaryIO | None:
    """Return the zip of the results, if there are any, and delete all that lies here."""
    made = (folder / ZIP).open("rb") if (folder / ZIP).is_file() else None
    shutil.rmtree(folder, ignore_errors=True)
    return made


def stage_of(folder: Path) -> str:
    """Say how far a worker is; blank when it is done."""
    if any((folder / name).exists() for name in (ZIP, FAULT)):
        return ""
    if any(folder.glob(f".{OUT}.*")):
        return "drawing the figures"
    return "analysing" if (folder / BEGUN).exists() else "waiting for a worker"


def make(token: str, actor_id: int) -> None:
    """Analyse what was sent into a zip beside it; what the command says, or why it failed, is for the page alone."""
    found = boxes.find(Path(settings.HANDOVERS_ROOT), token, actor_id)
    if found is None or (found[0] / BEGUN).exists():
        return
    folder, asked = found
    (folder / BEGUN).touch()
    fault = ""
    try:
        write_whole(folder / SAID, _analysed(folder, asked).replace(f"{folder}/", "").encode(), mode=0o600)
        with whole_file(folder / ZIP) as half:
            Path(shutil.make_archive(str(half), "zip", folder / OUT)).rename(half)
    except CommandError as error:
        fault = str(error).replace(f"{folder}/", "")
    except Exception:
        fault = "the program failed; the log of the worker says where"
        raise
    finally:
        if fault and folder.is_dir():
            write_whole(folder / FAULT, fault.encode(), mode=0o600)


def _analysed(folder: Path, asked: Mapping[str, Any]) -> str:
    """Run the command and put the ratings beside its results; return what it said."""
    said, ratings, out = io.StringIO(), folder / NAMES["ratings"], folder / OUT
    files = {use: folder / names[0] for use, names in asked["files"].items() if use not in BESIDE}
    if several := asked["files"].get("files"):
        named, places = [folder / name for name in several], {"out": ratings, "results": out}
    else:
        named, places = [ratings], {"out": out}
    ways = {use: path for use, path in files.items() if path not in named} | places
    call_command(asked["command"], *named, stdout=said, stderr=said, **asked["options"], **ways)
    shutil.copy(ratings, out)
    return said.getvalue().replace(f"{out}/", "")


def expire() -> None:
    """Delete what nobody has taken for an hour."""
    boxes.expire(Path(settings.HANDOVERS_ROOT), KEPT)
