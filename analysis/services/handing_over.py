"""A handover in the browser, step by step: draw, look, write, and publish the set once its key is saved elsewhere.

What could rebuild the selection (seed, chosen images, their pictures, the key) is in a folder of its own outside the
site's folder and its backups, readable by the site alone. It is deleted once the key is confirmed, and after a day in
any case; so is the set itself if nobody has its key. Only with a confirmed key is the set named in the folder of
handovers, so that every set offered to a study has a key that somebody has.
"""

import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F

from analysis.caseset.files import image_stems
from analysis.caseset.sources import MAXIMUM_BYTES
from analysis.durable import json_bytes, publish, text_of, write_whole
from analysis.errors import RefusedError
from analysis.models import Handover, Run
from analysis.selection import SelectionSpec
from analysis.services.handover_options import nearest_of, spec_of
from analysis.services.ledger import now
from analysis.services.places import within
from analysis.signals import tell

KEPT = timedelta(hours=24)
DRAW, WRITE, TAKE = "draw", "write", "take"
"""What a worker is asked for: draw from a sweep, write what was drawn, take what somebody listed and sent."""
KEY = "key.csv"
Row = dict[str, Any]


class HandoverError(RefusedError):
    """A handover cannot take this step: what was expected, what was found, what to do."""


def known_as(handover: Handover) -> str:
    """Return by which name the access log and the case set tell where its cases come from."""
    return handover.run.run_id if handover.run else f"listed-{handover.token}"


def folder_of(handover: Handover) -> Path:
    """Return where the sealed part of a handover lies while it is under way."""
    return Path(settings.HANDOVERS_ROOT) / handover.token


def pending_of(handover: Handover) -> Path:
    """Return where a written set waits, hidden, for its key to be confirmed."""
    return Path(settings.CASE_SETS) / f".{handover.name}.{handover.token}"


def read_part(handover: Handover, name: str) -> Row:
    """Read a JSON file of the sealed part; empty where there is none."""
    content: Row = json.loads(text_of(folder_of(handover) / name) or "{}")
    return content


def fault_of(handover: Handover) -> str:
    """Return why the last thing that was asked for failed; empty when it did not. What was sent has its name alone."""
    return text_of(folder_of(handover) / "fault.txt").replace(f"{folder_of(handover)}/images/", "")


def keep_part(handover: Handover, name: str, data: bytes) -> None:
    """Write a file of the sealed part."""
    write_whole(folder_of(handover) / name, data, mode=0o600)


def newest_draw(handover: Handover) -> Path | None:
    """Return the folder of what was drawn last; None before the first draw."""
    found = sorted(folder_of(handover).glob("drawn-*"), key=lambda path: int(path.name[6:]))
    return found[-1] if found else None


@contextmanager
def private_root() -> Iterator[Path]:
    """Give the folder for what no backup may hold.

    Raises
    ------
    HandoverError: it is part of the site's folder, or cannot be written.
    """
    root = Path(settings.HANDOVERS_ROOT)
    if within(root, [settings.HOME, settings.CASE_SETS, *settings.DATA_ROOTS]):
        raise HandoverError(
            f"expected HANDOVERS_ROOT outside the site's folders, got {root}: a key must be in no backup; ask the "
            "person who runs the server to change the setting"
        )
    try:
        yield root
    except OSError as error:
        told = f"expected HANDOVERS_ROOT to be a folder in which the site may write, got {root} ({error.strerror})"
        raise HandoverError(f"{told}; ask the person who runs the server to make it") from error


@transaction.atomic
def begin(*, run: Run | None, actor_id: int) -> Handover:
    """Begin a handover; its seed is drawn now, before anybody has seen a picture, and is never another.

    Raises
    ------
    HandoverError: see `private_root`.
    """
    with private_root():
        made = Handover.objects.create(
            token=secrets.token_hex(16), run=run, made_by_id=actor_id, ends_at=now() + KEPT
        )
        folder_of(made).mkdir(mode=0o700, parents=True)
    draft = {"seed": secrets.randbelow(2**31), "options": {}, "taken_out": {}}
    keep_part(made, "draft.json", json_bytes(draft))
    tell("handover.begun", known_as(made), actor_id)
    return made


@transaction.atomic
def ask(handover: Handover, work: str, *, name: str = "", **changes: Any) -> None:
    """Note what a worker is to do and with which choices; whatever it does meanwhile is overtaken.

    Parameters
    ----------
    work: DRAW, or with the `name` of the set WRITE or TAKE.
    changes: parts of the draft: `options` and `images` of a draw, `taken_out`, `contents` of the set.

    Raises
    ------
    HandoverError: it is written or gone, the name is taken, or nothing was drawn.
    SelectionError: choices that do not go together.
    """
    row = Handover.objects.select_for_update().get(pk=handover.pk)
    if row.key_sha256 or row.gone_at:
        raise HandoverError("expected a handover that is not written yet; begin another one")
    draft = {**read_part(row, "draft.json"), **changes}
    if work == DRAW:
        told = {"settings": chosen_spec(draft).settings(), "taken_out": len(draft["taken_out"])}
        if not row.draws or {**row.draws[-1], "at": ""} != {**told, "at": ""}:
            row.draws = [*row.draws, {"at": now().isoformat(timespec="seconds"), **told}]
    elif work == WRITE and newest_draw(row) is None:
        raise HandoverError("expected cases to have been drawn; choose and draw them first")
    if name and os.path.lexists(Path(settings.CASE_SETS) / name):
        raise HandoverError(f"expected a new name, the site's folder of handovers already has a set '{name}'")
    keep_part(row, "draft.json", json_bytes(draft))
    keep_part(row, "fault.txt", b"")
    row.work, row.name, row.stage, row.done, row.total = work, name, "waiting for a worker", 0, 0
    row.version, row.ends_at = row.version + 1, now() + KEPT
    row.save()


def chosen_spec(draft: Row) -> SelectionSpec:
    """Return the selection that a draft asks for; raise SelectionError for choices that do not go together."""
    options = draft["options"]
    return spec_of({**options, "nearest": [nearest_of(one) for one in options["nearest"]]}, draft["seed"])


def take_out(handover: Handover, numbers: set[int], reason: str) -> None:
    """Take cases of the newest draw out, by their places, each with its whole set.

    Raises
    ------
    HandoverError: no reason, or see `ask`.
    """
    if not reason:
        raise HandoverError("expected a reason, such as 'a name is in the picture'")
    place = newest_draw(handover)
    rows = read_part(handover, f"{place.name}/drawn.json")["rows"] if place else []
    images = {row.get("case", row["image"]): reason for number, row in enumerate(rows) if number in numbers}
    taken: Row = read_part(handover, "draft.json")["taken_out"]
    ask(handover, DRAW, taken_out={**taken, **images})


@transaction.atomic
def begin_listed(*, name: str, table: Row, actor_id: int) -> Handover:
    """Begin a handover of cases that somebody listed: the browser has named them, and its key is nowhere here.

    Parameters
    ----------
    table: `cases` (case, labels, block, separation_group and what is shown of each), `key_sha256`, and the rest that
        `analysis.caseset.write_blind_half` takes.
    """
    made = begin(run=None, actor_id=actor_id)
    made.name = name
    made.save()
    keep_part(made, "table.json", json_bytes(table))
    return made


def receive(handover: Handover, stem: str, data: bytes) -> None:
    """Keep an image of a case that somebody listed, as it came; it has the name that it will have in the set.

    Raises
    ------
    HandoverError: no such case, a file that is too large, or the set is written already.
    """
    cases = [one["case"] for one in read_part(handover, "table.json").get("cases", ())]
    if handover.work or handover.key_sha256 or stem not in image_stems(cases):
        raise HandoverError("expected an image of a case of this handover, before its set is written")
    if len(data) > MAXIMUM_BYTES:
        raise HandoverError(f"expected an image of at most {MAXIMUM_BYTES} bytes")
    keep_part(handover, f"images/{stem}", data)


def arrived(handover: Handover) -> list[str]:
    """Return the images that have arrived, by their names."""
    return sorted(path.name for path in (folder_of(handover) / "images").glob("[0-9a-f]*"))


@transaction.atomic
def confirm(*, handover: Handover, sha256: str) -> None:
    """Publish a set whose key was found saved: the browser has hashed the saved file. The site then forgets the key.

    Raises
    ------
    HandoverError: another digest, no written set, a name that was taken meanwhile.
    """
    row = Handover.objects.select_for_update().get(pk=handover.pk)
    if not row.key_sha256 or row.confirmed_at or row.gone_at:
        raise HandoverError("expected a set whose key waits to be confirmed")
    if sha256.strip().lower() != row.key_sha256:
        raise HandoverError(
            f"expected the key with SHA-256 {row.key_sha256}, got a file with {sha256[:64] or 'none'}; download "
            "the key again, and choose the saved file"
        )
    target = Path(settings.CASE_SETS) / row.name
    if os.path.lexists(target):
        raise HandoverError(
            f"expected a new name, the site's folder of handovers already has a set '{row.name}'"
        )
    row.confirmed_at = now()
    row.save()
    tell("handover.confirmed", known_as(row), row.made_by_id, key_sha256=row.key_sha256)
    publish(pending_of(row), target)
    shutil.rmtree(folder_of(row), ignore_errors=True)


@transaction.atomic
def discard(*, handover: Handover, actor_id: int | None) -> None:
    """Give a handover up: its key, and its set if that was not published, are deleted; what was drawn stays noted."""
    if Handover.objects.filter(pk=handover.pk, confirmed_at=None, gone_at=None).update(
        gone_at=now(), work="", version=F("version") + 1
    ):
        tell("handover.discarded", known_as(handover), actor_id)
        forget(handover)


def forget(row: Handover) -> None:
    """Delete the sealed part, and the set where it is not published."""
    shutil.rmtree(folder_of(row), ignore_errors=True)
    if row.name:
        shutil.rmtree(pending_of(row), ignore_errors=True)


def expire() -> None:
    """Give up every handover whose day has passed."""
    for row in Handover.objects.filter(ends_at__lt=now(), confirmed_at=None, gone_at=None):
        discard(handover=row, actor_id=None)
