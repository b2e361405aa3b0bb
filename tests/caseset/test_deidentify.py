"""Originals by the basic profile: whatever it names is gone or replaced, at any depth, and nothing leads back."""

import io
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pydicom import Dataset, dcmread
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRBigEndian, generate_uid

from analysis.services.deidentify import PROFILE
from tests.cases.images import dicom, greys
from tests.picture.drawn import deflated

WORD = "WANDERFALKE"
NAMED = [
    "AccessionNumber",
    "AcquisitionComments",
    "AcquisitionDate",
    "AcquisitionDateTime",
    "AcquisitionTime",
    "AdmittingDate",
    "AdmittingDiagnosesDescription",
    "Allergies",
    "BranchOfService",
    "CommentsOnThePerformedProcedureStep",
    "ContentDate",
    "ContentTime",
    "CountryOfResidence",
    "CurrentPatientLocation",
    "DataSetTrailingPadding",
    "DerivationDescription",
    "DetectorID",
    "DeviceSerialNumber",
    "EthnicGroup",
    "FrameOfReferenceUID",
    "GantryID",
    "ImageComments",
    "InstanceCreatorUID",
    "InstitutionAddress",
    "InstitutionName",
    "InstitutionalDepartmentName",
    "IssuerOfPatientID",
    "MedicalAlerts",
    "MedicalRecordLocator",
    "MilitaryRank",
    "NameOfPhysiciansReadingStudy",
    "Occupation",
    "OperatorsName",
    "OriginalAttributesSequence",
    "OtherPatientIDs",
    "OtherPatientIDsSequence",
    "OtherPatientNames",
    "OverlayDate",
    "PatientAddress",
    "PatientAge",
    "PatientBirthDate",
    "PatientBirthName",
    "PatientBirthTime",
    "PatientComments",
    "PatientID",
    "PatientMotherBirthName",
    "PatientName",
    "PatientReligiousPreference",
    "PatientSex",
    "PatientSexNeutered",
    "PatientSize",
    "PatientState",
    "PatientTelephoneNumbers",
    "PatientWeight",
    "PerformedProcedureStepDescription",
    "PerformedProcedureStepID",
    "PerformedStationAETitle",
    "PerformingPhysicianName",
    "PersonName",
    "PregnancyStatus",
    "ProtocolName",
    "ReasonForStudy",
    "ReferencedSOPInstanceUID",
    "ReferringPhysicianAddress",
    "ReferringPhysicianName",
    "RegionOfResidence",
    "RequestedProcedureDescription",
    "RequestedProcedureID",
    "RequestingPhysician",
    "ResponsiblePerson",
    "SOPInstanceUID",
    "SeriesDate",
    "SeriesDescription",
    "SeriesInstanceUID",
    "SeriesTime",
    "SmokingStatus",
    "SpecialNeeds",
    "StationName",
    "StudyComments",
    "StudyDate",
    "StudyDescription",
    "StudyID",
    "StudyInstanceUID",
    "StudyTime",
    "TextComments",
    "TimezoneOffsetFromUTC",
    "UID",
    "VerifyingObserverName",
]
# Attributes of PS3.15 table E.1-1 that a chest film may have, from the standard and not from the library.
VALUES: dict[str, Any] = {
    "DA": "19551231", "TM": "235959", "DT": "19551231235959", "AS": "063Y", "DS": "61.5", "IS": "1955",
    **dict.fromkeys(("OB", "OW", "UN"), WORD.encode() + b" "), **dict.fromkeys(("US", "SS", "UL", "SL"), 1955),
    "FD": 61.5, "FL": 61.5, "UR": f"http://{WORD}.example", "AT": 0x00100010,
}  # fmt: skip
KEPT = "AnatomicRegionSequence"
"""A sequence that the profile does not name."""


def filled(keyword: str) -> DataElement:
    """Make an element whose value could tell a person."""
    tag = tag_for_keyword(keyword)
    assert tag is not None
    return element_of(tag)


def element_of(tag: int) -> DataElement:
    kind = dictionary_VR(tag).split(" or ")[0]
    if kind == "SQ":
        item = Dataset()
        item.PatientName, item.TextValue = WORD, WORD
        return DataElement(tag, "SQ", [item])
    return DataElement(tag, kind, generate_uid() if kind == "UI" else VALUES.get(kind, WORD))


def original(study: str = "1.2.3.4", drop: str = "", **tags: Any) -> bytes:
    """Write a film with everything that is named, at the top and in a sequence that is kept."""
    dataset = dcmread(io.BytesIO(dicom(greys())))
    inner = Dataset()
    for keyword in NAMED:
        for place in (dataset, inner):
            place[keyword] = filled(keyword)
    deeper = Dataset()
    deeper.PatientName = WORD
    inner.AnatomicRegionModifierSequence = [deeper]
    inner.private_block(0x0011, WORD, create=True).add_new(1, "LO", WORD)
    setattr(dataset, KEPT, [inner])
    dataset.private_block(0x0011, WORD, create=True).add_new(1, "LO", WORD)
    dataset.StudyInstanceUID = inner.StudyInstanceUID = study
    content = (
        Dataset()
    )  # in a sequence that the profile names, an identifier and a private element of an odd kind
    content.StudyInstanceUID = study
    content.private_block(0x0011, WORD, create=True).add_new(1, "OW", WORD.encode() + b" ")
    dataset.ContentSequence = [content]
    dataset.add_new(0x60003000, "OB", WORD.encode() + b" ")
    dataset.add_new(0x60004000, "LT", WORD)
    for keyword, value in tags.items():
        setattr(dataset, keyword, value)
    if drop:
        delattr(dataset, drop)
    dataset.preamble = WORD.encode().ljust(128, b"\0")
    dataset.file_meta.SourceApplicationEntityTitle = WORD
    dataset.file_meta.PrivateInformationCreatorUID, dataset.file_meta.PrivateInformation = (
        "1.2",
        WORD.encode() + b" ",
    )
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset.save_as(buffer, enforce_file_format=bool(not drop))
    return buffer.getvalue()


def put(folder: Path, **files: bytes) -> Path:
    for name, data in files.items():
        path = folder / WORD / f"{name}.dcm"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def deidentified(source: Path, target: Path) -> list[Dataset]:
    call_command("deidentify", str(source), str(target), stdout=io.StringIO())
    return [dcmread(path) for path in sorted(target.iterdir())]


def elements(dataset: Dataset) -> Iterator[DataElement]:
    for element in dataset:
        yield element
        for item in element.value if element.VR == "SQ" else ():
            yield from elements(item)


def test_whatever_the_profile_names_is_gone_or_replaced_at_any_depth(tmp_path: Path) -> None:
    data = original()
    source = dcmread(io.BytesIO(data))
    before = {
        (each.tag, str(each.value)) for each in elements(source) if each.keyword in NAMED and each.VR != "SQ"
    }
    (after,) = deidentified(put(tmp_path / "in", a=data), tmp_path / "out")
    (path,) = (tmp_path / "out").iterdir()
    assert WORD.encode() not in path.read_bytes()
    assert path.name == f"{after.SOPInstanceUID}.dcm"
    kept = {each.keyword for each in elements(after) if (each.tag, str(each.value)) in before}
    assert kept == set()
    assert not any(each.tag.is_private for each in elements(after))
    assert not any(0x6000 <= each.tag.group < 0x6020 for each in after)
    assert len(after[KEPT].value) == 1  # what is not named stays
    assert after.preamble == bytes(128)
    assert {each.keyword for each in after.file_meta} - {"FileMetaInformationGroupLength"} == {
        "FileMetaInformationVersion", "MediaStorageSOPClassUID", "MediaStorageSOPInstanceUID", "TransferSyntaxUID",
        "ImplementationClassUID", "ImplementationVersionName",
    }  # fmt: skip


def test_every_row_of_the_table_is_applied(tmp_path: Path) -> None:
    """As the edition has it: each tag alone in a file, so that none hides behind another."""
    from dicomanonymizer.dicomfields_selector import dicom_anonymization_database_selector

    table = dicom_anonymization_database_selector(PROFILE)
    tags = sorted(
        {tag for name in table if name != "ALL_TAGS" for tag in table[name] if len(tag) == 2 and tag[0] > 2}
    )
    assert len(tags) > 600
    known = {}
    for place in tags:
        try:
            known[Tag(place)] = element_of(Tag(place))
        except KeyError:
            continue  # pydicom does not know it yet
    assert len(known) > 570
    dataset = dcmread(io.BytesIO(dicom(greys())))
    for tag, element in known.items():
        if element.VR != "AT":
            dataset[tag] = element
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset.save_as(buffer)
    before = {tag: str(element.value) for tag, element in known.items()}
    (after,) = deidentified(put(tmp_path / "in", a=buffer.getvalue()), tmp_path / "out")
    assert [str(each.tag) for each in after if before.get(each.tag) == str(each.value)] == []
    assert WORD.encode() not in next((tmp_path / "out").iterdir()).read_bytes()


def test_it_says_what_was_done(tmp_path: Path) -> None:
    (after,) = deidentified(put(tmp_path / "in", a=original()), tmp_path / "out")
    assert after.PatientIdentityRemoved == "YES"
    assert after.DeidentificationMethod == "DICOM PS3.15 2026c Basic Application Confidentiality Profile"
    assert len(after.DeidentificationMethod) <= 64
    (code,) = after.DeidentificationMethodCodeSequence
    assert (code.CodeValue, code.CodingSchemeDesignator) == ("113100", "DCM")
    assert after.LongitudinalTemporalInformationModified == "REMOVED"


def test_identifiers_are_new_and_one_where_they_were_one(tmp_path: Path) -> None:
    study, other = generate_uid(), generate_uid()
    first, second, third = (generate_uid() for _ in range(3))
    source = put(
        tmp_path / "in",
        a=original(study, SOPInstanceUID=first, ReferencedSOPInstanceUID=second),
        b=original(study, SOPInstanceUID=second, ReferencedSOPInstanceUID=first),
        c=original(other, SOPInstanceUID=third, ReferencedSOPInstanceUID=first),
    )
    made = deidentified(source, tmp_path / "out")
    text = b"".join(path.read_bytes() for path in (tmp_path / "out").iterdir())
    assert not any(str(each).encode() in text for each in (study, other, first, second, third))
    studies = [each.StudyInstanceUID for each in made]
    assert sorted(map(studies.count, set(studies))) == [1, 2]
    for each in made:
        assert each.file_meta.MediaStorageSOPInstanceUID == each.SOPInstanceUID
        assert each[KEPT].value[0].StudyInstanceUID == each.StudyInstanceUID
        assert each.ContentSequence[0].StudyInstanceUID == each.StudyInstanceUID
    pair = [each for each in made if studies.count(each.StudyInstanceUID) == 2]
    assert pair[0].ReferencedSOPInstanceUID == pair[1].SOPInstanceUID
    assert pair[1].ReferencedSOPInstanceUID == pair[0].SOPInstanceUID


@pytest.mark.parametrize("data", [deflated(dicom(greys())), dicom(greys(), syntax=ExplicitVRBigEndian)])
def test_pixels_and_their_syntax_stay(data: bytes, tmp_path: Path) -> None:
    (after,) = deidentified(put(tmp_path / "in", a=data), tmp_path / "out")
    assert (after.pixel_array == greys()).all()
    assert after.file_meta.TransferSyntaxUID == dcmread(io.BytesIO(data)).file_meta.TransferSyntaxUID


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    source = put(tmp_path / "in", a=original())
    (tmp_path / "out").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("out", "link"):
        with pytest.raises(CommandError, match=f"{name}: already exists"):
            deidentified(source, tmp_path / name)
    with pytest.raises(CommandError, match="expected an existing folder"):
        deidentified(source, tmp_path / "no" / "out")
    for none in ("empty", "absent"):
        (tmp_path / "empty").mkdir(exist_ok=True)
        with pytest.raises(CommandError, match=r"expected (a folder of )?DICOM files"):
            deidentified(tmp_path / none, tmp_path / "made")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "in", "link", "out"]


def test_every_file_that_cannot_be_done_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    source = put(
        tmp_path / "in", good=original(), text=b"not DICOM at all" * 20, cut=original()[:900],
        copy=original(SOPInstanceUID="1.2.9"), other=original(SOPInstanceUID="1.2.9"),
        report=original(drop="PixelData"), unnamed=original(drop="SOPInstanceUID"), empty=b"",
    )  # fmt: skip
    (source / "link.dcm").symlink_to(source / WORD / "good.dcm")
    with pytest.raises(CommandError) as caught:
        deidentified(source, tmp_path / "out")
    told = str(caught.value).splitlines()
    assert told[0] == "7 of 9 files cannot be de-identified; nothing was written."
    names = {Path(line.split(": ")[0]).stem: line.split(": ", 1)[1] for line in told[1:]}
    assert set(names) == {"text", "cut", "other", "report", "unnamed", "empty", "link"}
    assert "same SOP Instance UID" in names["other"]
    assert "missing: PixelData" in names["report"]
    assert "not a link" in names["link"]
    assert not any(WORD in text for text in names.values())
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
