"""A used site, made once: whoever writes into it takes a copy."""

import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.ops.site_here import do
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
