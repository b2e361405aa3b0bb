"""Leaks of the arm, planted on purpose, one per way out; each must make the swap test fire."""

import hashlib
import json
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from readerstudy.cases.models import Case, Frame
from readerstudy.cases.selectors import cases_of
from readerstudy.study.models import Assignment
from tests.stock import Stock, frame_path

Arms = dict[str, int]
Plant = Callable[[Stock, Arms], None]


class LeakyMiddleware:
    """Tells the arm of the case in the address, in the way named by `way`."""

    arms: Arms = {}
    way = ""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        row = Assignment.objects.filter(public_id=_id_in(request.path)).select_related("case").first()
        if row is not None and self.arms[row.case.key]:
            self._tell(response)
        return response

    def _tell(self, response: HttpResponse) -> None:
        if self.way == "status" and response.status_code == 404:
            response.status_code = 410
        elif self.way == "cookie":
            response.set_cookie("seen", "1")
        elif self.way == "time":
            time.sleep(0.02)
        elif self.way == "queries":
            list(Case.objects.all()[:1])
        elif self.way == "order of headers":
            kind = response["Content-Type"]
            del response["Content-Type"]
            response["Content-Type"] = kind
        else:
            response[self.way] = '"1"'


class LeakyState:
    """Changes what the state says, when the case on the screen is of one arm, in the way named by `way`."""

    arms: Arms = {}
    way = ""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.path.endswith("/state/") and response.status_code == 200:
            state = json.loads(response.content)
            row = state["case"] and Assignment.objects.get(public_id=state["case"]["id"])
            if row and self.arms[row.case.key]:
                STATE_WAYS[self.way](state)
                response.content = json.dumps(state).encode()
        return response


def _part_of_address(state: dict[str, Any]) -> None:
    state["case"]["frame_url"] = state["case"]["frame_url"].rstrip("/") + "//"


STATE_WAYS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a part of the address": _part_of_address,
    "a value in the state": lambda state: state["case"].update(kind=1),
    "what is fetched ahead": lambda state: state.update(next=None),
    "words of progress": lambda state: state.update(position=f"{state['position']}."),
}


def _id_in(path: str) -> UUID | None:
    for part in path.split("/"):
        if len(part) == 36:
            return UUID(part)
    return None


def by_middleware(way: str) -> Plant:
    def plant(stock: Stock, arms: Arms) -> None:
        LeakyMiddleware.arms, LeakyMiddleware.way = arms, way
        settings.MIDDLEWARE = [*settings.MIDDLEWARE, f"{__name__}.LeakyMiddleware"]

    return plant


def _by_state(way: str) -> Plant:
    def plant(stock: Stock, arms: Arms) -> None:
        LeakyState.arms, LeakyState.way = arms, way
        settings.MIDDLEWARE = [*settings.MIDDLEWARE, f"{__name__}.LeakyState"]

    return plant


def _missing_frame(stock: Stock, arms: Arms) -> None:
    for case in _told(stock, arms):
        frame_path(case).unlink()


class LeakyTitle:
    """Writes the title of the page, or a text for those who do not see the image, by the arm on the screen."""

    arms: Arms = {}

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.path == "/read/chest/":
            first = Assignment.objects.filter(reader__person=request.user, revision=0).order_by("position")[0]
            title = b"<title>Reading" + b"." * self.arms[first.case.key]
            response.content = response.content.replace(b"<title>Reading", title)
        return response


def _title(stock: Stock, arms: Arms) -> None:
    LeakyTitle.arms = arms
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, f"{__name__}.LeakyTitle"]


def _space_after_label(stock: Stock, arms: Arms) -> None:
    for case in _told(stock, arms):
        case.labels = [*case.labels[:-1], case.labels[-1] + " "]
        case.save()


def _labels_turned_round(stock: Stock, arms: Arms) -> None:
    for case in cases_of(stock.study.key):
        case.labels = ["Hernia", "Nodule"] if arms[case.key] else ["Nodule", "Hernia"]
        case.save()


def _frame_value(name: str, step: float) -> Plant:
    def plant(stock: Stock, arms: Arms) -> None:
        for case in _told(stock, arms):
            setattr(case.frame, name, getattr(case.frame, name) + step)
            case.frame.save()

    return plant


def _public_id(stock: Stock, arms: Arms) -> None:
    for row in Assignment.objects.select_related("case"):
        row.public_id = UUID(int=row.public_id.int & ~1 | arms[row.case.key])
        row.save()


def _order(stock: Stock, arms: Arms) -> None:
    for reader in stock.readers:
        rows = list(reader.assignments.select_related("case"))
        reader.assignments.all().delete()
        for place, row in enumerate(sorted(rows, key=lambda row: (arms[row.case.key], row.case.key)), 1):
            row.position = place
            row.save(force_insert=True)


def _frame_bytes(change: Callable[[bytes], bytes]) -> Plant:
    def plant(stock: Stock, arms: Arms) -> None:
        for case in _told(stock, arms):
            path = frame_path(case)
            data = change(path.read_bytes())
            path.write_bytes(data)
            Frame.objects.filter(case=case).update(sha256=hashlib.sha256(data).hexdigest())

    return plant


def _told(stock: Stock, arms: Arms) -> list[Case]:
    return [case for case in cases_of(stock.study.key) if arms[case.key]]


PLANTS: dict[str, Plant] = {
    "a space after a label": _space_after_label,
    "labels in another order": _labels_turned_round,
    "window": _frame_value("window_high", 1),
    "pixel spacing": _frame_value("spacing_row", 0.001),
    "depth": _frame_value("bits", 1),
    "frame format": _frame_value("format", -1),
    "public id": _public_id,
    "order": _order,
    "time in the gzip header": _frame_bytes(lambda data: data[:4] + b"\x01" + data[5:]),
    "frame longer by a byte": _frame_bytes(lambda data: data[:10] + b" " + data[10:]),
    "bytes after the frame": _frame_bytes(lambda data: data + b"\0"),
    "ETag": by_middleware("ETag"),
    "a header": by_middleware("X-Took"),
    "order of headers": by_middleware("order of headers"),
    "status of an error": by_middleware("status"),
    "cookie": by_middleware("cookie"),
    "number of queries": by_middleware("queries"),
    "Last-Modified": by_middleware("Last-Modified"),
    "Age": by_middleware("Age"),
    "Referrer-Policy": by_middleware("Referrer-Policy"),
    "a missing frame": _missing_frame,
    "title": _title,
    **{name: _by_state(name) for name in STATE_WAYS},
}
