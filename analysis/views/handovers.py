"""The pages of a handover: choose, look, write the set, save the key. Only the person who began one may see it.

Each address of one is recorded in the access log, as the gallery is: it shows the exemplars of the sweep.
"""

import json
import re
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render

from analysis.asked import declare
from analysis.caseset.plan import PERSONAL
from analysis.caseset.sources import MAXIMUM_BYTES
from analysis.errors import RefusedError
from analysis.models import Handover, Run
from analysis.services import handing_over as service
from analysis.services import handover_options as options
from analysis.services.findings_files import KINDS
from analysis.services.findings_gallery import images_of
from analysis.services.places import inside
from analysis.services.runs import conditions_of
from analysis.signals import run_opened
from analysis.tasks import ask_for, make_handover
from analysis.views.fields import field_of, in_tree
from analysis.views.forms import Described
from analysis.views.guards import answers_scripts, opened, page

SETS_PER_PAGE = 24
KEY_FILES = (service.KEY, "key.report.json", "key.balance.svg")


class Choices(forms.Form):
    """Every choice of a selection, as the command takes them, and where the images to be read lie."""

    images = forms.CharField(max_length=500, label="Folder of the images to read", widget=in_tree("folder"))

    def __init__(self, *args: Any, run: Run, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.own = images_of(run)
        self.fields |= {
            one.dest: field_of(one) for one in declare(ArgumentParser(), "exemplars", "selection")
        }
        names = [("", "as the run has it"), *((one, one) for one in conditions_of(run))]
        for name in ("condition", "reference"):
            self.fields[name].widget = forms.Select(choices=names)
        chosen = self.initial.get("nearest") or [one.column for one in options.DEFAULTS.nearest]
        self.initial["nearest"] = " ".join(chosen)
        self.fields["images"].initial = str(self.own or "")

    def clean_images(self) -> str:
        """Return the whole path: the run's own folder, or one inside the data folders."""
        text: str = self.cleaned_data["images"]
        try:
            return text if text == str(self.own) else str(inside(text, settings.DATA_ROOTS, kind="folder"))
        except RefusedError as error:
            raise forms.ValidationError(str(error)) from error

    def clean_nearest(self) -> list[str]:
        """Return the columns to be near on, each with its weight and caliper."""
        found: list[str] = self.cleaned_data["nearest"].split()
        try:
            return [one for one in found if options.nearest_of(one)]
        except ValueError:
            raise forms.ValidationError("expected NAME, NAME=WEIGHT or NAME=WEIGHT:CALIPER") from None


class Contents(Described):
    """What the set is called and what goes into it beside the cases."""

    ASKED: tuple[str, ...] = ("contents", "unchecked")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields |= {one.dest: field_of(one) for one in declare(ArgumentParser(), *self.ASKED)}

    def contents(self) -> dict[str, Any]:
        """Return what the writer of the set takes; raise CaseSetError for terms that are not whole."""
        given = {name: value for name, value in self.cleaned_data.items() if name != "name"}
        return given | {"terms": options.whole_terms(given.pop("terms"), given)}


class HiddenFile(forms.FileInput):
    """A file that a script puts into the form."""

    input_type = "hidden"


class Listed(Contents):
    """The blind half of cases that somebody listed, as the browser sends it: no name of a file, no group."""

    ASKED = ("contents",)

    cases = forms.FileField(widget=HiddenFile)
    key_sha256 = forms.RegexField(r"^[0-9a-f]{64}$", widget=forms.HiddenInput)
    one_each = forms.BooleanField(required=False, widget=forms.HiddenInput)
    patients = forms.IntegerField(required=False, min_value=1, widget=forms.HiddenInput)

    def clean_cases(self) -> list[dict[str, Any]]:
        """Return the cases; raise ValidationError for anything else than cases."""
        allowed = {"case", "labels", "block", "separation_group", "role", *PERSONAL}
        try:
            rows = json.loads(self.cleaned_data["cases"].read())
            if rows and all(
                set(row) <= allowed and re.fullmatch("[0-9a-f]{32}", row["case"]) for row in rows
            ):
                return list(rows)
        except (ValueError, TypeError, KeyError):
            pass
        raise forms.ValidationError("expected cases without names and groups; reload the page")


@page("GET", "POST", change=True)
def listed(request: HttpRequest) -> HttpResponse:
    """Begin a handover of listed cases, whose key the browser has made and its holder saved."""
    form = Listed(request.POST or None, request.FILES or None)

    def make() -> HttpResponse:
        told = {"name": form.cleaned_data["name"], "table": form.contents()}
        made = service.begin_listed(**told, actor_id=request.user.pk or 0)
        return redirect("analysis:handover", token=made.token)

    context = {"form": form, "groups": Contents()["groups"]}
    return form.carried_out(request, make) or render(request, "analysis/listed.html", context)


@answers_scripts
@page("POST", change=True)
def image(request: HttpRequest, token: str, case: str) -> HttpResponse:
    """Take the image of one listed case."""
    row = get_object_or_404(Handover, token=token, made_by=request.user.pk)
    service.receive(row, case, request.read(MAXIMUM_BYTES + 1))
    return HttpResponse(status=204)


def _mine(request: HttpRequest, token: str) -> Handover:
    """Return a handover of this person and tell the access log what they know now."""
    row = get_object_or_404(Handover, token=token, made_by=request.user.pk)
    run_opened.send(sender=Handover, run_id=service.known_as(row), person=request.user)
    return row


@page("POST", change=True)
def begin(request: HttpRequest, run_id: str) -> HttpResponse:
    """Begin a handover of a finished run: the seed is fixed now."""
    run = opened(request, run_id)
    try:
        if not run.finished_at:
            raise service.HandoverError("expected a finished sweep")
        made = service.begin(run=run, actor_id=request.user.pk or 0)
    except RefusedError as error:
        messages.error(request, str(error))
        return redirect("analysis:findings", run_id=run.run_id)
    return redirect("analysis:handover", token=made.token)


@page(change=True)
def handover(request: HttpRequest, token: str) -> HttpResponse:
    """Show how far a handover is."""
    return _page(request, _mine(request, token))


def _page(request: HttpRequest, row: Handover, **filled: forms.Form) -> HttpResponse:
    draft = service.read_part(row, "draft.json")
    given = {**draft.get("options", {}), "images": draft.get("images", "")}
    context: dict[str, Any] = {
        "run": row.run, "tab": "findings", "handover": row, "draft": draft, "fault": service.fault_of(row),
    }  # fmt: skip
    if row.run:
        choices = Choices(run=row.run, initial=given if draft.get("options") else None)
        context |= {"choices": choices, "contents": Contents(), **filled}
    else:
        table = service.read_part(row, "table.json")
        context |= {"cases": len(table.get("cases", ())), "expected": table.get("key_sha256"),
                    "arrived": len(service.arrived(row))}  # fmt: skip
    if place := service.newest_draw(row):
        drawn = service.read_part(row, f"{place.name}/drawn.json")
        sets: dict[int, dict[str, list[Any]]] = {}
        for number, row_ in enumerate(drawn["rows"]):
            cases = sets.setdefault(row_["pair"], {})
            cases.setdefault(row_.get("case", row_["image"]), []).append({**row_, "number": number})
        page = Paginator(list(sets.values()), SETS_PER_PAGE).get_page(request.GET.get("page"))
        context |= {"place": place.name, "drawn": drawn, "sets": len(sets), "page": page}
        context["drawn_cases"] = sum(map(len, sets.values()))
    if row.key_sha256:
        context |= {"report": service.read_part(row, "key.report.json"), "key_files": KEY_FILES}
    return render(request, f"analysis/{'handover' if row.run else 'listed'}.html", context)


@answers_scripts
@page(change=True)
def progress(request: HttpRequest, token: str) -> JsonResponse:
    """Tell the page how far the worker is; nothing of what was drawn, hence it is no look at the run."""
    row = get_object_or_404(Handover, token=token, made_by=request.user.pk)
    told: dict[str, Any] = {name: getattr(row, name) for name in ("work", "stage", "done", "total")}
    told["arrived"] = [] if row.run else service.arrived(row)
    return JsonResponse(told, headers={"Cache-Control": "no-store"})


@page(change=True)
def file(request: HttpRequest, token: str, name: str) -> FileResponse:
    """Deliver a picture, the love plot, the key or its report; no browser keeps one."""
    row = _mine(request, token)
    place, path = service.newest_draw(row), service.folder_of(row) / name
    drawn = place is not None and path.parent == place and path.suffix in (".png", ".svg")
    if not path.is_file() or not (drawn or name in KEY_FILES):
        raise Http404
    return FileResponse(
        path.open("rb"), as_attachment=not drawn, filename=f"{row.name}-{path.name}",
        content_type=KINDS[path.suffix[1:]], headers={"Cache-Control": "private, no-store"},
    )  # fmt: skip


def _draw(request: HttpRequest, row: Handover) -> HttpResponse | None:
    if row.run is None:
        raise Http404
    form = Choices(request.POST, run=row.run)
    if not form.is_valid():
        return _page(request, row, choices=form)
    chosen = dict(form.cleaned_data)
    service.ask(row, service.DRAW, images=chosen.pop("images"), options=chosen)
    return None


def _take_out(request: HttpRequest, row: Handover) -> None:
    numbers = {int(one) for one in request.POST.getlist("case") if one.isdecimal()}
    service.take_out(row, numbers, request.POST.get("reason", "").strip())


def _write(request: HttpRequest, row: Handover) -> HttpResponse | None:
    form = Contents(request.POST)
    if not form.is_valid():
        return _page(request, row, contents=form)
    service.ask(row, service.WRITE, name=form.cleaned_data["name"], contents=form.contents())
    return None


STEPS: dict[str, Callable[[HttpRequest, Handover], HttpResponse | None]] = {
    "draw": _draw, "take-out": _take_out, "write": _write,
    "take": lambda _, row: service.ask(row, service.TAKE, name=row.name),
    "confirm": lambda request, row: service.confirm(handover=row, sha256=request.POST.get("sha256", "")),
    "discard": lambda _, row: service.discard(handover=row, actor_id=row.made_by_id),
}  # fmt: skip


@page("POST", change=True)
def step(request: HttpRequest, token: str, step: str) -> HttpResponse:
    """Take one step of a handover; what is to be computed goes to a worker."""
    row = _mine(request, token)
    if step not in STEPS:
        raise Http404
    answer = None
    try:
        answer = STEPS[step](request, row)
        ask_for(make_handover, row.pk)
    except RefusedError as error:
        messages.error(request, str(error))
    return answer or redirect("analysis:handover", token=token)
