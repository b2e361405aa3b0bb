"""The guides of docs/, served to the people each is for, and the foot of every page.

A reader is served the radiologist's guide alone: the others say what studies compare and how cases are chosen.
"""

import re
from collections.abc import Iterable
from typing import Any

import nh3
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_GET
from markdown_it import MarkdownIt

from readerstudy.accounts.access import may_open_runs, or_404, signed_in
from readerstudy.accounts.models import User
from readerstudy.environment import shipped, version
from readerstudy.study.markdown import TAGS
from readerstudy.study.visibility import may_create_studies

GUIDES = {
    "radiologist": "Reading",
    "study-admin": "Running a study",
    "researcher": "Data, sweeps and exemplars",
    "statistics": "Statistics",
    "formats": "File formats",
    "data-dictionary": "Tables of an export",
    "glossary": "Glossary",
}
FOR_READERS = ("radiologist",)
_UNSEEN = re.compile(r"!\[[^\]]*\]\([^)]*\)|<!--.*?-->", re.DOTALL)
"""Pictures, which the site does not carry, and marks of parts that are drawn by a command."""
_LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")


@require_GET
def guides(request: HttpRequest) -> HttpResponse:
    """Lead to the first guide of a person: the one about what they do most."""
    names = guides_for(signed_in(request))
    return redirect("ops:guide", name=names[-1] if len(names) == 1 else names[1])


@require_GET
def guide(request: HttpRequest, name: str) -> HttpResponse:
    """Show a guide."""
    names = guides_for(signed_in(request))
    or_404(name in names)
    text = (shipped("docs") / f"{name}.md").read_text(encoding="utf-8")
    context = {"name": name, "guides": [(each, GUIDES[each]) for each in names], "text": drawn(text, names)}
    return render(request, "ops/guide.html", context)


def guides_for(person: User) -> list[str]:
    """Return the names of the guides that a person may read: all, but for somebody who only reads."""
    knows = may_open_runs(person) or may_create_studies(person) or person.memberships.exists()
    return list(GUIDES if knows else FOR_READERS)


def drawn(text: str, names: Iterable[str]) -> SafeString:
    """Return a guide as HTML: links to other guides of these names work, links to anything else are text.

    Pictures and diagrams are left out; they are in the documents themselves.
    """
    known = set(names)
    plain = _UNSEEN.sub("", text)
    tokens = [token for token in _MARKDOWN.parse(_LINK.sub(lambda link: _link(link, known), plain))
              if token.info != "mermaid"]  # fmt: skip
    for place, token in enumerate(tokens):
        if token.type == "heading_open":
            token.attrSet("id", _anchor(tokens[place + 1].content))
    html = _MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {})
    headings: dict[str, set[str]] = {f"h{rank}": {"id"} for rank in range(1, 5)}
    clean = nh3.clean(
        html, tags={*TAGS, "h1"}, attributes={"a": {"href"}, **headings}, url_schemes={"https", "mailto"}
    )
    return mark_safe(clean)  # noqa: S308  # nh3 has cleaned it


def foot(request: HttpRequest) -> dict[str, Any]:
    """Return what templates say at the foot of a page; the version to people who are signed in."""
    known = getattr(request, "user", None) is not None and request.user.is_authenticated
    return {
        "foot": {
            "links": [(name, url) for name, url in settings.FOOT_LINKS if url],
            "version": version() if known else "",
        }
    }


def _link(link: re.Match[str], names: set[str]) -> str:
    """Return a link as it leads on the site, or its words alone where it leads nowhere here."""
    words, target = link.groups()
    if target.startswith(("#", "https://", "mailto:")):
        return link[0]
    file, _, anchor = target.partition("#")
    name = file.removesuffix(".md")
    if file == name or name not in names:
        return words
    return f"[{words}]({reverse('ops:guide', args=[name])}{'#' * bool(anchor)}{anchor})"


def _anchor(title: str) -> str:
    """Return the anchor of a heading as code hosts make it, which the documents' own links use."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
