"""Every page: the strict policy word for word, and nothing inline that it would have to allow."""

from html.parser import HTMLParser

import pytest

from tests.blinding.access import ROLES, rules
from tests.blinding.crowd import Crowd, to_phase

pytestmark = pytest.mark.django_db

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
ADMIN_PAGES = (
    "/admin/",
    "/admin/login/",
    "/admin/auth/group/",
    "/admin/auth/group/add/",
    "/admin/password_change/",
)


class Inline(HTMLParser):
    """Collects what a strict policy forbids, and what a page loads from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        # A block of JSON is data: no browser runs it, and no policy has to allow it.
        runs = tag == "script" and not values.get("src") and values.get("type") != "application/json"
        if tag == "style" or runs:
            self.found.append(tag)
        for name, value in attrs:
            if name == "style" or name.startswith("on"):
                self.found.append(f"{tag} {name}")
            if name in {"src", "href", "action", "formaction"} and (value or "").split(":")[0] in {
                "javascript", "data", "http", "https",
            }:  # fmt: skip
                self.found.append(f"{tag} {name}={value}")


def inline(page: str) -> list[str]:
    parser = Inline()
    parser.feed(page)
    return parser.found


def directives(policy: str) -> set[str]:
    return {part.strip() for part in policy.split(";")}


@pytest.mark.parametrize("phase", ["reading", "unblinded"])
def test_every_page_has_the_policy_and_nothing_inline(crowd: Crowd, phase: str) -> None:
    to_phase(crowd.stock, phase)
    pages = 0
    for role in ROLES:
        for address in sorted({rule.address for rule in rules()} | set(ADMIN_PAGES)):
            for method in ("GET", "POST") if role in {"anonymous", "bob", "alice"} else ("GET",):
                answer = crowd.try_out(role, method, address)
                assert directives(answer.headers["Content-Security-Policy"]) == directives(POLICY), (
                    role,
                    address,
                )
                if not answer.headers.get("Content-Type", "").startswith("text/html") or not answer.body:
                    continue
                if answer.headers.get("Content-Disposition", "").startswith("attachment"):
                    # The report that stands alone has its style and pictures within, and is only ever saved.
                    assert address.endswith("/report.html"), (role, address)
                    continue
                assert inline(answer.body.decode()) == [], (role, address)
                pages += 1
    assert pages > 100


@pytest.mark.parametrize(
    "planted",
    [
        "<p style='color: red'>",
        "<style>p {}</style>",
        "<script>1</script>",
        "<button onclick='x()'>",
        "<a href='javascript:x()'>",
        "<script src='https://elsewhere.example/x.js'></script>",
        "<img src='data:image/png;base64,'>",
    ],
)
def test_the_scan_of_pages_fires(planted: str) -> None:
    assert inline(f"<main>{planted}</main>")
