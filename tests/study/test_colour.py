"""What an admin sees of a draft in colour."""

from pathlib import Path

import pytest
from django.test import Client

from readerstudy.cases.frame import decode_frame
from readerstudy.cases.selectors import cases_of
from tests.served import unmasked
from tests.stock import make_stock

pytestmark = pytest.mark.django_db


def test_the_preview_is_in_colour(tmp_path: Path, client: Client) -> None:
    made = make_stock(tmp_path, pairs=3, reading=False, locked=False, colour=True)
    client.force_login(made.alice)
    case = client.get("/studies/chest/preview/state/0/").json()["case"]
    assert case["frame"]["format"] == 3
    first = cases_of(made.study.key)[0]
    size = (first.frame.rows, first.frame.columns)
    assert (case["frame"]["rows"], case["frame"]["columns"]) == size
    body = unmasked(client.get(case["frame_url"]).getvalue())
    values = decode_frame(body, *size, 8, 3)
    assert (values[..., 0] != values[..., 2]).any()
