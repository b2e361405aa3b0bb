"""Loading a case set: all cases or none, and nothing but pixels."""

import json
import logging
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.db import connection
from PIL import Image

from analysis.caseset import CaseSetError
from analysis.picture.refusals import Reason
from readerstudy.audit.models import Event
from readerstudy.cases import loader
from readerstudy.cases.frame import decode_curve, decode_frame
from readerstudy.cases.loader import AlreadyLoadedError, CaseSetRefusedError, load_case_set
from readerstudy.cases.models import Case, CaseSet, Frame
from readerstudy.cases.selectors import cases_of, frame_bytes, frame_json
from readerstudy.cases.storage import StorageError, study_folder
from readerstudy.cases.window import WindowRule
from tests.cases.images import blind_half, dicom, greys, png
from tests.stock import frame_path

pytestmark = pytest.mark.django_db

STUDY = uuid.UUID(int=11)
CANARY = "Wanderfalke"


def load(folder: Path, root: Path, **changes: Any) -> CaseSet:
    usual = {"study_key": STUDY, "frames_root": root, "window_rule": WindowRule.DICOM, "actor": None}
    return load_case_set(folder=folder, **(usual | changes))


def nothing_is_left(root: Path) -> bool:
    rows = CaseSet.objects.count() + Case.objects.count() + Frame.objects.count() + Event.objects.count()
    return rows == 0 and not [path for path in root.rglob("*") if path.is_file()]


def test_case_set_comes_in_whole(tmp_path: Path) -> None:
    images = [greys((9, 14), 12, seed) for seed in range(3)] + [greys((40, 30), 16, 4)]
    files = [dicom(values, bits=12) for values in images[:3]] + [dicom(images[3], bits=16)]
    folder = blind_half(tmp_path / "set", files, ending="dcm", view="PA", sex="F", age="61")
    told: list[tuple[int, int]] = []
    case_set = load(folder, tmp_path / "frames", progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert (case_set.case_count, case_set.run_id, case_set.synthetic) == (4, "r1", True)
    cases = list(cases_of(STUDY))
    assert [case.key for case in cases] == sorted(case.key for case in cases)
    assert {(case.view, case.sex, case.age) for case in cases} == {("PA", "F", 61.0)}
    assert cases[0].labels == ["Effusion", "Mass"]
    lengths = {len(frame_bytes(case, tmp_path / "frames")) for case in cases}
    assert lengths == {case_set.frame_length}
    for case in cases:
        number = next(n for n in range(4) if (folder / f"images/{case.key}.dcm").read_bytes() == files[n])
        data = frame_bytes(case, tmp_path / "frames")
        told_of = frame_json(case.frame)
        # One depth for the study: that of its deepest image.
        wanted = images[number] if number == 3 else np.floor(images[number] * (65535 / 4095) + 0.5)
        assert told_of["bits"] == 16
        assert (decode_frame(data, told_of["rows"], told_of["columns"], 16) == wanted).all()
        assert case.key not in str(frame_path(case, tmp_path / "frames"))
    event = Event.objects.get()
    assert (event.kind, event.study, event.values["cases"]) == ("cases.loaded", STUDY, 4)


def test_frame_json_has_the_same_keys_with_and_without_spacing(tmp_path: Path) -> None:
    spaced = dicom(greys(), PixelSpacing=["0.1", "0.2"], WindowCenter="9", WindowWidth="9")
    for study, files, spacing in ((1, [dicom(greys()), spaced], None), (2, [spaced], [0.1, 0.2])):
        key = uuid.UUID(int=study)
        folder = blind_half(tmp_path / str(study), files, ending="dcm")
        load(folder, tmp_path / "frames", study_key=key)
        told = [frame_json(case.frame) for case in cases_of(key)]
        assert {tuple(each) for each in told} == {("format", "rows", "columns", "bits", "window", "spacing")}
        assert [each["spacing"] for each in told] == [spacing] * len(files)
        assert json.loads(json.dumps(told)) == told


def test_all_bad_images_are_named_by_case_and_nothing_is_left(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    files = [
        dicom(greys(), PatientName=CANARY),
        dicom(greys(), PatientName=CANARY, NumberOfFrames=2),
        dicom(greys(), PatientName=CANARY),
        dicom(greys(), PatientName=CANARY, drop="Rows"),
        dicom(greys(), PatientName=CANARY)[:-20],
    ]
    folder = blind_half(tmp_path / "set", files, ending="dcm")
    told: list[int] = []
    with pytest.raises(CaseSetRefusedError) as caught:
        load(folder, tmp_path / "frames", progress=lambda done, _: told.append(done))
    assert told == [1, 2, 3, 4, 5]
    reasons = {refusal.reason for _, refusal in caught.value.refusals}
    assert reasons == {Reason.MULTI_FRAME, Reason.MISSING_TAG, Reason.TRUNCATED}
    text = str(caught.value)
    for case, refusal in caught.value.refusals:
        assert f"case {case}: {refusal}" in text
    for told_text in (text, caplog.text):
        assert CANARY not in told_text
        assert str(tmp_path) not in told_text
    assert nothing_is_left(tmp_path / "frames")


def test_patient_data_reach_neither_frame_nor_json_nor_row(tmp_path: Path) -> None:
    tags = {"PatientName": CANARY, "PatientID": CANARY, "ImageComments": CANARY, "StudyDescription": CANARY}
    data = dicom(greys(), **tags)
    canary_png = png(greys(bits=8)) + CANARY.encode()
    assert CANARY.encode() in data
    load(blind_half(tmp_path / "set", [data, data], ending="dcm"), tmp_path / "frames")
    load(blind_half(tmp_path / "two", [canary_png]), tmp_path / "frames", study_key=uuid.UUID(int=12))
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(f'SELECT * FROM "{table}"')
            assert CANARY not in str(cursor.fetchall()), table
    for case in Case.objects.all():
        frame = frame_bytes(case, tmp_path / "frames")
        size = frame_json(case.frame)
        assert CANARY.encode() not in frame
        assert (
            CANARY.encode() not in decode_frame(frame, size["rows"], size["columns"], size["bits"]).tobytes()
        )
        assert CANARY not in json.dumps(size)
    for path in (tmp_path / "frames").rglob("*"):
        assert CANARY not in str(path)


def test_second_set_is_refused_and_the_first_stays(tmp_path: Path) -> None:
    folder = blind_half(tmp_path / "set", [png(greys(bits=8))])
    load(folder, tmp_path / "frames")
    with pytest.raises(AlreadyLoadedError, match="has a case set"):
        load(folder, tmp_path / "frames")
    (case,) = cases_of(STUDY)
    assert frame_bytes(case, tmp_path / "frames")


def test_image_that_was_exchanged_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = blind_half(tmp_path / "set", [png(greys(bits=8))])
    image = next((folder / "images").iterdir())
    verify = loader.verify_case_set

    def verified_then_exchanged(path: Path) -> None:
        verify(path)
        image.write_bytes(png(greys(bits=8, seed=9)))

    monkeypatch.setattr(loader, "verify_case_set", verified_then_exchanged)
    with pytest.raises(CaseSetRefusedError, match="SHA-256"):
        load(folder, tmp_path / "frames")
    assert nothing_is_left(tmp_path / "frames")


def test_image_that_became_a_link_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = blind_half(tmp_path / "set", [png(greys(bits=8))])
    image = next((folder / "images").iterdir())
    image.rename(tmp_path / "elsewhere.png")
    image.symlink_to(tmp_path / "elsewhere.png")
    monkeypatch.setattr(loader, "verify_case_set", lambda _: None)
    with pytest.raises(CaseSetRefusedError, match="plain file"):
        load(folder, tmp_path / "frames")


def test_damaged_blind_half_is_refused(tmp_path: Path) -> None:
    folder = blind_half(tmp_path / "set", [png(greys(bits=8))])
    (folder / "cases.csv").write_text((folder / "cases.csv").read_text().replace("Mass", "Mess"))
    with pytest.raises(CaseSetError, match="SHA-256"):
        load(folder, tmp_path / "frames")
    assert nothing_is_left(tmp_path / "frames")


def test_caller_that_refuses_takes_rows_files_and_audit_back(tmp_path: Path) -> None:
    folder = blind_half(tmp_path / "set", [png(greys(bits=8))] * 2)
    seen: list[int] = []

    def attach(case_set: CaseSet) -> None:
        seen.append(Case.objects.filter(case_set=case_set).count())
        raise RuntimeError("the study is locked")

    with pytest.raises(RuntimeError, match="locked"):
        load(folder, tmp_path / "frames", attach=attach)
    assert seen == [2]
    assert nothing_is_left(tmp_path / "frames")
    load(folder, tmp_path / "frames")


def test_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = blind_half(tmp_path / "set", [png(greys(bits=8))] * 2)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("readerstudy.cases.storage.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        load(folder, tmp_path / "frames")
    assert nothing_is_left(tmp_path / "frames")


def test_lost_frame_is_told_without_a_path(tmp_path: Path) -> None:
    load(blind_half(tmp_path / "set", [png(greys(bits=8))]), tmp_path / "frames")
    (case,) = cases_of(STUDY)
    frame_path(case, tmp_path / "frames").unlink()
    with pytest.raises(StorageError) as caught:
        frame_bytes(case, tmp_path / "frames")
    assert str(tmp_path) not in str(caught.value)


def test_names_on_disk_are_drawn_again_each_time(tmp_path: Path) -> None:
    folder = blind_half(tmp_path / "set", [png(greys(bits=8))])
    other = uuid.UUID(int=13)
    load(folder, tmp_path / "frames")
    load(folder, tmp_path / "frames", study_key=other)
    first, second = (
        {path.name for path in study_folder(tmp_path / "frames", key).glob("[0-9a-f]*")}
        for key in (STUDY, other)
    )
    assert len(first) == len(second) == 1
    assert first != second


def test_pillow_reads_what_we_wrote_nowhere(tmp_path: Path) -> None:
    """A frame file is no image that a viewer outside the study would open."""
    load(blind_half(tmp_path / "set", [png(greys(bits=8))]), tmp_path / "frames")
    (case,) = cases_of(STUDY)
    with pytest.raises(Image.UnidentifiedImageError):
        Image.open(frame_path(case, tmp_path / "frames"))


@pytest.mark.parametrize(("window", "apart"), [([0.5, 99.5], 1), ([5, 80], 2), (None, None)])
def test_a_load_counts_the_cases_that_the_networks_saw_with_another_tone(
    tmp_path: Path, window: list[float] | None, apart: int | None
) -> None:
    """Of two files one asks for a window; the other is shown between the percentiles that sweeps take by default."""
    asking = dicom(greys((30, 30), seed=1), WindowCenter="1000", WindowWidth="500")
    folder = blind_half(tmp_path / "set", [asking, dicom(greys((30, 30), seed=2))], ending="dcm")
    said = json.loads((folder / "provenance.json").read_text())
    said["run"] |= {} if window is None else {"window": window}
    (folder / "provenance.json").write_text(json.dumps(said))
    case_set = load_case_set(
        folder=folder, study_key=uuid.UUID(int=77), frames_root=tmp_path / "frames", window_rule=WindowRule.DICOM,
        actor=None,
    )  # fmt: skip
    assert case_set.apart == apart


@pytest.mark.parametrize("bits", [12, 8], ids=["one depth", "made deeper"])
def test_the_tone_of_the_file_is_what_the_served_frame_shows(tmp_path: Path, bits: int) -> None:
    """A sigmoid, alone and beside a deeper file, which makes its depth the study's."""
    values = greys((30, 30), bits, seed=3)
    centre, width = 2 ** (bits - 1), 2 ** (bits - 2)
    sigmoid = dicom(
        values, bits=bits, WindowCenter=str(centre), WindowWidth=str(width), VOILUTFunction="SIGMOID"
    )
    other = dicom(greys((30, 31), seed=4))
    study = uuid.UUID(int=78)
    load_case_set(
        folder=blind_half(tmp_path / "set", [sigmoid, other], ending="dcm"), study_key=study,
        frames_root=tmp_path / "frames", window_rule=WindowRule.DICOM, actor=None,
    )  # fmt: skip
    case = next(case for case in cases_of(study) if case.frame.columns == 30)
    frame = frame_bytes(case, tmp_path / "frames")
    shown = decode_curve(frame, 12)[decode_frame(frame, 30, 30, 12)]
    wanted = 255 / (1 + np.exp(-4 * (values.astype(float) - centre) / width))
    assert np.abs(shown - wanted).max() <= 0.5
