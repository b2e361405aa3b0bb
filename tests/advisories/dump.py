"""OSV's published dump as a database that pip-audit can ask on a machine without a network.

Which versions an advisory affects follows the OSV schema (https://ossf.github.io/osv-schema/#evaluation).
"""

import contextlib
import http.server
import json
import threading
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

Advisory = Mapping[str, Any]


class DumpError(Exception):
    """A file is not an OSV dump: what was expected, what was found, what to do."""


class Advisories:
    """Advisories by the package that they affect."""

    def __init__(self, documents: Iterator[Advisory]) -> None:
        self.by_package: dict[str, list[Advisory]] = defaultdict(list)
        self.newest, self.count = "", 0
        for document in documents:
            self.count += 1
            self.newest = max(self.newest, str(document.get("modified", "")))
            for name in {canonicalize_name(each["package"]["name"]) for each in _affected(document)}:
                self.by_package[name].append(document)

    def __len__(self) -> int:
        return self.count

    def of(self, name: str, version: str) -> list[Advisory]:
        """Return the advisories that affect a version of a package."""
        known = self.by_package.get(canonicalize_name(name), [])
        return [document for document in known if affects(document, name, version)]


def affects(document: Advisory, name: str, version: str) -> bool:
    """Say whether an advisory affects a version; one whose versions cannot be compared is taken to."""
    for each in _affected(document):
        if canonicalize_name(each["package"]["name"]) != canonicalize_name(name):
            continue
        try:
            mine = Version(version)
            if any(_same(listed, mine) for listed in each.get("versions", ())):
                return True
            if any(_within(span["events"], mine) for span in each.get("ranges", ()) if span["type"] != "GIT"):
                return True
        except InvalidVersion:
            return True
    return False


def read_dump(path: Path) -> Advisories:
    """Read a zip of one JSON document for each advisory.

    Raises
    ------
    DumpError: no such file, no zip, or documents of another kind.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return Advisories(json.loads(archive.read(name)) for name in archive.namelist())
    except (OSError, zipfile.BadZipFile, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DumpError(
            f"{path}: expected the dump of OSV for PyPI, got {type(error).__name__}: {error}; fetch it from "
            "https://osv-vulnerabilities.storage.googleapis.com/PyPI/all.zip"
        ) from error


@contextlib.contextmanager
def served(advisories: Advisories) -> Iterator[str]:
    """Answer the query of OSV's interface on this machine alone; give the address."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            found = advisories.of(query["package"]["name"], query["version"])
            body = json.dumps({"vulns": found} if found else {}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _affected(document: Advisory) -> list[Mapping[str, Any]]:
    # A withdrawn advisory is passed on: pip-audit leaves it out itself.
    return [
        each for each in document.get("affected", ()) if each.get("package", {}).get("ecosystem") == "PyPI"
    ]


def _same(listed: str, mine: Version) -> bool:
    try:
        return Version(listed) == mine
    except InvalidVersion:  # an old release under a name that no version can be
        return False


def _within(events: list[Mapping[str, str]], mine: Version) -> bool:
    """Go through the events in order of version; the last one at or below decides."""
    limits = [event["limit"] for event in events if "limit" in event]
    if limits and not any(limit == "*" or mine < Version(limit) for limit in limits):
        return False
    steps = [(_at(value), kind) for event in events for kind, value in event.items() if kind != "limit"]
    inside = False
    for at, kind in sorted(steps, key=lambda step: (step[0] is not None, step[0] or Version("0"))):
        if kind == "introduced" and (at is None or mine >= at):
            inside = True
        elif (kind == "fixed" and at is not None and mine >= at) or (
            kind == "last_affected" and at is not None and mine > at
        ):
            inside = False
    return inside


def _at(value: str) -> Version | None:
    """Return the version of an event; None is before every version."""
    return None if value == "0" else Version(value)
