"""The page on which a study's admin loads cases from the site's folder of handovers."""

from typing import cast

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from readerstudy.accounts.access import signed_in
from readerstudy.accounts.middleware import answers_scripts
from readerstudy.cases.loading import loading_json
from readerstudy.ops.loading import offered_sets, start_load
from readerstudy.study.design.drafts import practice_key_for
from readerstudy.study.models import Role, Study
from readerstudy.study.phases import PhaseError, StudyError
from readerstudy.study.visibility import study_for_role, study_of_admin

CASES, PRACTICE = "cases", "practice"


class LoadCases(forms.Form):
    """Which set, and as what."""

    name = forms.ChoiceField(label="Case set")
    use = forms.ChoiceField(
        label="Load it as",
        choices=[(CASES, "the cases of the study"), (PRACTICE, "practice cases")],
        widget=forms.RadioSelect,
        initial=CASES,
    )


def _form(request: HttpRequest) -> LoadCases:
    form = LoadCases(request.POST or None)
    field = cast(forms.ChoiceField, form.fields["name"])
    field.choices = [(each.name, f"{each.name}, {each.cases} cases") for each in offered_sets()]
    return form


@never_cache
@require_http_methods(["GET", "POST"])
def load(request: HttpRequest, slug: str) -> HttpResponse:
    """Offer the sets that can be loaded, and begin to load one."""
    person = signed_in(request)
    study: Study = study_for_role(person, slug, Role.STUDY_ADMIN)
    form = _form(request)
    if request.method == "POST":
        if form.is_valid():
            practice = form.cleaned_data["use"] == PRACTICE
            try:
                if start_load(study=study, name=form.cleaned_data["name"], practice=practice, actor=person):
                    messages.success(request, "Loading has started; this page shows its progress.")
                else:
                    messages.info(request, "A load is already running; this page shows its progress.")
            except (StudyError, PhaseError) as error:
                messages.error(request, str(error))
        else:
            messages.error(request, "Choose a case set that is offered.")
        return redirect("ops:load", slug=slug)
    return render(request, "ops/load.html", {"study": study, "form": form})


@answers_scripts
@never_cache
@require_GET
def loading(request: HttpRequest, slug: str) -> JsonResponse:
    """Tell the study's admin how far the last load of cases is, and which images it refused."""
    study = study_of_admin(request, slug)
    return JsonResponse(loading_json(study.key, practice_key_for(study)))
