"""How the load of a study's cases goes, for the page of its admin."""

from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from readerstudy.accounts.signed_out import answers_scripts
from readerstudy.cases.loading import loading_json
from readerstudy.study.design.drafts import practice_key_for
from readerstudy.study.visibility import study_of_admin


@answers_scripts
@never_cache
@require_GET
def loading(request: HttpRequest, slug: str) -> JsonResponse:
    """Tell the study's admin how far the last load of cases is, and which images it refused."""
    study = study_of_admin(request, slug)
    return JsonResponse(loading_json(study.key, practice_key_for(study)))
