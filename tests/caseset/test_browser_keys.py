"""What the browser names and plans is, to the byte, what the command would have: one rule in two languages."""

import json
import random
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from analysis.caseset.files import image_stems
from analysis.caseset.keys import case_key
from analysis.caseset.plan import plan_cases
from analysis.caseset.read import read_key
from analysis.caseset.write import _with_owners
from analysis.endpoints import Groups
from analysis.frames import KEY
from analysis.picture import ImageRefusedError, picture_format
from analysis.picture.reading import _FOREIGN, START_BYTES
from analysis.services.listed import read_listed
from tests.caseset.sets import origin

ROOT = Path(__file__).parents[2]
NAMES = ("film", "films", "scan", "scans")
NONCE = bytes(range(32))
PROGRAM = """
import { readFileSync } from "node:fs";
import { checkList, keyCsv, oneEach, parseCsv, patientNumbers, planCases } from "%s";
const [path, size] = process.argv.slice(2);
const nonce = new Uint8Array(32).map((_, at) => at);
const { chosen, faults } = checkList(parseCsv(readFileSync(path, "utf8")), ["film", "films", "scan", "scans"], ["sex"]);
const plan = await planCases(chosen, nonce, Number(size));
const key = await keyCsv(plan, nonce, ["film", "films", "scan", "scans"], async () => new ArrayBuffer(0));
console.log(JSON.stringify({ plan, faults, key, each: oneEach(plan), owners: patientNumbers(plan) }));
"""


@pytest.mark.parametrize("several", [False, True], ids=["one image", "two images"])
@pytest.mark.parametrize("patients", [False, True], ids=["unknown", "patients"])
@pytest.mark.parametrize(
    ("sizes", "block_size"),
    [([2] * 30, 20), ([3] * 14, 8), ([1] * 37, 10), ([2] * 5, 8), ([1, 2, 3, 2] * 9, 8)],
    ids=["pairs", "threes", "single", "few", "mixed"],
)
def test_the_browser_plans_as_the_command_does(
    tmp_path: Path, node: str, sizes: list[int], block_size: int, patients: bool, several: bool
) -> None:  # fmt: skip
    draw = random.Random(1)
    rows = []
    for number, size in enumerate(sizes):
        for member in range(size):
            first = member == 0 if size > 1 else draw.random() < 0.5
            rows.append(
                {
                    "image": f"größe/{number}-{member}.png", "group": " Film" if first else "SCAN",
                    "labels": draw.choice(["Mass;  Nodule", "No Finding"]), "set": f"S {number}", "sex": "F",
                }
            )  # fmt: skip
    if patients:
        rows = [{**row, "patient": draw.choice(["", "Ä 1", "Ä 2", "3"])} for row in rows]
    if several:
        rows = [
            {**row, "image": f"{role}/{row['image']}", "case": f"Fall {number}", "role": role}
            for number, row in enumerate(rows) for role in ("PA", "L-CC")
        ]  # fmt: skip
    pd.DataFrame(rows).to_csv(tmp_path / "list.csv", index=False)
    (tmp_path / "program.mjs").write_text(PROGRAM % (ROOT / "static/handover/casekeys.mjs").as_uri())
    done = subprocess.run(
        [node, tmp_path / "program.mjs", tmp_path / "list.csv", str(block_size)],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    came = json.loads(done.stdout)
    assert came["faults"] == []
    wanted = plan_cases(
        read_listed(tmp_path / "list.csv", Groups(*NAMES)), shown=["sex"], block_size=block_size, nonce=NONCE
    )
    columns = ["case", "source", "labels", "block", "separation_group", "arm", "pair", "sex"]
    columns += ["role"] if several else []
    assert [row["stem"] for row in came["plan"]] == image_stems(wanted["case"])
    assert [{name: row[name] for name in columns} for row in came["plan"]] == wanted[columns].to_dict(
        "records"
    )
    (tmp_path / "key.csv").write_text(came["key"])
    key = read_key(tmp_path / "key.csv")
    assert key.groups == Groups(*NAMES)
    assert list(key.images["n_findings"]) == list(wanted["n_findings"])
    assert list(key.images.get("role", [])) == list(wanted.get("role", []))
    assert case_key(NONCE, rows[0]["image"]) in set(key.rows["case"])
    assert came["each"] == (max(sizes) > 1)
    if not patients:
        assert came["owners"] is None
        assert "patient" not in key.rows.columns
        return
    numbers = _with_owners(wanted, origin())[0]["patient"]
    assert list(key.images["patient"]) == came["owners"] == numbers.tolist()
    assert list(key.rows.columns[:7]) == [name for name in KEY.names if name not in ("nonce",)][:7]


def test_the_browser_takes_the_kinds_of_files_that_the_site_takes(tmp_path: Path, node: str) -> None:
    """By their first bytes: whatever is refused by those is refused before a key is made and anything is sent."""
    starts = [
        b"",
        b"no image at all",
        b"\x89PN",
        b"BM",
        b"RIFF\0\0\0\0WEBP",
        *_FOREIGN,
        b"II*\0",
        b"\0" * 128,
    ]
    starts += [start.ljust(128, b"\0") + b"DICM" for start in starts]

    def taken(start: bytes) -> bool:
        try:
            return bool(picture_format(start[:START_BYTES]))
        except ImageRefusedError:
            return False

    (tmp_path / "program.mjs").write_text(
        f'import {{ isPicture }} from "{(ROOT / "static/handover/casekeys.mjs").as_uri()}";\n'
        f"const starts = {json.dumps([list(start) for start in starts])};\n"
        "console.log(JSON.stringify(starts.map((one) => isPicture(new Uint8Array(one).buffer))));"
    )
    done = subprocess.run([node, tmp_path / "program.mjs"], capture_output=True, check=True, timeout=60)
    assert json.loads(done.stdout) == [taken(start) for start in starts]
    assert {taken(start) for start in starts} == {True, False}
