"""What superusers may look at in Django's admin: records without a single answer, time, case or secret.

Every page is read-only: services own every write, so that each is checked and audited. What is not listed here is
left out; tests/ops/test_admin.py gives the reason for each table.
"""

from typing import TYPE_CHECKING, Any, ClassVar

from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from readerstudy.accounts.models import Invitation, Recovery, User
from readerstudy.audit.models import Chain, Event
from readerstudy.audit.sentences import Names, people_in, sentence_of
from readerstudy.cases.models import CaseSet, Terms, TermsConfirmation
from readerstudy.results.models import Unblinding, UnblindingRequest
from readerstudy.study.models import Membership, Reader, Study

if TYPE_CHECKING:
    Base = admin.ModelAdmin[Any]
else:
    Base = admin.ModelAdmin  # takes no type argument when it runs

for _model, _plural in ((Study, "studies"), (Terms, "terms of use")):
    _model._meta.verbose_name_plural = _plural  # what these pages call them; nothing else shows it


class Record(Base):
    """A table to look at: `fields` and `list_display` say which columns, and no other can be asked about."""

    actions = None
    list_per_page = 50
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse."""
        return False

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Let superusers look."""
        return bool(request.user.is_active and request.user.is_superuser)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Let superusers see the list of tables."""
        return self.has_view_permission(request)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Refuse filters by columns that are not shown: the number of hits would tell them, letter by letter."""
        return lookup.split("__", maxsplit=1)[0] in {*self.list_filter} and "__" not in lookup.removesuffix(
            "__exact"
        )


@admin.register(User)
class People(Record):
    list_display = ["email", "name", "is_active", "is_superuser", "created_at"]
    list_filter = ["is_active", "is_superuser"]
    search_fields = ["email", "name"]
    fields = ["email", "name", "is_active", "is_superuser", "created_at", "last_login"]


@admin.register(Authenticator)
class SecondFactors(Record):
    list_display = ["user", "type", "created_at", "last_used_at"]
    list_filter = ["type"]
    fields = ["user", "type", "created_at", "last_used_at"]


@admin.register(Invitation)
class Invitations(Record):
    list_display = ["email", "role", "study", "created_at", "expires_at", "used_at", "revoked_at"]
    list_filter = ["role"]
    fields: ClassVar[Any] = [*list_display, "replaces", "invited_by"]


@admin.register(Recovery)
class Recoveries(Record):
    list_display = ["person", "created_at", "expires_at", "used_at"]
    fields: ClassVar[Any] = [*list_display, "had_factor"]


@admin.register(Chain)
class Chains(Record):
    list_display = ["study", "sequence", "digest"]
    fields: ClassVar[Any] = list_display


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


@admin.register(Study)
class Studies(Record):
    list_display = ["slug", "title", "phase", "created_at", "locked_at", "closed_at", "unblinded_at"]
    list_filter = ["phase"]
    fields: ClassVar[Any] = [
        *list_display, "archived_at", "key", "protocol_sha256", "cases_sha256", "sealed_sha256", "synthetic_images",
        "simulated_readers",
    ]  # fmt: skip


@admin.register(Membership)
class Memberships(Record):
    list_display = ["study", "person", "role"]
    list_filter = ["role"]
    fields: ClassVar[Any] = list_display


@admin.register(Reader)
class Readers(Record):
    list_display = ["study", "pseudonym", "person", "enrolled_at", "withdrawn_at"]
    fields: ClassVar[Any] = list_display


@admin.register(CaseSet)
class CaseSets(Record):
    list_display = ["study", "case_count", "synthetic", "loaded_at"]
    fields: ClassVar[Any] = [*list_display, "cases_sha256", "key_sha256"]


@admin.register(Terms)
class TermsOfUse(Record):
    list_display = ["study", "credential", "ethics", "set_at"]
    fields: ClassVar[Any] = [*list_display, "text", "sha256"]


@admin.register(TermsConfirmation)
class TermsConfirmations(Record):
    list_display = ["study", "person", "confirmed_at"]
    fields: ClassVar[Any] = [*list_display, "sha256"]


@admin.register(Unblinding)
class Unblindings(Record):
    list_display = ["study", "opened_by", "opened_at"]
    fields: ClassVar[Any] = [*list_display, "reason", "key_sha256"]


@admin.register(UnblindingRequest)
class UnblindingRequests(Record):
    list_display = ["study", "asked_by", "asked_at"]
    fields: ClassVar[Any] = [*list_display, "reason"]
