"""Studies become cases in the browser as by the command: the headers are read alike, however they are written."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pandas as pd
import pydicom
import pytest
from playwright._impl._driver import compute_driver_executable
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from analysis.caseset import CaseSetError
from analysis.services.listed import RULE, cases_of_studies, in_words, read_images
from analysis.vocabulary import VIEWS
from tests.caseset.test_studies import studies

ROOT = Path(__file__).parents[2]
PROGRAM = """
import { readFileSync } from "node:fs";
import { parseCsv } from "%s/static/handover/casekeys.mjs";
import { casesOfStudies, readHeader } from "%s/static/handover/studies.mjs";
const [list, folder] = process.argv.slice(2);
const table = parseCsv(readFileSync(list, "utf8"));
const headers = new Map(table.slice(1).map(([name]) => {
  const bytes = readFileSync(`${folder}/${name}`);
  return [name, readHeader(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))];
}));
console.log(JSON.stringify(casesOfStudies(table, headers)));
"""


def in_browser(listed: Path) -> dict[str, Any]:
    program = listed.with_name("program.mjs")
    program.write_text(PROGRAM % (ROOT, ROOT))
    node = compute_driver_executable()[0]
    made = subprocess.run(
        [node, program, listed, listed.parent / "images"], check=True, capture_output=True, timeout=60
    )
    return dict(json.loads(made.stdout))


def rewritten(listed: Path, syntax: str, sequence: bool) -> None:
    """Write the files in another transfer syntax, with nested sequences without a length before what is read."""
    for path in (listed.parent / "images").iterdir():
        file = pydicom.dcmread(path)
        if not file.ImageLaterality:
            del file.ImageLaterality
        if sequence:
            inner, outer = Dataset(), Dataset()
            inner.ImageLaterality, inner.ViewPosition = "B", "AP"  # of another image: not this one's
            outer.ReferencedSeriesSequence = Sequence([inner])
            outer["ReferencedSeriesSequence"].is_undefined_length = True
            inner.is_undefined_length_sequence_item = outer.is_undefined_length_sequence_item = True
            file.ReferencedStudySequence = Sequence([outer, Dataset()])
            file["ReferencedStudySequence"].is_undefined_length = True
        file.file_meta.TransferSyntaxUID = syntax
        file.save_as(path, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=True)


@pytest.mark.parametrize("sequence", [False, True], ids=["plain", "sequences"])
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
@pytest.mark.parametrize(
    ("views", "sides"),
    [(("LL", "PA"), ("", "")), (("CC", "MLO"), ("R", "L")), (("LAT", "POSTEROANTERIOR"), ("U", "U"))],
)
def test_the_browser_makes_the_cases_of_the_command(
    tmp_path: Path, views: tuple[str, str], sides: tuple[str, str], syntax: str, sequence: bool
) -> None:
    listed = studies(tmp_path, views, sides)
    rewritten(listed, syntax, sequence)
    frame = read_images(listed)
    files = {name: tmp_path / "images" / name for name in frame["image"]}
    wanted, made = cases_of_studies(frame, files), in_browser(listed)
    assert made["faults"] == []
    heading, *rows = made["table"]
    assert [dict(zip(heading, row, strict=True)) for row in rows] == wanted.to_dict("records")
    assert made["words"][0] == RULE
    assert made["words"] == in_words(wanted).splitlines()[: 1 + wanted["case"].nunique()]


@pytest.mark.filterwarnings("ignore:Invalid value for VR CS")
def test_every_spelling_of_a_view_is_read_alike(tmp_path: Path) -> None:
    listed = studies(tmp_path)
    spellings = list(VIEWS)
    pd.read_csv(listed).head(len(spellings)).to_csv(listed, index=False)
    for number, spelling in enumerate(spellings):
        path = tmp_path / "images" / f"{number:02d}.dcm"
        file = pydicom.dcmread(path)
        file.StudyInstanceUID, file.ViewPosition = f"1.2.{number}", spelling.lower()
        file.save_as(path)
    made = in_browser(listed)
    assert made["faults"] == []
    assert [row[-1] for row in made["table"][1:]] == list(VIEWS.values())


def test_what_says_no_study_or_view_is_named(tmp_path: Path) -> None:
    listed = studies(tmp_path)
    images = tmp_path / "images"
    file = pydicom.dcmread(images / "00.dcm")
    del file.ViewPosition
    file.save_as(images / "00.dcm")
    (images / "01.dcm").write_bytes(b"no image")
    (images / "02.dcm").write_bytes((images / "03.dcm").read_bytes()[:400])
    file = pydicom.dcmread(images / "04.dcm")
    file.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    file.save_as(images / "04.dcm", implicit_vr=False, little_endian=True)
    faults = in_browser(listed)["faults"]
    assert [fault[:6] for fault in faults] == ["00.dcm", "01.dcm", "02.dcm", "04.dcm"]
    assert all("StudyInstanceUID and ViewPosition" in fault for fault in faults)
    frame = read_images(listed)
    with pytest.raises(CaseSetError, match="3 of 20 images cannot be handed over"):
        cases_of_studies(frame, {name: images / name for name in frame["image"]})
    listed.write_text("image,case,group,labels\n03.dcm,a,found nodule,Mass\n")
    assert "no column case" in in_browser(listed)["faults"][0]
