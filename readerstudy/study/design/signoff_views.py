"""The page on which an admin of a draft looks at each image for names, one at a time and in random order."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from readerstudy.accounts.signed_in import signed_in
from readerstudy.cases.models import Case
from readerstudy.cases.selectors import frame_json
from readerstudy.study.design import signoff
from readerstudy.study.design.terms import sets_of, waiting
from readerstudy.study.models import Study
from readerstudy.study.phases import Phase, PhaseError
from readerstudy.study.visibility import study_of_admin


@never_cache
@require_GET
def images(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the next image to look at, or how many were found clear."""
    study = study_of_admin(request, slug)
    person = signed_in(request)
    draft = study.phase == Phase.DRAFT
    if draft and waiting(study, person):
        return redirect("study:terms", slug=slug)
    case = signoff.next_case(study, person) if draft else None
    context = {
        "study": study,
        "progress": signoff.progress_of(study),
        "case": case,
        "source": None if case is None else _source(study, case),
        "synthetic": any(each.synthetic for each in sets_of(study)),
    }
    return render(request, "study/images.html", context)


@require_POST
def sign_off(request: HttpRequest, slug: str) -> HttpResponse:
    """Record what was seen on one image, or that a program drew them all; go on to the next."""
    study = study_of_admin(request, slug)
    posted, person = request.POST, signed_in(request)
    try:
        if posted.get("finding") == "drawn":
            signoff.sign_off_drawn(study=study, actor=person)
        elif posted.get("finding") in {"clear", "named"}:
            signoff.sign_off(
                study=study, key=posted.get("case", ""), person=person, clear=posted["finding"] == "clear",
                scale=posted.get("scale"),
            )  # fmt: skip
        else:
            messages.error(request, "Expected whether a name is visible; choose one of the two buttons.")
    except (signoff.SignOffError, PhaseError) as error:
        messages.error(request, str(error))
    return redirect("study:images", slug=slug)


def _source(study: Study, case: Case) -> dict[str, object]:
    """Return what the viewer fetches. The key is random; block, labels and all else of the case stay here."""
    address = reverse("study:preview_frame", kwargs={"slug": study.slug, "name": case.key})
    return {"id": case.key, "frame_url": address, "frame": frame_json(case)}
