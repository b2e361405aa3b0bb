"""The long tests: those in a browser and those that took a second or more. `make test-long` runs them, CI does too.

`python -m tests.long LOG` writes their names again from what `pytest --durations=0 --durations-min=0.1` printed.
"""

import re
import sys
from collections import Counter
from pathlib import Path

NAMES = Path(__file__).with_name("long.txt")
LONG_S = 1.0

_DURATION = re.compile(r"^([\d.]+)s (?:call|setup|teardown) +(\S.*)$", re.MULTILINE)


def names() -> frozenset[str]:
    """Return the long tests outside the browser, as `tests/room/test_file.py::test_name` without parameters."""
    return frozenset(NAMES.read_text(encoding="utf-8").split())


def _named_by(log: str) -> list[str]:
    seconds = Counter[str]()
    for took, test in _DURATION.findall(log):
        seconds[test.strip()] += float(took)
    long = {test.split("[")[0] for test, took in seconds.items() if took >= LONG_S}
    return sorted(test for test in long if not test.startswith("tests/browser/"))


if __name__ == "__main__":
    NAMES.write_text(
        "\n".join(_named_by(Path(sys.argv[1]).read_text(encoding="utf-8"))) + "\n", encoding="utf-8"
    )
