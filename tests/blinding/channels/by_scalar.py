"""Channels that a number of a case could leak through: planted in the study of 200 cases, seen by the scalars."""

import hashlib
import io
import shutil
import time
from collections.abc import Callable
from uuid import UUID

import numpy as np
import pandas as pd
from django.conf import settings as site
from django.test import Client
from PIL import Image

from readerstudy.cases.frame import decode_frame, encode_frame, pad_frame, straight
from readerstudy.cases.models import Case, Frame
from readerstudy.cases.selectors import cases_of
from tests.blinding.channels import Check, Scene
from tests.blinding.channels.scalars import alarms, features
from tests.blinding.crowd import payload
from tests.blinding.plants import by_middleware
from tests.blinding.visit import thrown_away
from tests.guards import drop_guards
from tests.stock import frame_path

Pixels = Callable[[np.ndarray], np.ndarray]
ENVELOPE = 40_000
"""Length to which re-written frames are padded, so that the length itself stays silent."""


def scalar(plant: Callable[[Scene], None]) -> Check:
    """Make a check that plants in a thrown-away copy of the large study and asks the scalars."""

    def check(scene: Scene, planted: bool) -> list[str]:
        copy = scene.folder / f"frames-{planted}"
        shutil.copytree(site.FRAMES_ROOT, copy)
        scene.settings.FRAMES_ROOT = copy
        with thrown_away():
            if planted:
                drop_guards()
                plant(scene)
            return alarms(features(scene.stock), scene.arms)

    return check


def told(scene: Scene) -> list[Case]:
    """Return the cases of one arm."""
    return [case for case in cases_of(scene.stock.study.key) if scene.arms[case.key]]


def pixels(change: Pixels) -> Callable[[Scene], None]:
    """Make a plant that changes the pixels of one arm; all frames are written again, to one length."""

    def plant(scene: Scene) -> None:
        for case in cases_of(scene.stock.study.key):
            frame, path = case.frame, frame_path(case)
            grey = decode_frame(path.read_bytes(), frame.rows, frame.columns, frame.bits)
            changed = change(grey) if scene.arms[case.key] else grey
            data = pad_frame(encode_frame(changed.astype(grey.dtype), frame.bits), ENVELOPE)
            path.write_bytes(data)
            rows, columns = changed.shape
            Frame.objects.filter(pk=frame.pk).update(
                rows=rows, columns=columns, sha256=hashlib.sha256(data).hexdigest()
            )

    return plant


def tone(scene: Scene) -> None:
    """Give one arm a steeper curve; all frames are written again, to one length."""
    for case in cases_of(scene.stock.study.key):
        frame, path = case.frame, frame_path(case)
        grey = decode_frame(path.read_bytes(), frame.rows, frame.columns, frame.bits)
        curve = straight(frame.bits, 0, 2**frame.bits - 1 - 400 * scene.arms[case.key])
        data = pad_frame(encode_frame(grey, frame.bits, curve), ENVELOPE)
        path.write_bytes(data)
        Frame.objects.filter(pk=frame.pk).update(sha256=hashlib.sha256(data).hexdigest())


def letters(grey: np.ndarray) -> np.ndarray:
    """Burn a bright mark into a corner."""
    marked = grey.copy()
    marked[2:6, 2:6] = 4095
    return marked


def cropped(grey: np.ndarray) -> np.ndarray:
    """Cut one row."""
    return grey[1:]


def twice(grey: np.ndarray) -> np.ndarray:
    """Compress with losses and back, as a file that was saved twice."""
    buffer = io.BytesIO()
    Image.fromarray((grey >> 4).astype(np.uint8)).save(buffer, "JPEG", quality=25)
    return np.asarray(Image.open(buffer)).astype(grey.dtype) << 4


def resampled(grey: np.ndarray) -> np.ndarray:
    """Shrink and enlarge again, as an image from another archive."""
    rows, columns = grey.shape
    image = Image.fromarray(grey.astype(np.int32), mode="I")
    small = image.resize((columns // 2, rows // 2), Image.Resampling.NEAREST)
    return np.asarray(small.resize((columns, rows), Image.Resampling.NEAREST)).astype(grey.dtype)


def sequential_ids(scene: Scene) -> None:
    """Number the cases in the order of the key, one arm after the other."""
    for reader in scene.stock.readers:
        rows = sorted(reader.assignments.select_related("case"), key=lambda row: scene.arms[row.case.key])
        for number, row in enumerate(rows):
            row.public_id = UUID(int=(reader.pk << 100) + (number << 64))
            row.save()


def rare_labels(scene: Scene) -> None:
    """Give one arm a label that few have."""
    for number, case in enumerate(told(scene)):
        case.labels = [f"Rare {number}"]
        case.save()


def order(scene: Scene) -> None:
    """Show one arm first."""
    for reader in scene.stock.readers:
        rows = sorted(reader.assignments.select_related("case"), key=lambda row: scene.arms[row.case.key])
        for place, row in enumerate(rows, 1):
            row.position = 10_000 + place
            row.save()


def storage_names(scene: Scene) -> None:
    """Let the first character of the stored name tell."""
    for case in cases_of(scene.stock.study.key):
        path = frame_path(case)
        name = "0f"[scene.arms[case.key]] + case.frame.storage_name[1:]
        path.rename(path.with_name(name))
        Frame.objects.filter(pk=case.frame.pk).update(storage_name=name)


def row_order(scene: Scene) -> None:
    """Number one arm's rows after the other's."""
    for reader in scene.stock.readers:
        for row in reader.assignments.select_related("case"):
            row_id = row.pk + 100_000 * (1 + scene.arms[row.case.key])
            reader.assignments.filter(pk=row.pk).update(id=row_id)


def response_time(scene: Scene, planted: bool) -> list[str]:
    """Measure how long each frame takes over a whole reading; the plant makes one arm's slower by 20 ms."""
    reader = scene.stock.readers[0]
    cases = {str(row.public_id): row.case.key for row in reader.assignments.select_related("case")}
    seconds = {}
    usual = site.MIDDLEWARE
    try:
        if planted:
            by_middleware("time")(scene.stock, scene.arms)
        client = Client()
        client.force_login(reader.person)
        with thrown_away():
            while (state := client.get("/read/chest/state/").json())["case"]:
                key = cases[state["case"]["id"]]
                start = time.perf_counter()
                client.get(state["case"]["frame_url"]).getvalue()
                seconds[key] = time.perf_counter() - start
                client.post(state["case"]["answer_url"], payload(), content_type="application/json")
    finally:
        site.MIDDLEWARE = usual
    table = pd.DataFrame({"seconds": seconds})
    assert len(table) == len(cases)
    return alarms(table, scene.arms)
