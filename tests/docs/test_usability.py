"""Every test that docs/usability.md names as the one that shows a finding fixed is there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_each_finding_names_tests_that_exist() -> None:
    rows = (
        (ROOT / "docs" / "usability.md").read_text(encoding="utf-8").split("|---|---|---|\n")[1].splitlines()
    )
    assert len(rows) >= 24
    for row in rows:
        _, finding, now, shown, _ = (cell.strip() for cell in row.split("|"))
        named = re.findall(r"`(tests/[^`]+)`", shown)
        assert named or now.startswith("open"), f"no test and not open: {finding}"
        for each in named:
            file, _, function = each.partition("::")
            text = (ROOT / file).read_text(encoding="utf-8")
            assert not function or f"def {function}(" in text, each
