"""Which packages the product runs with here: those of requirements.txt, what they need, and the versions."""

from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

REQUIREMENTS = Path(__file__).resolve().parents[2] / "requirements.txt"


def installed_for(requirements: Path) -> dict[str, str]:
    """Return name to installed version of each package of a requirements file and of all that they need.

    A build's own mark is left out (torch 2.13.0+cpu is 2.13.0): advisories do not know it.

    Raises
    ------
    PackageNotFoundError: a package of the file is not installed.
    """
    lines = (line.partition("#")[0].strip() for line in requirements.read_text().splitlines())
    waiting = [Requirement(line) for line in lines if line]
    found: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        extras = {"", *wanted.extras}
        new = {extra for extra in extras if (name, extra) not in seen}
        if not new:
            continue
        seen |= {(name, extra) for extra in new}
        package = metadata.distribution(wanted.name)
        found[name] = Version(package.version).public
        for line in package.requires or ():
            need = Requirement(line)
            if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in new):
                waiting.append(need)
    return dict(sorted(found.items()))
