"""Frames through real nginx and gunicorn: the same bytes, and nothing that tells which file it was."""

import http.client
import json
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.served import unmasked
from tests.servers import nginx, object_store
from tests.servers.process import Server
from tests.servers.site import Site

pytestmark = pytest.mark.servers("nginx")

SHOWN = {
    "server", "date", "content-type", "content-length", "cache-control", "x-content-type-options",
    "referrer-policy", "cross-origin-opener-policy", "x-frame-options", "content-security-policy", "connection",
    "vary", "strict-transport-security",
}  # fmt: skip
"""Headers of a delivered frame; each is the same for every frame (the date apart)."""


def ask(server: Server, path: str, cookie: str = "", **headers: str) -> tuple[int, dict[str, str], bytes]:
    context = ssl.create_default_context(cafile=str(server.folder / "cert.pem"))
    connection = http.client.HTTPSConnection("localhost", server.port, timeout=30, context=context)
    connection.request("GET", path, headers={"Cookie": f"sessionid={cookie}", **headers})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, body


def two_frames(server: Server, cookie: str) -> list[str]:
    status, _, body = ask(server, "/read/chest/state/", cookie)
    assert status == 200, body
    state = json.loads(body)
    return [state["case"]["frame_url"], state["next"]["frame_url"]]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path / "site", {"TLS": "yes", "BEHIND_PROXY": "yes"})
    site.manage("setup")
    yield site
    site.stop()


def check_delivery(site: Site, cookies: dict[str, str], stored: set[bytes]) -> None:
    """Fetch two frames twice each: the stored files, masked differently, under headers that are the same for both."""
    seen, bodies = [], []
    with nginx.nginx(web=site.serve()) as server:
        for path in two_frames(server, cookies["Bob"]) * 2:
            status, headers, body = ask(server, path, cookies["Bob"], Range="bytes=0-9")
            assert status == 200
            assert unmasked(body) in stored
            assert headers["cache-control"] == "private, no-store"
            assert set(headers) <= SHOWN, set(headers) - SHOWN
            seen.append({name: value for name, value in headers.items() if name != "date"})
            bodies.append(body)
            assert ask(server, path, cookies["Bella"])[0] == 404
            assert ask(server, path)[0] == 401
            stamp = {"If-Modified-Since": "Thu, 01 Jan 2037 00:00:00 GMT"}
            assert ask(server, path, cookies["Bob"], **stamp)[0] == 200
        assert all(each == seen[0] for each in seen)
        assert len(set(bodies)) == 4
        assert len({unmasked(body) for body in bodies}) == 2
        log = (server.folder / "access.txt").read_text()
        assert log.count("GET 200") >= 4  # the last line may still be on its way
        assert not any(text in log for text in ("chest", "frames", "/read", "127.0.0.1"))
        assert not [path for path in (server.folder / "proxy").rglob("*") if path.is_file()]
        assert ask(server, "/healthz/")[2] == b"ok\n"


def test_frames_from_files_pass_nginx(site: Site) -> None:
    made = site.stock()
    files = [path for path in (site.home / "frames").glob("*/*") if path.is_file()]
    assert {oct(path.stat().st_mode & 0o777) for path in files} == {"0o600"}
    check_delivery(site, made["cookies"], {path.read_bytes() for path in files})


def test_frames_from_a_store_pass_nginx(site: Site) -> None:
    with object_store.object_store("frames-bucket") as store:
        site.environment |= object_store.environment(store) | {"FRAMES_URL": "s3://frames-bucket/one"}
        made = site.stock()
        assert not [path for path in (site.home / "frames").rglob("*") if path.is_file()]
        keys = object_store.keys(store, "frames-bucket")
        assert len(keys) == 10
        assert all(key.startswith(f"one/{made['study']}/") for key in keys)
        client = object_store.client(store)
        stored = {client.get_object(Bucket="frames-bucket", Key=key)["Body"].read() for key in keys}
        check_delivery(site, made["cookies"], stored)


def test_nginx_bounds_sign_in_requests_and_nothing_else(site: Site) -> None:
    site.environment["FORWARDED_HOPS"] = "1"
    with nginx.nginx(web=site.serve()) as server:
        knocks = [knock(server, f"nobody{number}@example.org") for number in range(60)]
        refused = [wait for status, wait in knocks if status == 429]
        assert len(refused) >= 20
        assert set(refused) == {"5"}, "one header, of the proxy"
        assert {ask(server, "/accounts/sign-in/")[0] for _ in range(40)} == {200}


def knock(server: Server, name: str) -> tuple[int, str | None]:
    """Post a sign-in without a token, which the site refuses at once; return the status and when to come again."""
    context = ssl.create_default_context(cafile=str(server.folder / "cert.pem"))
    connection = http.client.HTTPSConnection("localhost", server.port, timeout=30, context=context)
    connection.request("POST", "/accounts/sign-in/", f"username={name}&password=wrong")
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, answer.getheader("Retry-After")


@pytest.mark.servers("nginx")
def test_no_header_puts_the_site_below_a_path(site: Site) -> None:
    site.environment |= {"TLS": "no"}
    host, _, port = site.serve().partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    connection.request("GET", "/accounts/sign-in/", headers={"SCRIPT_NAME": "/accounts", "PATH_INFO": "/x"})
    answer = connection.getresponse()
    page = answer.read().decode()
    connection.close()
    assert (answer.status, 'action="/accounts/sign-in/"' in page) == (200, True)
