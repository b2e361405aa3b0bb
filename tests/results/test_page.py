"""The results page, also for studies in which readers could not assess something."""

import pytest
from django.test import Client

from readerstudy.results.services import open_key
from readerstudy.study.design import lifecycle
from readerstudy.study.models import Study
from readerstudy.study.phases import Phase, StudyError
from readerstudy.study.protocol import Protocol
from tests.stock import Stock

pytestmark = pytest.mark.django_db

TITLES = ("Label agreement", "Image quality", "Difficulty")


def page(stock: Stock) -> str:
    client = Client()
    client.force_login(stock.alice)
    answer = client.get("/results/chest/")
    assert answer.status_code == 200
    return answer.content.decode()


def test_page_names_each_question_once_as_primary(opened: Stock) -> None:
    """The stock readers could not assess some cases; rows about that are no questions of their own."""
    text = page(opened)
    for title in TITLES:
        assert text.count(f"<h3>{title}</h3>") == 1
    assert text.count("<h3>") == len(TITLES)
    assert "Download the export" in text


def test_forgotten_draft_does_not_hold_a_key_back_and_can_never_be_read(closed: Stock) -> None:
    draft = lifecycle.create_study(slug="draft", title="Draft", protocol=Protocol(), actor=closed.alice)
    Study.objects.filter(pk=draft.pk).update(
        sealed_sha256=closed.study.sealed_sha256, cases_sha256=closed.study.cases_sha256
    )
    open_key(study=closed.study, key=closed.case_set.key, reason="reading is over", actor=closed.alice)
    with pytest.raises(StudyError, match="has been opened"):
        lifecycle.lock(study=draft, actor=closed.alice)
    draft.refresh_from_db()
    assert draft.phase == Phase.DRAFT


def test_short_name_of_a_page_is_refused(stock: Stock) -> None:
    with pytest.raises(StudyError, match="'new' is a page of the site"):
        lifecycle.create_study(slug="new", title="New", protocol=Protocol(), actor=stock.alice)
    client = Client()
    client.force_login(stock.alice)
    answer = client.post("/studies/new/", {"title": "New", "slug": "new"})
    assert "is a page of the site" in answer.content.decode()
    assert not Study.objects.filter(slug="new").exists()
