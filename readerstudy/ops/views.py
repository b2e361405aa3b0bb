"""Two pages for load balancers; they tell nothing but whether the site answers."""

import logging

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from readerstudy.ops.readiness import is_ready

log = logging.getLogger(__name__)


@login_not_required
@never_cache
@require_GET
def health(request: HttpRequest) -> HttpResponse:
    """Answer 'ok': the process lives."""
    return HttpResponse("ok\n", content_type="text/plain")


@login_not_required
@never_cache
@require_GET
def readiness(request: HttpRequest) -> HttpResponse:
    """Answer 'ok' when readers can be served, else 503; what is wrong stands in the log only."""
    ready = is_ready()
    return HttpResponse("ok\n" if ready else "no\n", content_type="text/plain", status=200 if ready else 503)
