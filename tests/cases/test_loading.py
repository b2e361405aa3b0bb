"""What the admin's page shows of a load: how far, how long, which images were refused and why."""

import re
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from analysis.caseset import CaseSetError
from analysis.picture.refusals import Reason
from readerstudy.cases import loader, storage
from readerstudy.cases.loader import CaseSetRefusedError, load_case_set
from readerstudy.cases.loading import OTHER_PROBLEM, PROBLEMS, SILENT_FOR, announce, loading_json, reported
from readerstudy.cases.models import Loading
from readerstudy.cases.storage import StorageError, staging
from readerstudy.cases.window import WindowRule
from readerstudy.ops import loading
from readerstudy.ops.management.commands.load_case_set import Command
from readerstudy.refusals import RefusedError
from tests.cases.images import blind_half, dicom, greys

pytestmark = pytest.mark.django_db

STUDY = uuid.UUID(int=21)


def load(folder: Path, tmp_path: Path) -> None:
    load_case_set(
        folder=folder,
        study_key=STUDY,
        frames_root=tmp_path / "frames",
        window_rule=WindowRule.DICOM,
        actor=None,
    )


def test_nothing_is_told_before_a_load() -> None:
    assert loading_json(STUDY)["state"] == "none"


def test_bad_images_are_listed_by_case_and_a_fixed_set_then_loads(tmp_path: Path) -> None:
    good = dicom(greys())
    folder = blind_half(tmp_path / "set", [good, good[:-40], b"nonsense", good], ending="dcm")
    with pytest.raises(CaseSetRefusedError) as caught:
        load(folder, tmp_path)
    told = loading_json(STUDY)
    assert (told["state"], told["done"], told["total"], told["seconds_left"]) == ("refused", 4, 4, None)
    assert told["refusals"] == [[case, str(refusal)] for case, refusal in caught.value.refusals]
    reasons = sorted(reason for _, reason in told["refusals"])
    assert reasons == sorted(each.value for each in (Reason.TRUNCATED, Reason.UNKNOWN_FORMAT))
    load(blind_half(tmp_path / "repaired", [good, good], ending="dcm"), tmp_path)
    assert loading_json(STUDY) == {
        "state": "done", "done": 2, "total": 2, "refusals": [], "problem": "", "seconds_left": None,
    }  # fmt: skip


def test_time_left_comes_from_the_images_so_far() -> None:
    with reported(STUDY) as report:
        report.tick(0, 10)
        Loading.objects.filter(study=STUDY).update(began_at=timezone.now() - timedelta(seconds=8))
        report._last = 0
        report.tick(4, 10)
        told = loading_json(STUDY)
    assert (told["state"], told["done"]) == ("running", 4)
    assert told["seconds_left"] == 12


def test_a_load_that_was_killed_is_told_as_silent() -> None:
    now = timezone.now()
    Loading.objects.create(study=STUDY, done=3, total=9, began_at=now, told_at=now - 2 * SILENT_FOR)
    assert loading_json(STUDY)["state"] == "silent"


def test_another_end_names_its_kind_and_no_text_of_a_file(tmp_path: Path) -> None:
    folder = blind_half(tmp_path / "set", [dicom(greys())], ending="dcm")
    (folder / "cases.csv").write_text("changed")
    with pytest.raises(CaseSetError) as caught:
        load(folder, tmp_path)
    told = loading_json(STUDY)
    assert (told["state"], told["problem"]) == ("refused", PROBLEMS[type(caught.value).__name__])


def test_each_refusal_of_a_load_has_its_words() -> None:
    documented = f"{loading.load_into_study.__doc__} {load_case_set.__doc__}"
    refusals = set(re.findall(r"\w+Error", documented))
    assert refusals - {"CaseSetRefusedError"} == set(PROBLEMS)  # which names the images themselves
    for name in refusals:
        found = next(vars(module)[name] for module in (loading, loader, storage) if name in vars(module))
        assert issubclass(found, (RefusedError, *Command.refused)), name


def test_an_end_that_nobody_expected_says_whom_to_ask() -> None:
    with pytest.raises(ZeroDivisionError), reported(STUDY):
        raise ZeroDivisionError("canary")
    assert loading_json(STUDY)["problem"] == OTHER_PROBLEM.format("ZeroDivisionError")


def test_a_second_load_leaves_what_is_told_of_the_first(tmp_path: Path) -> None:
    folder = blind_half(tmp_path / "set", [dicom(greys())], ending="dcm")
    frames = tmp_path / "frames"
    with staging(frames, STUDY), reported(STUDY) as report:
        report.tick(1, 4)
        before = list(Loading.objects.values())
        with pytest.raises(StorageError, match="another load"):
            load(folder, tmp_path)
        assert list(Loading.objects.values()) == before


def test_of_two_who_announce_a_load_one_may_begin() -> None:
    assert [announce(STUDY) for _ in range(2)] == [True, False]
    assert announce(uuid.UUID(int=22))
    Loading.objects.update(state=Loading.State.DONE, done=3, total=3)
    assert announce(STUDY)
    assert loading_json(STUDY)["done"] == 0
