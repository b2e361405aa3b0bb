"""The session drill: a reader's session under thousands of random faults, against the real site and database.

    python -m tests.drills.session --examples 400 --steps 50 --seed 1

Each example is a new reader. Requests and answers get lost, are sent twice, come from two windows at once; the
process that saves is killed before or right after the commit; sessions end, tokens change, the clock jumps; the
reader goes back, changes answers, sends nonsense, reaches for the cases of another. After every step the
database must hold each acknowledged key exactly once with its answers, every revision, and nothing else; the
place is never lost and nobody sees another's case. hypothesis finds the faults and shortens what fails.

It runs on a site of its own, on SQLite, or on PostgreSQL with DATABASE_URL.
"""

import argparse
import logging
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

KINDS = ("lost", "doubled", "silent", "foreign", "place", "refused")


def table(tally: Counter[str], found: Counter[str], title: str) -> str:
    """Return what the drill prints: what happened, then what must never be."""
    first = ["examples", "steps", "requests", "acknowledged", "kills"]
    rows = [(name, tally[name]) for name in [*first, *sorted(set(tally) - set(first))]]
    wrong = {
        "lost": "lost", "doubled": "doubled", "silent": "silent (other than what was sent)",
        "foreign": "cases of others given", "place": "place lost", "refused": "due and refused",
    }  # fmt: skip
    rows += [(wrong[kind], found[kind]) for kind in KINDS]
    return "\n".join([title, *(f"  {name:44}{value:>8}" for name, value in rows)])


def run_drill(
    examples: int, steps: int, seed: int, *, shorten: bool = True
) -> tuple[Counter[str], Counter[str], str]:
    """Run the machine; return what happened, what was found by kind, and the shortest way to it."""
    from hypothesis import HealthCheck, Phase, core, settings
    from hypothesis.stateful import run_state_machine_as_test

    from readerstudy.audit.agreement import anchor_faults
    from readerstudy.audit.services import faults
    from tests.drills.reader_machine import TALLY, ReaderMachine
    from tests.drills.rooms import Broken

    core.global_force_seed = seed
    chosen = settings(
        max_examples=examples, stateful_step_count=steps, deadline=None, database=None, print_blob=False,
        suppress_health_check=list(HealthCheck), report_multiple_bugs=False,
        phases=[Phase.generate, *([Phase.shrink] if shorten else [])],
    )  # fmt: skip
    found: Counter[str] = Counter()
    said = ""
    try:
        run_state_machine_as_test(ReaderMachine, settings=chosen)
    except Broken as error:
        found[error.kind] += 1
        said = "\n".join([str(error), *getattr(error, "__notes__", [])])
    for fault in [*faults(), *anchor_faults()]:
        found["silent"] += 1
        said += f"\n{fault}"
    return TALLY, found, said


def try_plants(seed: int) -> int:
    """Break the site on purpose in each way, and print whether the machine finds it; return what it missed."""
    from tests.drills.reader_plants import PLANTS

    missed = 0
    for name, plant in PLANTS.items():
        with plant():
            _, found, said = run_drill(60, 40, seed, shorten=False)
        missed += not found
        first = said.splitlines()[0][:90] if said else ""
        print(f"  {name:44}{'found' if found else 'MISSED'}  {first}")
    print(f"found {len(PLANTS) - missed} of {len(PLANTS)}")
    return missed


def main() -> int:
    """Run the drill and print its table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, number in (("examples", 400), ("steps", 50), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=number)
    parser.add_argument("--as-found", action="store_true", help="do not look for a shorter way to a finding")
    parser.add_argument("--plants", action="store_true", help="break the site on purpose; each must be found")
    asked = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="session-drill-") as folder:
        from tests.drills.site import open_site

        os.environ.setdefault("LOG_LEVEL", "CRITICAL")
        open_site(Path(folder))
        logging.disable()

        from django.conf import settings as site
        from django.db import connection, connections

        from tests.drills.rooms import open_rooms

        site.ALLOWED_HOSTS = ["testserver"]
        open_rooms(Path(folder))
        if asked.plants:
            missed = try_plants(asked.seed)
            connections.close_all()
            return 1 if missed else 0
        tally, found, said = run_drill(asked.examples, asked.steps, asked.seed, shorten=not asked.as_found)
        vendor = connection.vendor
        connections.close_all()
    print(
        table(tally, found, f"Session drill on {vendor}, seed {asked.seed}, {time.monotonic() - began:.0f} s")
    )
    print(said, end="")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
