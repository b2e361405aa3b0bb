"""The swap test: one study built twice, the arms exchanged, the seeds the same; a reader gets the same bytes.

A study of grey images, one in colour, one with two images to a case, and one with two in colour.
"""

import pytest
from pytest_django import DjangoDbBlocker

from readerstudy.cases.models import Case, Frame
from readerstudy.study.protocol import Protocol
from tests.blinding.visit import Exchange, differences, frozen_randomness, thrown_away, whole_visit
from tests.served import unmasked
from tests.stock import make_stock

pytestmark = pytest.mark.django_db

Visit = tuple[dict[str, int], list[Exchange]]


@pytest.fixture(scope="module", params=["grey", "colour", "two images", "two images in colour"])
def visits(
    request: pytest.FixtureRequest,
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> list[Visit]:
    """Build, read and throw away the study with the arms as they are and exchanged."""
    several, colour = "two images" in request.param, "colour" in request.param
    protocol = Protocol(layout="side_by_side") if several else None
    made: list[Visit] = []
    for swapped in (False, True):
        folder = tmp_path_factory.mktemp("swap")
        with django_db_blocker.unblock(), thrown_away(), frozen_randomness("swap"):
            stock = make_stock(
                folder, swapped=swapped, colour=colour,
                roles=("PA", "LATERAL") if several else (), protocol=protocol,
            )  # fmt: skip
            made.append((_arms(stock.case_set.key.read_text(encoding="utf-8")), whole_visit(stock)))
            frames = Frame.objects.values_list("format", flat=True)
            assert list(frames) == [3 if colour else 2] * (20 if several else 10)
            assert Case.objects.count() == 10
    return made


def _arms(key: str) -> dict[str, int]:
    heading, *rows = (line.split(",") for line in key.splitlines())
    return {row[heading.index("case")]: int(row[heading.index("arm")]) for row in rows}


def test_the_arms_were_exchanged(visits: list[Visit]) -> None:
    (arms, _), (exchanged, _) = visits
    assert len(arms) == 10
    assert exchanged == {case: 1 - arm for case, arm in arms.items()}


def test_the_visit_fetched_a_whole_reading(visits: list[Visit]) -> None:
    _, kept = visits[0]
    assert [each.what for each in kept if each.status >= 500] == []
    statuses = {exchange.status for exchange in kept}
    assert statuses == {200, 302, 400, 403, 404, 405, 409}
    saved = [each for each in kept if each.what.startswith("answers ") and each.status == 200]
    frames = {unmasked(each.body) for each in kept if each.what.startswith("frame of")}
    several = any('"also": [{' in str(each.body) for each in kept)
    assert (len(saved), len(frames)) == (20, 20 if several else 10)


def test_not_a_byte_differs(visits: list[Visit]) -> None:
    (_, kept), (_, exchanged) = visits
    assert differences(kept, exchanged) == []
