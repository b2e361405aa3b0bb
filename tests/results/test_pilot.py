"""A finished study as the pilot of another: its variances go to the planning page."""

import re
from html import unescape

import pytest
from django.test import Client

from readerstudy.planning.pilot import variances_of
from readerstudy.results.computed import computed
from readerstudy.study.design.lifecycle import create_study
from readerstudy.study.protocol import Protocol
from tests.stock import Stock


@pytest.mark.django_db
def test_the_variances_of_a_finished_study_are_taken_in_one_click(opened: Stock, client: Client) -> None:
    client.force_login(opened.alice)
    draft = create_study(slug="next", title="Next", protocol=Protocol(), actor=opened.alice)
    page = client.get(f"/studies/{draft.slug}/planning/", {"readers": 7}).content.decode()
    (link,) = re.findall(r'href="(/results/chest/pilot/[^"]*)"', page)
    there = client.get(unescape(link), follow=True)
    form = there.context["form"]
    found = variances_of(computed(opened.study).results, form.assumed().endpoint)
    assert {name: form.cleaned_data[name] for name in found} == pytest.approx(found)
    assert (form.cleaned_data["readers"], there.context["pilot"]) == (7, "chest")
    assert "The variances are those of the finished study chest" in there.content.decode()
    unknown = client.get("/results/chest/pilot/next/?endpoint=other", follow=True)
    assert "which tested agree, quality, difficulty" in unknown.content.decode()
    assert client.get("/results/chest/pilot/nowhere/", follow=True).status_code == 404
