"""Frames: the same headers and length for all, no name, no stamp; only what is due; ids and orders of one's own."""

import re

import pytest

from readerstudy.cases.selectors import cases_of
from readerstudy.study.models import Assignment
from readerstudy.study.reading.stages import place_of
from tests.blinding.crowd import Crowd, payload
from tests.served import unmasked
from tests.stock import Stock

pytestmark = pytest.mark.django_db

HEADERS = {
    "Content-Type": "application/octet-stream",
    "Cache-Control": "private, no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Vary": "Cookie",
}


def read_on(crowd: Crowd, role: str) -> tuple[list[dict[str, str]], list[bytes], list[int]]:
    """Read all cases; return headers, body and how many of the ten frames could be fetched at each place."""
    reader = crowd.stock.readers[("bob", "bella").index(role)]
    crowd.client.force_login(reader.person)
    addresses = [f"/read/chest/frames/{row.public_id}/" for row in reader.assignments.order_by("position")]
    headers, bodies, served = [], [], []
    for place, address in enumerate(addresses):
        response = crowd.client.get(address)
        headers.append(dict(response.items()))
        bodies.append(response.content)
        served.append([i for i, each in enumerate(addresses) if crowd.client.get(each).status_code == 200])
        assert crowd.client.head(address).status_code == 405
        state = crowd.client.get("/read/chest/state/").json()
        assert state["case"]["frame_url"] == address
        saved = crowd.client.post(state["case"]["answer_url"], payload(), content_type="application/json")
        assert saved.status_code == 200, place
    assert [crowd.client.get(each).status_code for each in addresses] == [404] * len(addresses)
    return headers, bodies, served


def test_all_frames_have_the_same_headers_and_length(crowd: Crowd) -> None:
    headers, bodies, served = read_on(crowd, "bob")
    assert len(headers) == len(set(bodies)) == 10
    assert all(each == headers[0] for each in headers)
    assert [list(each) for each in headers] == [list(headers[0])] * 10
    length = headers[0].pop("Content-Length")
    assert {len(body) for body in bodies} == {int(length)}
    del headers[0]["Content-Security-Policy"]  # test_pages.py has it word for word
    assert headers[0] == HEADERS
    assert served == [[place, place + 1] for place in range(9)] + [[9]]


def test_two_readers_get_the_same_pixels_under_other_names_in_another_order(crowd: Crowd) -> None:
    _, bob, _ = read_on(crowd, "bob")
    _, bella, _ = read_on(crowd, "bella")
    assert set(bob).isdisjoint(bella)
    assert [unmasked(each) for each in bob] != [unmasked(each) for each in bella]
    assert sorted(unmasked(each) for each in bob) == sorted(unmasked(each) for each in bella)
    ids = [set(reader.assignments.values_list("public_id", flat=True)) for reader in crowd.stock.readers]
    assert ids[0].isdisjoint(ids[1])


def test_frame_names_no_file(stock: Stock) -> None:
    for case in cases_of(stock.study.key):
        header = case.frame.storage_name
        assert re.fullmatch(r"[0-9a-f]{32}", header)
        assert case.key not in header


def test_a_frame_is_a_gzip_member_without_time_or_name(crowd: Crowd) -> None:
    current = place_of(crowd.stock.readers[0]).current
    assert current is not None
    body = unmasked(crowd.try_out("bob", "GET", "/read/chest/frames/{current}/").body)
    assert body[:10] == b"\x1f\x8b\x08\x10\x00\x00\x00\x00\x00\xff"
    assert set(body[10 : body.index(b"\x00", 10)]) <= {0x20}


def test_ids_are_random_and_tell_no_place(stock: Stock) -> None:
    for row in Assignment.objects.all():
        assert row.public_id.version == 4
        assert row.public_id.variant == "specified in RFC 4122"
    for reader in stock.readers:
        ids = list(reader.assignments.order_by("position").values_list("public_id", flat=True))
        assert ids not in (sorted(ids), sorted(ids, reverse=True))


def test_a_state_names_no_key_group_or_block(crowd: Crowd) -> None:
    text = crowd.try_out("bob", "GET", "/read/chest/state/").text
    for case in cases_of(crowd.stock.study.key):
        for secret in (case.key, case.separation_group, case.frame.storage_name, case.frame.sha256):
            assert secret not in text
