"""A reader whose session ends in mid-read and who has a second factor."""

import pytest
from django.test import Client

from tests.accounts.test_second_factor import STEP, code_of, set_up_app
from tests.accounts.test_sign_in import sign_in
from tests.stock import Stock

pytestmark = pytest.mark.django_db


def test_a_reader_in_mid_read_is_signed_out_until_both_factors_have_come(stock: Stock) -> None:
    """The reading page asks its state until somebody is signed in: a password alone must not be taken for it."""
    client = Client()
    sign_in(client, stock.bob.email)
    secret = set_up_app(client)
    room, save = (
        "/read/chest/state/",
        f"/read/chest/answers/{stock.readers[0].assignments.first().public_id}/",
    )
    assert client.get(room).status_code == 200
    client.post("/accounts/sign-out/")
    sign_in(client, stock.bob.email)
    for owing in (client, Client()):
        if owing is not client:
            stock.bob.refresh_from_db()
            owing.force_login(stock.bob)
        assert owing.get(room).status_code == 401
        assert owing.post(save, "{}", content_type="application/json").status_code == 401
        assert owing.get("/read/chest/").status_code == 302
    assert client.post(STEP, {"code": code_of(secret)}).status_code == 302
    assert client.get(room).status_code == 200
