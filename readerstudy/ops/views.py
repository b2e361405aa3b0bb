"""A page for load balancers; it tells nothing but that the site answers."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET


@login_not_required
@require_GET
def health(request: HttpRequest) -> HttpResponse:
    """Answer 'ok'."""
    return HttpResponse("ok\n", content_type="text/plain")
