"""What superusers may look at in Django's admin: records without a single answer, time, case or secret.

It is behind the site's own sign-in and has no sign-in of its own.

Every page is read-only: services own every write, so that each is checked and audited. What is not listed here is
left out; tests/ops/test_admin.py gives the reason for each table.
"""

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from django.apps import apps
from django.contrib import admin
from django.contrib.admin import AdminSite
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache

from readerstudy.accounts.models import User
from readerstudy.audit.models import Event
from readerstudy.audit.sentences import Names, people_in, sentence_of

if TYPE_CHECKING:
    Base = admin.ModelAdmin[Any]
else:
    Base = admin.ModelAdmin  # takes no type argument when it runs

# What these pages call them; nothing else shows it.
for _model, _plural in (("study.Study", "studies"), ("cases.Terms", "terms of use")):
    apps.get_model(_model)._meta.verbose_name_plural = _plural


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


class Record(Base):
    """A table to look at: `fields` and `list_display` say which columns, and no other can be asked about."""

    actions = None
    list_per_page = 50
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse."""
        return False

    has_change_permission = has_delete_permission = has_add_permission

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Refuse filters by columns that are not shown: the number of hits would tell them, letter by letter."""
        column, _, how = lookup.partition("__")
        return column in {*self.list_filter} and how in {"", "exact"}


@admin.register(User)
class People(Record):
    list_display = ["email", "name", "is_active", "is_superuser", "created_at"]
    list_filter = ["is_active", "is_superuser"]
    search_fields = ["email", "name"]
    fields: ClassVar[Any] = [*list_display, "last_login"]


@admin.register(Event)
class SiteEvents(Record):
    """The site's own chain. A study's trail has a page of its own, for its admins, masked until its key is open."""

    list_display = ["sequence", "at", "told", "kind", "subject"]
    list_filter = ["kind"]
    ordering = ["-sequence"]
    fields: ClassVar[Any] = [
        "sequence", "at", "actor", "kind", "subject", "values", "reason", "previous", "digest",
    ]  # fmt: skip

    @admin.display(description="what happened")
    def told(self, event: Event) -> str:
        """Return the event as a sentence."""
        people = User.objects.filter(pk__in=people_in([event]))
        return sentence_of(event, Names({person.pk: str(person) for person in people}))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Event]:
        """Return no event of a study."""
        found: QuerySet[Event] = super().get_queryset(request)
        return found.filter(study=None).select_related("actor")


# Of each other table the columns of its list, and what one record shows besides.
with Path(__file__).with_suffix(".csv").open(encoding="utf-8", newline="") as _file:
    for _row in csv.DictReader(_file):
        _listed = _row["listed"].split()
        _shown = {
            "list_display": _listed,
            "fields": [*_listed, *_row["besides"].split()],
            "list_filter": _row["narrowed by"].split(),
        }
        _table = apps.get_model(_row["table"])
        admin.site.register(_table, type(f"{_table.__name__}Record", (Record,), _shown))
