"""The database refuses too."""

import uuid
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from readerstudy.cases.models import Case, CaseSet, Frame

pytestmark = pytest.mark.django_db

STUDY = uuid.UUID(int=7)


def case_set(**changes: Any) -> CaseSet:
    usual = {"study": STUDY, "cases_sha256": "a" * 64, "key_sha256": "b" * 64, "synthetic": True}
    usual |= {"window_rule": "dicom", "case_count": 1, "frame_length": 100}
    return CaseSet.objects.create(**(usual | changes))


def case(owner: CaseSet, **changes: Any) -> Case:
    usual = {"study": owner.study, "case_set": owner, "key": uuid.uuid4().hex, "labels": ["Mass"]}
    return Case.objects.create(**(usual | {"block": 1, "separation_group": "g"} | changes))


def frame(owner: Case, **changes: Any) -> Frame:
    usual = {"study": owner.study, "case": owner, "storage_name": uuid.uuid4().hex, "rows": 2, "columns": 3}
    usual |= {"bits": 12, "window_low": 0, "window_high": 9, "sha256": "c" * 64, "length": 100}
    return Frame.objects.create(**(usual | changes))


def refuses(make: Any, *arguments: Any, **changes: Any) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        make(*arguments, **changes)


def test_one_case_set_per_study() -> None:
    case_set()
    refuses(case_set)
    case_set(study=uuid.UUID(int=8))


@pytest.mark.parametrize(
    "changes",
    [
        {"window_rule": "auto"},
        {"case_count": 0},
        {"frame_length": 0},
        {"cases_sha256": ""},
        {"key_sha256": "b"},
    ],
)
def test_case_set_constraints(changes: dict[str, Any]) -> None:
    refuses(case_set, **changes)


def test_case_constraints() -> None:
    owner = case_set()
    first = case(owner)
    refuses(case, owner, key=first.key)
    for changes in ({"key": "abc"}, {"block": 0}, {"separation_group": ""}, {"age": -1}, {"age": 131}):
        refuses(case, owner, **changes)
    case(case_set(study=uuid.UUID(int=8)), key=first.key)


def test_frame_constraints() -> None:
    owner = case_set()
    first = frame(case(owner))
    refuses(frame, first.case)
    frame(case(owner), format=3, bits=8)  # colour has 8 bits
    for changes in (
        {"storage_name": first.storage_name}, {"storage_name": "short"}, {"rows": 0}, {"columns": 0},
        {"bits": 7}, {"bits": 17}, {"format": 3}, {"format": 4, "bits": 8}, {"window_low": 9},
        {"window_high": 2**18 + 1}, {"spacing_row": 0.1},
        {"spacing_row": 0.1, "spacing_column": 0.0}, {"sha256": ""}, {"length": 0},
    ):  # fmt: skip
        refuses(frame, case(owner), **changes)


def test_what_a_row_hangs_on_is_protected() -> None:
    row = frame(case(case_set()))
    for parent in (row.case, row.case.case_set):
        with pytest.raises(ProtectedError):
            parent.delete()


def test_every_table_carries_the_study_and_none_tells_of_a_source() -> None:
    fields = {
        model.__name__: {field.name for field in model._meta.get_fields()} for model in (CaseSet, Case, Frame)
    }
    assert all("study" in names for names in fields.values())
    assert fields["CaseSet"] == {
        "id", "study", "cases_sha256", "key_sha256", "run_id", "synthetic", "window_rule", "case_count",
        "frame_length", "apart", "custody", "loaded_at", "cases", "one_each", "estimand",
    }  # fmt: skip
    assert fields["Case"] == {
        "id", "study", "case_set", "key", "labels", "block", "separation_group", "view", "sex", "age",
        "frames",
    }  # fmt: skip
    assert fields["Frame"] == {
        "id", "study", "case", "storage_name", "rows", "columns", "bits", "format", "window_low", "window_high",
        "spacing_row", "spacing_column", "sha256", "length", "pixels_sha256", "position", "role",
    }  # fmt: skip


def test_only_this_app_can_be_reached_backwards_from_a_case() -> None:
    for model in apps.get_app_config("cases").get_models():
        for relation in model._meta.related_objects:
            assert relation.related_model._meta.app_label == "cases", relation
