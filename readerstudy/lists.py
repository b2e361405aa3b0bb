"""One way for every list: search, order and pages. A template names the columns, the address says what is shown.

{% load lists %}
{% listed studies search="title slug" order="title created_at" as list %}
{% include "parts/list_search.html" %}
<th>{% heading list "title" "Study" %}</th>  ...  {% for study in list.page %} ...
{% include "parts/list_pages.html" %}
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Page, Paginator
from django.db.models import Q, QuerySet
from django.template import Context, Library
from django.utils.html import format_html
from django.utils.safestring import SafeString

SIZE = 50
"""Rows of a page."""

register = Library()


@dataclass(frozen=True)
class Listing:
    """What of a list is shown: a page of it, what was searched, the column that orders it ("-": falling)."""

    page: Page[Any]
    query: str
    order: str
    total: int
    prefix: str

    def address(self, **changed: object) -> str:
        """Return the address of the same list with something changed, without what is usual."""
        shown = {"q": self.query, "order": self.order, **changed}
        return "?" + urlencode({f"{self.prefix}{name}": value for name, value in shown.items() if value})


@register.simple_tag(takes_context=True)
def listed(context: Context, rows: QuerySet[Any], *, search: str, order: str, prefix: str = "") -> Listing:
    """Return the page of a list that the request asks for.

    Parameters
    ----------
    search: columns in which each word of the search is looked for.
    order: columns by which the list can be ordered; the first is the usual one.
    prefix: of what the address says, where a page has several lists.
    """
    asked, columns = context["request"].GET, order.split()
    query, wanted = asked.get(f"{prefix}q", "").strip()[:100], asked.get(f"{prefix}order", "")
    found = rows
    for word in query.split():
        found = found.filter(Q(*((f"{name}__icontains", word) for name in search.split()), _connector=Q.OR))
    known = {column.lstrip("-") for column in columns}
    by = wanted if wanted.removeprefix("-") in known else columns[0]
    pages = Paginator(found.order_by(by, "pk"), SIZE)
    shown, total = pages.get_page(asked.get(f"{prefix}page")), rows.count() if query else pages.count
    return Listing(shown, query, by, total, prefix)


@register.simple_tag
def heading(shown: Listing, column: str, name: str) -> SafeString:
    """Return the heading of a column by which the list can be ordered: a link that turns the order round."""
    here = {column: "▲", f"-{column}": "▼"}.get(shown.order, "")
    to = shown.address(order=f"-{column}" if shown.order == column else column)
    return format_html('<a class="order" href="{}">{} <span aria-hidden="true">{}</span></a>', to, name, here)


@register.simple_tag
def page_address(shown: Listing, number: int) -> str:
    """Return the address of another page of a list."""
    return shown.address(page=number)
