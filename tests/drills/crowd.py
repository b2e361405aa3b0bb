"""A study with many readers, and a finished one beside it; made inside the site that is put under load."""

from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from django.test import Client

from analysis.caseset import Origin, write_case_set
from readerstudy.accounts.models import User
from readerstudy.cases.frame import MASK_BYTES
from readerstudy.cases.models import CaseSet
from readerstudy.ops.loading import load_into_study
from readerstudy.results.services import open_key
from readerstudy.study.design import lifecycle
from readerstudy.study.models import Study
from readerstudy.study.people.members import enrol_reader
from readerstudy.study.protocol import Protocol
from tests.blinding.crowd import ANSWERED, payload
from tests.results.readings import ANSWERS, read_by_rule
from tests.stock import NONCE, RUN_ID, look_for_names, make_case_set, selection, write_dicom


def make_crowd(folder: Path, *, readers: int, cases: int, side: int) -> dict[str, Any]:
    """Return the short name, a session cookie for each reader, what a page posts, and the bytes of a frame."""
    study = _study_of_noise(folder, cases, side)
    people = [_person(f"reader{number:04d}") for number in range(readers)]
    for person in people:
        enrol_reader(study=study, person=person, actor=None)
    look_for_names(study, None)
    lifecycle.lock(study=study, actor=None)
    lifecycle.start(study=study, actor=None)
    _finished_study(folder / "done")
    frame_bytes = CaseSet.objects.get(study=study.key).frame_length + MASK_BYTES
    return {
        "slug": study.slug,
        "cookies": [_cookie(person) for person in people],
        "payload": payload(),
        "answers": ANSWERED,
        "frame_bytes": frame_bytes,
    }


def _study_of_noise(folder: Path, cases: int, side: int) -> Study:
    """Make images that do not compress, so that the frames are as large as real ones of more pixels."""
    rng = np.random.default_rng(1)
    images = {}
    (folder / "noise").mkdir()
    for number in range(cases):
        path = folder / "noise" / f"SOURCE{number:04d}.dcm"
        write_dicom(
            path, rng.integers(0, 4096, (side, side)).astype(np.uint16), patient=f"PATIENT{number:04d}"
        )
        images[path.name] = path
    origin = Origin(run_id=RUN_ID, predictions_sha256="ab" * 32, synthetic=True, committed={})
    made = write_case_set(
        selection(cases // 2),
        images=images,
        out=folder / "cases",
        key_out=folder / "key.csv",
        origin=origin,
        nonce=NONCE,
    )
    study = lifecycle.create_study(slug="load", title="Load", protocol=Protocol(), actor=None)
    load_into_study(study=study, folder=made.folder, actor=None)
    return study


def _finished_study(folder: Path) -> None:
    """Make the study that is exported meanwhile."""
    made = make_case_set(folder, pairs=5, nonce=b"\x05" * 32)
    study = lifecycle.create_study(
        slug="done", title="Done", protocol=Protocol(), actor=None, simulated_readers=True
    )
    load_into_study(study=study, folder=made.folder, actor=None)
    for number in range(len(ANSWERS)):
        enrol_reader(study=study, person=_person(f"past{number}"), actor=None)
    look_for_names(study, None)
    lifecycle.lock(study=study, actor=None)
    lifecycle.start(study=study, actor=None)
    for reader, rows in zip(study.readers.all(), ANSWERS.values(), strict=True):
        read_by_rule(reader, rows)
    study = lifecycle.close(study=study, actor=None, reason="everybody has finished")
    open_key(study=study, key=made.key, reason="reading is over", actor=None)


def _person(name: str) -> User:
    """Make a person who never signs in by password: hashing two hundred of them is no part of the load."""
    return User.objects.create(email=f"{name}@example.org", name=name, password="!")


def _cookie(person: User) -> str:
    client = Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return client.cookies[settings.SESSION_COOKIE_NAME].value
