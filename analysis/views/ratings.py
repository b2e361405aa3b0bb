"""The pages of ratings that somebody uploads: what the commands `analyse_ratings` and `import_via` do, by a worker."""

from typing import Any

from django import forms
from django.core.management import load_command_class
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render

from analysis.errors import RefusedError
from analysis.services import ratings as service
from analysis.tasks import ask_for_ratings
from analysis.views.fields import GroupsField, field_of
from analysis.views.guards import page

ASKED = {
    "analyse_ratings": (
        "ratings",
        "groups",
        "primary",
        "endpoints",
        "subgroups",
        "like",
        "seed",
        "simulated",
    ),
    "import_via": ("files", "cases", "key", "first_exemplars", "paper"),
}
"""Of each command the choices that its form offers."""
CALLED = {
    "ratings": "Ratings", "primary": "Primary method", "like": "Repeat these results",
    "endpoints": "Names of the questions that are tested", "subgroups": "Groups of cases",
    "simulated": "Simulated ratings", "files": "VIA files", "cases": "Cases of the readers",
    "first_exemplars": "So many first file names are PIEs", "paper": "Count as the published script did",
}  # fmt: skip


class Asking(forms.Form):
    """The files and choices of one command."""

    planned = forms.FileField(
        required=False, label="Planned readings", help_text="planned.csv of an export: what was to be read."
    )
    questions = forms.FileField(
        required=False,
        label="Questions",
        help_text="endpoints.json of an export; without it the published three.",
    )

    def __init__(self, *args: Any, command: str, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "prefix": command})
        self.command = command
        parser = load_command_class("analysis", command).create_parser("", command)
        found = {one.dest: field_of(one) for one in parser._actions if one.dest in ASKED[command]}
        beside = self.fields if command == "analyse_ratings" else {}
        self.fields = {name: found[name] for name in ASKED[command]} | beside
        if "groups" in found:
            self.fields["groups"] = GroupsField()
        for name, field in self.fields.items():
            field.label = CALLED.get(name, field.label)

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
    sent = request.POST.get("command", "")
    tried = {name: Asking(request.POST, request.FILES, command=name) for name in ASKED if name == sent}
    shown = {name: tried.get(name) or Asking(command=name) for name in ASKED}
    for form in tried.values():
        if form.is_valid():
            try:
                token = form.begin(request.user.pk or 0)
                ask_for_ratings(token, request.user.pk or 0)
                return redirect("analysis:ratings_report", token=token)
            except RefusedError as error:
                form.add_error(None, str(error))
    return render(request, "analysis/ratings.html", {"forms": shown})


@page("GET", "POST", change=True)
def report(request: HttpRequest, token: str, name: str = "") -> HttpResponseBase:
    """Tell how far the worker is and what came of it; a POST downloads all of it and deletes it."""
    found = service.find(token, request.user.pk)
    if found is None:
        raise Http404
    folder, asked = found
    if request.method == "POST":
        made = service.take(folder)
        return (
            FileResponse(made, as_attachment=True, filename=service.ZIP)
            if made
            else redirect("analysis:ratings")
        )
    if name:
        if service.stage_of(folder) or not (path := folder / service.OUT / name).is_file():
            raise Http404
        return FileResponse(
            path.open("rb"), as_attachment=True, headers={"Cache-Control": "private, no-store"}
        )
    told = {one: service.told(folder, one) for one in (service.FAULT, service.SAID)}
    context = {
        "stage": service.stage_of(folder), "fault": told[service.FAULT], "said": told[service.SAID].splitlines(),
        "token": token, "files": [one for each in asked["files"].values() for one in each],
    }  # fmt: skip
    return render(request, "analysis/ratings_report.html", context, status=202 if context["stage"] else 200)
