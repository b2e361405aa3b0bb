"""A used site, made once: a test that writes into it takes a copy."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from readerstudy.ops.backup.backing_up import back_up
from tests.ops.site_here import do, site_here
from tests.servers.site import Site
from tests.upgrade.making import site_at
from tests.upgrade.stored import unpack

PLANTED = {
    "ensembles/toy/seed-0/chkpt.pt": b"weights",
    "data/.kept/labels.csv": b"id\n",
    "notes/of the admin.txt": b"an unknown folder",
    "notes/.of the admin.txt": b"a hidden one",
    "unknown.txt": b"an unknown file",
    "sweep.toml": b"# a part that is one file",
}
STAGING = {
    "runs/.image-cache/big.npy": b"decoded",
    "frames/leftover/half.frame": b"of a load that was killed",
    "exports/.results.json.x1": b"half",
    "case-sets/.new.tmp/a": b"half",
}


@pytest.fixture
def _unblocked(django_db_blocker: Any) -> Iterator[None]:
    """Let the test open databases of its own sites."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture(scope="session")
def used_site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A site with a finished run, an imported one, case sets, keys, studies; it has been served and read."""
    root = tmp_path_factory.mktemp("used")
    unpack("0.1.0", root)
    site = site_at(root / "site")
    do(site, [["setup"], ["collectstatic", "--no-input"]])
    site.run("-c", "import django; django.setup(); from analysis.tasks import ring; ring()")
    for name, content in (PLANTED | STAGING).items():
        (site.home / name).parent.mkdir(parents=True, exist_ok=True)
        (site.home / name).write_bytes(content)
    (site.home / "data" / "elsewhere").symlink_to("/usr")
    os.mkfifo(site.home / "notes" / "pipe")
    return site


def copy_of(site: Site, home: Path) -> None:
    """Copy the used site without most of its images, pipes and all."""
    subprocess.run(["cp", "-a", str(site.home), str(home)], check=True)
    for large in ("static", "small", "data/phantoms"):
        shutil.rmtree(home / large)


@pytest.fixture
def home(used_site: Site, tmp_path: Path) -> Iterator[Path]:
    """Be a copy of the used site; what lies elsewhere in its ledger lies in the first one."""
    place = tmp_path / "home"
    copy_of(used_site, place)
    with site_here(place):
        yield place


@pytest.fixture(scope="module")
def whole(used_site: Site, tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any) -> Path:
    """A backup of a copy of the used site; a test that changes it takes a copy."""
    root = tmp_path_factory.mktemp("whole")
    copy_of(used_site, root / "home")
    with django_db_blocker.unblock(), site_here(root / "home"):
        return back_up(out=root / "backup").folder


@pytest.fixture
def empty(used_site: Site, tmp_path: Path) -> Iterator[Path]:
    """Be a new site with the secrets of the used one."""
    place = tmp_path / "empty"
    place.mkdir(mode=0o700)
    shutil.copy(used_site.home / "site.env", place / "site.env")
    with site_here(place):
        yield place


def names(place: Path) -> list[str]:
    return sorted(path.name for path in place.iterdir())
