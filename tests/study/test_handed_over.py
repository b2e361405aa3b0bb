"""What a case set says of its own images is told to the admin before the lock."""

import pytest
from django.test import Client

from readerstudy.cases.models import CaseSet
from tests.stock import Stock

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("apart", [None, 0, 3])
def test_where_readers_see_another_tone_than_the_networks_is_told_before_the_lock(
    draft: Stock, client: Client, apart: int | None
) -> None:
    CaseSet.objects.filter(study=draft.study.key).update(apart=apart)
    client.force_login(draft.alice)
    for page in ("/studies/chest/", "/studies/chest/protocol/"):
        text = client.get(page).content.decode()
        assert ("the first picture has another tone" in text) == (apart == 3)
        assert ("In 3 of 16 cases" in text) == (apart == 3)


@pytest.mark.parametrize(
    ("custody", "told", "untold"),
    [
        ({}, ["says nothing about it"], ["may show text"]),
        (
            {"burned_in": {"images": 3, "checked": "A. Vogel <looked>"}},
            ["says nothing about it", "3 of 16 images may show text", "A. Vogel &lt;looked&gt;"], [],
        ),
        ({"definition": 1, "equal": 16, "alike": 0}, [], ["says nothing about it", "may show text"]),
        (
            {"unchecked": "why", "burned_in": {"images": 16, "checked": "seen"}},
            ["not compared", "16 of 16 images may show text"], ["says nothing about it"],
        ),
    ],
)  # fmt: skip
def test_what_the_hand_over_says_of_its_images_is_told_before_the_lock(
    draft: Stock, client: Client, custody: dict[str, object], told: list[str], untold: list[str]
) -> None:
    CaseSet.objects.filter(study=draft.study.key).update(custody=custody)
    client.force_login(draft.alice)
    for page in ("/studies/chest/", "/studies/chest/protocol/"):
        text = client.get(page).content.decode()
        assert all(each in text for each in told), page
        assert not any(each in text for each in untold), page
