"""Look up known weaknesses of every package that the product runs with: `python -m tests.advisories`.

pip-audit asks a database of advisories about what is installed for requirements.txt, what those bring included.
It ends alike, with 1, for a weakness and for a database out of reach, and a mirror of PyPI that keeps no advisories
looks to it like a world without any. So it must first find a weakness that everybody knows; before that no silence
counts. The status is 0: none known; 1: some, each named; 2: nobody answered, nothing was looked up.

Offline: --osv-dump FILE takes the advisories from https://osv-vulnerabilities.storage.googleapis.com/PyPI/all.zip,
fetched elsewhere; --osv-url URL asks a mirror of the OSV interface.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.advisories.dump import DumpError, read_dump, served
from tests.advisories.installed import REQUIREMENTS, installed_for

KNOWN = ("pyyaml", "5.3")
"""A release with a published weakness (CVE-2020-1747)."""

NONE, SOME, UNKNOWN = 0, 1, 2
HELP = """\
No database of advisories answered, and nothing was looked up.
Expected the weakness of {package} {version} that everybody knows (CVE-2020-1747). The answers:
{came}
Do one of these:
- run it where https://pypi.org or https://api.osv.dev can be reached (a mirror of PyPI has no advisories);
- fetch https://osv-vulnerabilities.storage.googleapis.com/PyPI/all.zip there, and here: make audit OSV_DUMP=all.zip
- name a mirror of the OSV interface: make audit OSV_URL=https://.../v1/query
"""


@dataclass(frozen=True)
class Source:
    """A database: its name for people, pip-audit's arguments, and whether proxies are left out."""

    name: str
    arguments: tuple[str, ...]
    here: bool = False


PYPI = Source("pypi.org", ("--vulnerability-service", "pypi"))
OSV = Source("api.osv.dev", ("--vulnerability-service", "osv"))


class NoAnswerError(Exception):
    """The database did not answer; the message is the last that pip-audit said."""


def ask(source: Source, packages: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return what pip-audit says of each package: name, version and vulns.

    Raises
    ------
    NoAnswerError: it says nothing of at least one of them.
    """
    with tempfile.TemporaryDirectory() as folder:
        asked, told = Path(folder, "requirements.txt"), Path(folder, "told.json")
        asked.write_text("".join(f"{name}=={version}\n" for name, version in packages.items()))
        done = subprocess.run(
            [
                sys.executable, "-m", "pip_audit", "--strict", "--no-deps", "--disable-pip", "--requirement", asked,
                "--format", "json", "--output", told, "--progress-spinner", "off", "--cache-dir", folder,
                *source.arguments,
            ],
            env={**os.environ, **({"NO_PROXY": "*", "no_proxy": "*"} if source.here else {})},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        last = lines[-1][:300] if lines else f"nothing, status {done.returncode}"
        try:
            found: list[dict[str, Any]] = json.loads(told.read_text())["dependencies"]
        except (OSError, ValueError, KeyError) as error:
            raise NoAnswerError(last) from error
    silent = set(packages) - {each["name"] for each in found if "vulns" in each}
    if silent:
        raise NoAnswerError(f"nothing about {', '.join(sorted(silent))}")
    return found


def answering(sources: Sequence[Source]) -> tuple[Source | None, list[str]]:
    """Return the first database that knows of `KNOWN`, and what the others said."""
    said = []
    for source in sources:
        try:
            if ask(source, dict([KNOWN]))[0]["vulns"]:
                return source, said
            said.append(f"{source.name}: no weakness")
        except NoAnswerError as error:
            said.append(f"{source.name}: {error}")
    return None, said


def main(arguments: Sequence[str] | None = None) -> int:
    """Look up, print, and return the status."""
    parser = argparse.ArgumentParser(prog="python -m tests.advisories", description=__doc__)
    parser.add_argument("--osv-dump", type=Path, metavar="FILE", help="OSV's all.zip of the ecosystem PyPI")
    parser.add_argument("--osv-url", metavar="URL", help="a mirror of https://api.osv.dev/v1/query")
    options = parser.parse_args(arguments)
    try:
        with _sources(options.osv_dump, options.osv_url) as sources:
            return _look_up(sources)
    except DumpError as error:
        print(error, file=sys.stderr)
        return UNKNOWN


@contextlib.contextmanager
def _sources(dump: Path | None, url: str | None) -> Iterator[list[Source]]:
    if dump is not None:
        advisories = read_dump(dump)
        print(f"{dump}: {len(advisories)} advisories, the newest of {advisories.newest}")
        with served(advisories) as here:
            yield [Source(str(dump), ("--vulnerability-service", "osv", "--osv-url", here), here=True)]
    elif url is not None:
        yield [Source(url, ("--vulnerability-service", "osv", "--osv-url", url))]
    else:
        yield [PYPI, OSV]


def _look_up(sources: Sequence[Source]) -> int:
    source, said = answering(sources)
    if source is None:
        package, version = KNOWN
        print(HELP.format(package=package, version=version, came="\n".join(said)), file=sys.stderr)
        return UNKNOWN
    packages = installed_for(REQUIREMENTS)
    try:
        found = ask(source, packages)
    except NoAnswerError as error:
        print(f"{source.name} stopped answering: {error}\nNothing is known; run it again.", file=sys.stderr)
        return UNKNOWN
    weak = [(each, weakness) for each in found for weakness in each["vulns"]]
    for each, weakness in weak:
        names = ", ".join([weakness["id"], *weakness["aliases"]])
        fixed = ", ".join(weakness["fix_versions"]) or "no release yet"
        print(f"{each['name']} {each['version']}: {names}; fixed in {fixed}; {weakness['description'][:160]}")
    print(f"{len(found)} packages looked up at {source.name}, {len(weak)} known weaknesses")
    return SOME if weak else NONE


if __name__ == "__main__":
    sys.exit(main())
