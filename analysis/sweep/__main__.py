"""`python -m analysis.sweep SPEC.toml [--out RUN]`: a whole sweep without Django. Ctrl-C leaves it
resumable.
"""

import argparse
import os
import sys
from pathlib import Path

from analysis.sweep.errors import SweepError, of_a_place
from analysis.sweep.networks.factories import SETTING, allow
from analysis.sweep.run.acceptance import engine_notes
from analysis.sweep.toml import load_spec
from analysis.terminal import progress_bars

INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m analysis.sweep", description="Prune and evaluate an ensemble."
    )
    parser.add_argument("spec", type=Path, help="the specification, TOML")
    parser.add_argument("--out", type=Path, help="the run's folder (default var/runs/<run_id>)")
    parser.add_argument("--cache", type=Path, help="folder of the image cache (default beside the run)")
    given = parser.parse_args(arguments)
    try:
        spec = load_spec(given.spec)
        # Idle threads sleep instead of spinning; read when torch loads. On a shared machine this is up to 3 times.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        allow(os.environ.get(SETTING, "").split(","))
        from analysis.sweep.run.finish import run_sweep

        with progress_bars() as progress:
            run = run_sweep(spec, given.out, cache=given.cache, progress=progress)
    except (SweepError, OSError) as error:
        print(f"error: {of_a_place(error) if isinstance(error, OSError) else error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; run the same command again to resume", file=sys.stderr)
        return INTERRUPTED
    for name, why in engine_notes(run.plan):
        print(f"engine {name}: {why}")
    for warning in run.warnings:
        print(f"note: {warning}")
    print(f"run {run.run_id}: {run.paths.root}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
