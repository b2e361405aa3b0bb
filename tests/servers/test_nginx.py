"""Frames through real nginx and gunicorn: the same bytes, and nothing that tells which file it was."""

import http.client
import json
import shutil
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import nginx, object_store
from tests.servers.process import Server, folder_of
from tests.servers.site import Site

pytestmark = pytest.mark.servers("nginx")

SHOWN = {
    "server", "date", "content-type", "content-length", "cache-control", "x-content-type-options",
    "referrer-policy", "cross-origin-opener-policy", "x-frame-options", "content-security-policy", "connection",
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


def check_delivery(server: Server, site: Site, cookies: dict[str, str], direct: dict[str, bytes]) -> None:
    seen = []
    for path in two_frames(server, cookies["Bob"]):
        status, headers, body = ask(server, path, cookies["Bob"], Range="bytes=0-9")
        assert status == 200
        assert body == direct[path]
        assert headers["cache-control"] == "private, no-store"
        assert set(headers) <= SHOWN, set(headers) - SHOWN
        seen.append({name: value for name, value in headers.items() if name != "date"})
        assert ask(server, path, cookies["Bella"])[0] == 404
        assert ask(server, path)[0] == 401
        assert (
            ask(server, path, cookies["Bob"], **{"If-Modified-Since": "Thu, 01 Jan 2037 00:00:00 GMT"})[0]
            == 200
        )
    assert seen[0] == seen[1]
    log = (server.folder / "access.txt").read_text()
    assert log.count("GET 200") >= 4  # the last line may still be on its way
    assert not any(text in log for text in ("chest", "frames", "/read", "127.0.0.1"))


def frames_directly(site: Site, cookie: str) -> dict[str, bytes]:
    """Fetch the two frames with no FRAMES_ACCEL: the web process itself delivers them."""
    web = site.serve()
    with nginx.nginx(web=web, frames=site.home) as server:
        found = {path: ask(server, path, cookie)[2] for path in two_frames(server, cookie)}
    site.stop()
    assert all(body[:2] == b"\x1f\x8b" for body in found.values())
    return found


def test_nginx_delivers_files_without_naming_them(site: Site) -> None:
    frames = folder_of(nginx.USER, "frames")
    shared = {"FRAMES_URL": str(frames), "FRAMES_ACCEL": "/_frames/"}
    site.environment |= shared
    site.manage("setup")  # makes the folder's group the heir of what is written into it
    made = site.stock()
    assert {oct(path.stat().st_mode & 0o777) for path in frames.glob("*/*")} == {"0o640"}
    site.environment["FRAMES_ACCEL"] = ""
    direct = frames_directly(site, made["cookies"]["Bob"])
    site.environment |= shared
    with nginx.nginx(web=site.serve(), frames=frames) as server:
        check_delivery(server, site, made["cookies"], direct)
        name = next(path.name for path in frames.rglob("*") if path.is_file())
        assert ask(server, f"/_frames/{made['study']}/{name}", made["cookies"]["Bob"])[0] == 404
        assert ask(server, "/healthz/")[2] == b"ok\n"
    shutil.rmtree(frames)


def test_nginx_delivers_objects_without_naming_them(site: Site) -> None:
    with object_store.object_store("frames-bucket") as store:
        site.environment |= object_store.environment(store) | {"FRAMES_URL": "s3://frames-bucket/one"}
        made = site.stock()
        assert not [path for path in (site.home / "frames").rglob("*") if path.is_file()]
        keys = object_store.keys(store, "frames-bucket")
        assert len(keys) == 10
        assert all(key.startswith(f"one/{made['study']}/") for key in keys)
        direct = frames_directly(site, made["cookies"]["Bob"])
        site.environment["FRAMES_ACCEL"] = "/_objects/"
        with nginx.nginx(web=site.serve(), frames=site.home, s3_endpoint=store.url) as server:
            check_delivery(server, site, made["cookies"], direct)
            assert ask(server, f"/_objects/frames-bucket/{keys[0]}", made["cookies"]["Bob"])[0] == 404
