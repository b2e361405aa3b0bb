"""Django's admin site, behind the site's own sign-in: it has no sign-in of its own."""

from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache


class Site(AdminSite):
    """What superusers look at; nothing registers itself here."""

    site_header = "Reader Study: records"
    site_title = "Reader Study"
    enable_nav_sidebar = False
    index_title = "Records, read-only; change them on the site's own pages"

    def has_permission(self, request: HttpRequest) -> bool:
        """Let superusers in, nobody else."""
        return bool(request.user.is_active and request.user.is_superuser)

    @method_decorator(login_not_required)
    @method_decorator(never_cache)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Lead to the site's sign-in, which asks for both factors.

        Raises
        ------
        PermissionDenied: somebody is signed in who is no superuser.
        """
        wanted = request.GET.get("next", "")
        if not url_has_allowed_host_and_scheme(wanted, allowed_hosts={request.get_host()}):
            wanted = reverse("admin:index")
        if self.has_permission(request):
            return redirect(wanted)
        if request.user.is_authenticated:
            raise PermissionDenied
        return redirect_to_login(wanted)

    def password_change(  # type: ignore[override]
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Lead to the person's own account, where changing the password is audited and ends other sessions."""
        return redirect("accounts:account")
