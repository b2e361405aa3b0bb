"""What a worker does for a handover in the browser: draw cases from a sweep, write them, take uploaded ones."""

import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from django.conf import settings
from django.db import transaction

from analysis.caseset import Origin, write_blind_half
from analysis.caseset.files import image_stems
from analysis.durable import json_bytes, publish
from analysis.endpoints import Groups
from analysis.errors import RefusedError
from analysis.models import Handover
from analysis.selection import read_run
from analysis.services import handing_over as service
from analysis.services import mirror
from analysis.services.findings_gallery import png_of
from analysis.services.handover import Look, hand_over, records, select_distinct
from analysis.services.listed import CUSTODY
from analysis.signals import tell

Row = dict[str, Any]
TOLD_EVERY = 0.5
"""Seconds between two words of a worker about how far it is."""


class OvertakenError(Exception):
    """Something else was asked for meanwhile."""


def make(handover_id: int) -> None:
    """Do what is asked of a handover; a fault is told on its page and nowhere else, for it may name an image."""
    while True:
        row = Handover.objects.filter(pk=handover_id, gone_at=None).exclude(work="").first()
        if row is None:
            return
        values: Row = {}
        try:
            Path(settings.CASE_SETS).mkdir(mode=0o750, parents=True, exist_ok=True)
            values = STEPS[row.work](row)
        except OvertakenError:
            continue
        except (RefusedError, OSError) as error:
            told = str(error).replace(
                f"{service.folder_of(row)}/images/", ""
            )  # what was sent has its name alone
            service.keep_part(row, "fault.txt", told.encode())
        except Exception:
            service.keep_part(row, "fault.txt", b"the program failed; the log of the worker says where")
            Handover.objects.filter(pk=row.pk, version=row.version).update(work="")
            raise
        with transaction.atomic():
            mine = Handover.objects.filter(pk=row.pk, version=row.version)
            if mine.update(work="", **values) and values:
                tell("handover.written", service.known_as(row), row.made_by_id, **values)
        if Handover.objects.filter(pk=row.pk, gone_at__isnull=False).exists():
            service.forget(row)  # given up while this was being written


def _teller(row: Handover) -> Callable[[str, int, int], None]:
    last = 0.0

    def step(stage: str, done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last < TOLD_EVERY:
            return
        last = time.monotonic()
        mine = Handover.objects.filter(pk=row.pk, version=row.version, gone_at=None)
        if not mine.update(stage=stage, done=done, total=total):
            raise OvertakenError

    return step


def _chosen(row: Handover) -> Row:
    """Return what selecting and writing a set have in common."""
    draft = service.read_part(row, "draft.json")
    if row.run is None:
        raise service.HandoverError("expected a handover of a sweep")
    return {
        "run": Path(mirror.at_hand(row.run).folder), "images": Path(draft["images"]),
        "spec": service.chosen_spec(draft), "taken_out": draft["taken_out"], "progress": _teller(row),
    }  # fmt: skip


def _draw(row: Handover) -> Row:
    from analysis.figures.balance import draw_love_plot
    from analysis.figures.theme import render

    chosen = _chosen(row)
    source = read_run(chosen["run"])
    look = Look(chosen["images"], source.views["image"], chosen["progress"])
    selection = select_distinct(source, chosen["spec"], look, chosen["taken_out"])
    drawn = {
        "rows": records(selection.rows), "balance": records(selection.balance), "pool": selection.pool,
        "left_out": records(selection.left_out), "notes": list(selection.notes),
        "estimand": selection.spec.estimand, "leaks": look.compared(selection.rows),
    }  # fmt: skip
    place = f"drawn-{row.version}"
    for number, image in enumerate(selection.rows["image"]):
        service.keep_part(row, f".{place}/{number}.png", png_of(look.seen[image]))
    figure = draw_love_plot(selection.balance, theme="dark", synthetic=source.synthetic)
    service.keep_part(row, f".{place}/balance.svg", render(figure))
    service.keep_part(row, f".{place}/drawn.json", json_bytes(drawn))
    old = service.newest_draw(row)
    publish(service.folder_of(row) / f".{place}", service.folder_of(row) / place)
    if old is not None:
        shutil.rmtree(old)
    return {}


def _write(row: Handover) -> Row:
    contents = dict(service.read_part(row, "draft.json")["contents"])
    _, written = hand_over(
        **_chosen(row), **{**contents, "groups": Groups(*contents["groups"])}, out=service.pending_of(row),
        key_out=service.folder_of(row) / service.KEY, draws=_all_draws(row),
    )  # fmt: skip
    return {"key_sha256": written.key_sha256}


def _take(row: Handover) -> Row:
    """Write the blind half of what a browser has named and sent; the images as they came are deleted then."""
    told, sent = service.read_part(row, "table.json"), service.folder_of(row) / "images"
    plan = pd.DataFrame(told["cases"])
    origin = Origin(
        run_id=service.known_as(row), predictions_sha256="", synthetic=told["synthetic"], terms=told["terms"],
        settings={"cases": "listed by hand"},
        custody={"unchecked": CUSTODY, **({"patients": told["patients"]} if told.get("patients") else {})},
    )  # fmt: skip
    stems = image_stems(plan["case"])
    if missing := [stem for stem in stems if not (sent / stem).is_file()]:
        raise service.HandoverError(
            f"expected {len(plan)} images, {len(missing)} have not arrived; send them again"
        )
    write_blind_half(
        plan, images={stem: sent / stem for stem in stems}, out=service.pending_of(row), origin=origin,
        progress=_teller(row),
        **{name: told[name] for name in ("key_sha256", "one_each", "shown", "burned_in_checked")},
    )  # fmt: skip
    shutil.rmtree(sent)
    return {"key_sha256": told["key_sha256"]}


STEPS: Mapping[str, Callable[[Handover], Row]] = {
    service.DRAW: _draw,
    service.WRITE: _write,
    service.TAKE: _take,
}


def _all_draws(row: Handover) -> list[Row]:
    """Return every draw from this run on this site, the handovers that came to nothing included."""
    rows = Handover.objects.filter(run=row.run).order_by("created_at")
    return [{**draw, "this_set": each.pk == row.pk} for each in rows for draw in each.draws]
