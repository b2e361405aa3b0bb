"""Guides on the site: who reads which, links that lead somewhere, and a foot with what the site has set."""

import re
from pathlib import Path

import pytest
from django.test import Client

from readerstudy.ops.serve.guides import FOR_READERS, GUIDES, drawn
from tests.blinding.test_words import told
from tests.stock import Stock

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).resolve().parents[2]


def as_person(person: object) -> Client:
    client = Client()
    client.force_login(person)
    return client


@pytest.mark.parametrize("name", FOR_READERS)
def test_what_readers_are_served_tells_nothing_of_groups(stock: Stock, name: str) -> None:
    page = as_person(stock.readers[0].person).get(f"/help/{name}/").content.decode()
    assert told(re.sub(r"<[^>]*>", " ", page)) == set()
    assert "Running a study" not in page


def test_a_reader_is_led_to_the_one_guide_and_an_admin_to_theirs(stock: Stock) -> None:
    assert as_person(stock.readers[0].person).get("/help/").headers["Location"] == "/help/radiologist/"
    assert as_person(stock.alice).get("/help/").headers["Location"] == "/help/study-admin/"


@pytest.mark.parametrize("name", list(GUIDES))
def test_links_of_a_guide_lead_to_headings_that_are_there(stock: Stock, name: str) -> None:
    client = as_person(stock.alice)
    page = client.get(f"/help/{name}/").content.decode()
    article = page[page.index('class="prose guide"') :]
    links = re.findall(r'href="([^"]*)"', article[: article.index("</article>")])
    for link in links:
        address, _, anchor = link.partition("#")
        if address.startswith(("https:", "mailto:")):
            continue
        there = client.get(address) if address else None
        text = page if there is None else there.content.decode()
        assert there is None or there.status_code == 200, link
        assert not anchor or f'id="{anchor}"' in text, link


def test_every_page_leads_to_a_heading_of_its_guide(stock: Stock) -> None:
    client = as_person(stock.alice)
    places = {
        found
        for path in (ROOT / "templates").rglob("*.html")
        for found in re.findall(r"\{% block help %\}([^{]+)\{% endblock %\}", path.read_text())
    }
    assert len(places) > 10
    for place in places:
        address, _, anchor = place.partition("#")
        page = client.get(f"/help/{address}").content.decode()
        assert not anchor or f'id="{anchor}"' in page, place


def test_a_link_to_a_guide_that_is_not_for_one_is_text() -> None:
    assert "href" not in drawn(
        "See [the researcher](researcher.md#sweep) and ![a picture](x.png).", FOR_READERS
    )
    assert "drawn:" not in drawn("before\n\n<!-- drawn: phases -->\n\n<!-- end -->\n\nafter", GUIDES)
    assert 'href="/help/researcher/#sweep"' in drawn("[there](researcher.md#sweep)", GUIDES)
    assert "script" not in drawn("<script>alert(1)</script>", GUIDES).replace("&lt;script&gt;", "").replace(
        "&lt;/script&gt;", ""
    )


def test_foot_has_what_is_set_and_the_version_for_people_who_are_signed_in(
    stock: Stock, settings: object
) -> None:
    settings.FOOT_LINKS = [("Imprint", "https://example.org/imprint"), ("Privacy", "")]  # type: ignore[attr-defined]
    page = as_person(stock.alice).get("/").content.decode()
    assert 'href="https://example.org/imprint"' in page
    assert "Privacy" not in page
    assert "Version" in page
    outside = Client().get("/accounts/sign-in/").content.decode()
    assert "Imprint" in outside
    assert "Version" not in outside
