"""What a drill needs: a throw-away site, and a sweep of tiny networks with as many units as wanted."""

import os
import secrets
from dataclasses import replace
from pathlib import Path

from analysis.sweep.spec import PruneSpec, SweepSpec


def open_site(folder: Path) -> None:
    """Make this process one of the site that the environment names, or of a new one in `folder`."""
    given = {
        "READERSTUDY_HOME": str(folder / "site"),
        "SECRET_KEY": secrets.token_urlsafe(50),
        "AUDIT_KEY": secrets.token_hex(32),
        "LEASE_SECONDS": "5",
        "OMP_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "PASSIVE",
        "DJANGO_SETTINGS_MODULE": "readerstudy.settings",
    }
    for name, value in given.items():
        os.environ.setdefault(name, value)
    (folder / "site").mkdir(exist_ok=True)

    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0, interactive=False)
    call_command("createcachetable", verbosity=0)
    from readerstudy.audit.epochs import begin_first_epoch

    begin_first_epoch()  # as `setup` does: without an anchor nothing is written into it after a commit


def sweep_of(folder: Path, *, seeds: int, sparsities: int) -> SweepSpec:
    """Write four small images, their labels and a small network per seed; return the sweep over them."""
    from tests.sweep.tiny import make_tiny

    tiny = make_tiny(folder, seeds=tuple(range(seeds)))
    steps = tuple(round(0.95 * step / max(1, sparsities - 1), 2) for step in range(sparsities))
    return replace(tiny.spec(), prune=PruneSpec(sparsities=steps))


def files_of(folder: Path) -> dict[str, bytes]:
    """Return what a run found, by name, without timings."""
    kept = [*folder.glob("predictions/*.npy"), *folder.glob("*.csv"), folder / "provenance.json"]
    return {path.name: path.read_bytes() for path in kept if path.exists()}
