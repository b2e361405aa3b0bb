"""Time of one whole analysis: 20 readers, 400 cases, permutation and bootstrap included.

Run: OMP_NUM_THREADS=1 python -m bench.reader_statistics [readers] [cases]
"""

import resource
import sys
import time

from analysis.stats import analyse, simulate_study


def main(readers: int = 20, cases: int = 400) -> None:
    """Simulate a study, analyse it, and print seconds and peak memory."""
    ratings = simulate_study(seed=1, readers=readers, cases=cases, repeats=20, missing=0.02)
    start, busy = time.perf_counter(), time.process_time()
    results = analyse(ratings, seed=1, simulated=True)
    seconds, busy = time.perf_counter() - start, time.process_time() - busy
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{readers} readers x {cases} cases, {len(ratings)} readings, {len(results.comparisons)} comparisons: "
        f"{seconds:.1f} s, {busy:.1f} s of a processor, peak memory {peak:.0f} MiB"
    )


if __name__ == "__main__":
    main(*(int(value) for value in sys.argv[1:3]))
