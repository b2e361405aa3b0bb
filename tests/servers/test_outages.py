"""Servers that go away and come back while readers read: nothing acknowledged is lost, nothing is saved twice."""

import json
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.blinding.crowd import payload
from tests.servers.process import Server
from tests.servers.site import Site

pytestmark = pytest.mark.servers("postgresql", "redis")

COUNT = """
import json, django
django.setup()
from readerstudy.study.models import Rating
print(json.dumps([str(key) for key in Rating.objects.values_list("idempotency_key", flat=True)]))
"""


@pytest.fixture
def site(tmp_path: Path, postgresql_url: str, redis_server: Server) -> Iterator[Site]:
    site = Site(tmp_path / "site", {"DATABASE_URL": postgresql_url, "CACHE_URL": redis_server.url})
    site.manage("setup")
    yield site
    site.stop()


def ask(
    address: str, path: str, cookie: str, body: dict[str, Any] | None = None
) -> tuple[int, dict[str, Any]]:
    headers = {"Cookie": f"sessionid={cookie}; csrftoken={'a' * 32}", "X-CSRFToken": "a" * 32}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://{address}{path}", data, headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, {}


def test_postgresql_killed_in_the_middle_of_a_reading(site: Site, postgresql_server: Server) -> None:
    cookie = site.stock()["cookies"]["Bob"]
    address = site.serve()
    _, state = ask(address, "/read/chest/state/", cookie)
    keys = []
    for outage in (False, True, False):
        case = state["case"]
        body = payload(idempotency_key=str(uuid.uuid4()), revision=case["revision"])
        if outage:
            postgresql_server.kill()
            status, _ = ask(address, case["answer_url"], cookie, body)
            assert status >= 500  # which the page takes for "not saved": it tries again with the same key
            assert ask(address, "/readyz/", "")[0] == 503
            postgresql_server.start()
        status, said = ask(address, case["answer_url"], cookie, body)
        assert status == 200
        again, _ = ask(address, case["answer_url"], cookie, body)
        assert again == 200
        keys.append(body["idempotency_key"])
        state = said["state"]
    assert sorted(json.loads(site.run("-c", COUNT).stdout.splitlines()[-1])) == sorted(keys)


def test_readers_go_on_while_redis_is_away(site: Site, redis_server: Server) -> None:
    cookie = site.stock()["cookies"]["Bob"]
    address = site.serve()
    assert ask(address, "/read/chest/state/", cookie)[0] == 200
    redis_server.stop()
    try:
        began = time.monotonic()
        status, state = ask(address, "/read/chest/state/", cookie)
        assert status == 200
        assert time.monotonic() - began < 10
        body = payload(idempotency_key=str(uuid.uuid4()), revision=state["case"]["revision"])
        assert ask(address, state["case"]["answer_url"], cookie, body)[0] == 200
    finally:
        redis_server.start()
