"""The pages of uploaded ratings: what the commands `analyse_ratings` and `import_via` do, by a worker."""

from pathlib import Path
from typing import Any

from django import forms
from django.conf import settings
from django.core.management import load_command_class
from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render

from analysis.durable import text_of
from analysis.services import ratings as service
from analysis.tasks import ask_for, make_ratings
from analysis.views.fields import GroupsField, Parts, field_of
from analysis.views.forms import WORDS
from analysis.views.guards import box_of, or_404, page

ASKED = ("analyse_ratings", "import_via")


class Asking(Parts):
    """The files and choices of one command; forms.toml names them and says what the command does not."""

    def __init__(self, *args: Any, command: str, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "prefix": command})
        self.command = command
        parser = load_command_class("analysis", command).create_parser("", command)
        found = {one.dest: field_of(one) for one in parser._actions} | {"groups": GroupsField()}
        for name, words in WORDS[command].items():
            self.fields[name] = found[name] if name in found else forms.FileField(required=False)
            for attribute, value in words.items():
                setattr(self.fields[name], attribute, value)

    def begin(self, actor_id: int) -> str:
        """Keep the files and choices for a worker; return the token of what was begun."""
        given = {name: value for name, value in self.cleaned_data.items() if value not in (None, "", [])}
        files = {
            name: given.pop(name) for name, field in self.fields.items()
            if isinstance(field, forms.FileField) and name in given
        }  # fmt: skip
        if "like" in files:  # which brings both, and no browser leaves them out
            given = {name: value for name, value in given.items() if name not in ("primary", "groups")}
        if "endpoints" in given:
            given["endpoints"] = given["endpoints"].split()
        sent = {use: them if isinstance(them, list) else [them] for use, them in files.items()}
        return service.begin(command=self.command, options=given, sent=sent, actor_id=actor_id)


@page("GET", "POST", change=True)
def ratings(request: HttpRequest) -> HttpResponse:
    """Take ratings, and hand their analysis to a worker."""
    shown = {name: Asking(command=name) for name in ASKED}
    if (name := request.POST.get("command", "")) in shown:
        form = shown[name] = Asking(request.POST, request.FILES, command=name)

        def make() -> HttpResponse:
            token = form.begin(request.user.pk or 0)
            ask_for(make_ratings, token, request.user.pk)
            return redirect("analysis:ratings_report", token=token)

        if answer := form.carried_out(request, make):
            return answer
    return render(request, "analysis/ratings.html", {"forms": shown})


@page("GET", "POST", change=True)
def report(request: HttpRequest, token: str) -> HttpResponseBase:
    """Tell how far the worker is and what came of it; a POST downloads all of it and deletes it."""
    folder, asked = box_of(request, Path(settings.HANDOVERS_ROOT), token)
    if request.method == "POST":
        if made := service.take(folder):
            return FileResponse(made, as_attachment=True, filename=service.ZIP)
        return redirect("analysis:ratings")
    stage, sent = service.stage_of(folder), asked["files"].values()
    context = {
        "stage": stage, "fault": text_of(folder / service.FAULT), "token": token,
        "said": text_of(folder / service.SAID).splitlines(), "files": [one for each in sent for one in each],
    }  # fmt: skip
    return render(request, "analysis/ratings_report.html", context, status=202 if stage else 200)


@page(change=True)
def report_file(request: HttpRequest, token: str) -> FileResponse:
    """Deliver the report alone."""
    folder, _ = box_of(request, Path(settings.HANDOVERS_ROOT), token)
    path = folder / service.OUT / "report.html"
    or_404(not service.stage_of(folder) and path.is_file())
    return FileResponse(path.open("rb"), as_attachment=True, headers={"Cache-Control": "private, no-store"})
