"""One way for every list: search, order, pages; what is not offered in the address changes nothing."""

import re
from dataclasses import fields
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from analysis.models import DataSet, Run
from analysis.sweep.data_spec import DataSpec
from analysis.views.data_sets import NOT_ASKED
from analysis.views.forms import DataSetForm
from readerstudy import lists
from readerstudy.study.models import Assignment, Membership, Rating, Reader, Study
from readerstudy.study.people.members import readers_of
from readerstudy.study.visibility import studies_of
from tests.blinding.crowd import read_all
from tests.stock import Stock, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(stock: Stock) -> Client:
    """Alice, who runs 120 studies more; one more is Nora's alone."""
    made = Study.objects.bulk_create(
        Study(slug=f"study-{n}", title=f"Thorax {n:03d}", protocol=stock.study.protocol) for n in range(120)
    )
    Membership.objects.bulk_create(
        Membership(study=one, person=stock.alice, role="study_admin") for one in made
    )
    hers = Study.objects.create(slug="hers", title="Thorax of Nora", protocol=stock.study.protocol)
    Membership.objects.create(study=hers, person=person("Nora"), role="study_admin")
    client = Client()
    client.force_login(stock.alice)
    return client


def shown(client: Client, address: str) -> list[str]:
    """The short names on a page of the studies, in their order."""
    return re.findall(r'<div class="small muted mono">([\w-]+)</div>', client.get(address).content.decode())


def test_a_page_holds_fifty_and_leads_on(admin: Client) -> None:
    first, second, third = (shown(admin, f"/?page={n}") for n in (1, 2, 3))
    assert [len(first), len(second), len(third)] == [50, 50, 21]
    assert len({*first, *second, *third}) == 121
    assert shown(admin, "/?page=99") == third
    page = admin.get("/?page=2&q=thorax&order=-title").content.decode()
    assert 'href="?q=thorax&amp;order=-title&amp;page=1" rel="prev"' in page


def test_every_word_is_searched_in_every_column_and_only_in_one_s_own_studies(admin: Client) -> None:
    assert shown(admin, "/?q=thorax+study-11") == ["study-11", *(f"study-11{n}" for n in range(10))]
    assert shown(admin, "/?q=nora") == []
    assert "0 of 121 studies match" in admin.get("/?q=nora").content.decode()
    assert "No study matches" in admin.get("/?q=%25_%27%22").content.decode()
    assert "&lt;b&gt;" in admin.get("/?q=<b>").content.decode()


def test_a_list_is_ordered_by_what_is_offered_and_by_nothing_else(admin: Client) -> None:
    usual = shown(admin, "/")
    assert usual[0] == "chest"
    assert shown(admin, "/?order=-title")[0] == "study-119"
    assert shown(admin, "/?order=phase")[0] == "study-0"
    for strange in ("memberships__person__password", "--title", "protocol_sha256", "?", "-"):
        assert shown(admin, f"/?order={strange}") == usual
    assert 'href="?order=-title">Study' in admin.get("/").content.decode()


def test_few_rows_need_no_search(stock: Stock) -> None:
    client = Client()
    client.force_login(stock.alice)
    page = client.get("/").content.decode()
    assert "Chest study" in page
    assert 'type="search"' not in page
    assert 'class="pagination"' not in page


def test_the_order_of_readers_tells_no_hour(stock: Stock) -> None:
    """Both read on one day, the first nine minutes earlier: by the last day neither comes before the other."""
    noon = timezone.localtime().replace(hour=12)
    for reader, ago in ((stock.readers[1], 0), (stock.readers[0], 9)):
        read_all(reader)
        Rating.objects.filter(assignment__reader=reader).update(saved_at=noon - timedelta(minutes=ago))
    ordered = [list(readers_of(stock.study).order_by(by, "pk")) for by in ("last_day", "-last_day")]
    assert [reader.pseudonym for reader in ordered[0]] == ["R01", "R02"]
    assert ordered[0] == ordered[1]


def test_counts_of_a_reader_are_not_multiplied(stock: Stock) -> None:
    """Joins of several tables at once would count each reading once for each session."""
    reader = stock.readers[0]
    read_all(reader)
    total = reader.assignments.count()
    for number in range(2, 5):
        reader.sessions.create(study=stock.study, number=number)
    row = readers_of(stock.study).get(pk=reader.pk)
    assert (row.total, row.finished, row.lately, row.sessions_begun) == (total, total, total, 4)


def test_the_page_of_people_has_two_lists_that_do_not_disturb_each_other(
    stock: Stock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "SIZE", 1)
    client = Client()
    client.force_login(stock.alice)
    client.post("/studies/chest/people/invite/", {"email": "a@example.org\nb@example.org", "role": "reader"})
    page = client.get("/studies/chest/people/?page=2&asked-page=2").content.decode()
    assert "R02 withdraws" in page
    assert "R01 withdraws" not in page
    assert "Send again to b@example.org" in page
    assert "Send again to a@example.org" not in page
    names = [reader.pseudonym for reader in Reader.objects.filter(person__email="bella@example.org")]
    assert f"{names[0]} withdraws" in client.get("/studies/chest/people/?q=bella").content.decode()
    hidden = client.get("/studies/chest/people/?q=bella@example").content.decode()
    assert "No reader matches" in hidden, "a search of what is not shown would tell it letter by letter"


def test_the_lists_of_the_analysis_are_searched_too(stock: Stock) -> None:
    for n in range(3):
        Run.objects.create(run_id=f"{n:016x}", name=f"Sweep {n}", folder="/nowhere", spec={})
    client = Client()
    client.force_login(stock.olga)
    page = client.get("/runs/?q=sweep+2").content.decode()
    assert "Sweep 2" in page
    assert "Sweep 1" not in page
    for address in ("/runs/", "/data-sets/", "/ensembles/"):
        assert client.get(f"{address}?q=nothing&order=nothing&page=x").status_code == 200
    assert "No sweep yet" not in client.get("/runs/?q=nothing").content.decode()


def test_long_lists_ask_the_database_no_more_than_short_ones(
    admin: Client, stock: Stock, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(12):
        admin.get("/")
    with django_assert_max_num_queries(30):
        admin.get("/studies/chest/people/")


def test_a_data_set_is_told_in_words(stock: Stock) -> None:
    section = {"labels_test": "test.csv", "id_column": "id", "classes": "nih-cxr-lt", "readers": "three"}
    DataSet.objects.create(slug="nih", section=section)
    client = Client()
    client.force_login(stock.olga)
    page = client.get("/data-sets/nih/").content.decode()
    assert "<dt>Test labels</dt>" in page
    assert "<dt>Column of the image names</dt>" in page
    assert "labels_test" not in page
    assert "<dt>Rule for several readers</dt>" in page, "what the form does not ask for is told too"
    assert set(NOT_ASKED) | set(DataSetForm(roots=()).fields) >= {each.name for each in fields(DataSpec)} - {
        "name"
    }


def test_every_tab_of_a_study_has_one_head(stock: Stock) -> None:
    client = Client()
    client.force_login(stock.alice)
    heads = set()
    for tab in ("", "protocol/", "images/", "terms/", "planning/", "people/", "audit/"):
        page = client.get(f"/studies/chest/{tab}").content.decode()
        head = page[page.index('<div class="page-head">') : page.index('<nav class="tabs"')]
        heads.add(head)
        current = re.findall(
            r'<a href="(/[\w/-]+)" aria-current="page">', page[page.index('<nav class="tabs"') :]
        )
        assert current == [f"/studies/chest/{tab}"]
    assert len(heads) == 1
    page = client.get("/studies/chest/").content.decode()
    assert stock.study.sealed_sha256 in page[page.index("<summary>Digests and audit chains</summary>") :]


def test_a_study_counts_what_is_to_be_read_and_what_was_read_once_or_changed(stock: Stock) -> None:
    rows = list(Assignment.objects.filter(study=stock.study).order_by("pk"))
    for row, revision in zip(rows, (1, 2, 5), strict=False):
        Assignment.objects.filter(pk=row.pk).update(revision=revision)
    (found,) = studies_of(stock.alice).filter(pk=stock.study.pk)
    assert (found.total, found.finished) == (len(rows), 3)
