"""Stock people and a small real study for tests: Alice runs it, Bob and Bella read, Rita researches,
Charlie is a stranger, Olga owns the site.

The case set is written by the product's own writer from 12-bit DICOM images and loaded by its own loader.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
from django.conf import settings
from django.contrib.auth import base_user
from django.contrib.auth.hashers import make_password
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid

from analysis.caseset import CaseSet, Origin, write_case_set
from readerstudy.accounts.models import User
from readerstudy.accounts.services import grant_researcher
from readerstudy.cases import loader
from readerstudy.cases.decoder import decode_image
from readerstudy.cases.models import Case
from readerstudy.cases.storage import study_folder
from readerstudy.ops.loading import load_into_study
from readerstudy.study.design import lifecycle, signoff
from readerstudy.study.duties import add_member
from readerstudy.study.models import Reader, Role, Study
from readerstudy.study.people.members import enrol_reader
from readerstudy.study.protocol import Protocol

PASSWORD = "a long enough password"
RUN_ID = "0123456789abcdef"
NONCE = bytes(range(32))
PEOPLE = ("alice", "bob", "bella", "rita", "charlie", "olga")
HIGH, LOW, FIRST_PAIR = 0.7319846213, 0.2680153787, 1_739_100_300
COMMITTED = "CANARY seed of the selection"
SECRETS = ("SOURCE0", "PATIENT0", str(HIGH), str(LOW), str(FIRST_PAIR)[:-1], COMMITTED, NONCE.hex())
"""Texts in the sealed half or in the source files and nowhere else (canaries)."""
LABELS = ("Effusion", "Cardiomegaly; Effusion", "Hernia", "No Finding")


@cache
def hashed(password: str) -> str:
    """Hash a password once in this process."""
    return make_password(password)


def person(name: str, *, superuser: bool = False) -> User:
    """Make a person who signs in as name@example.org; their one password is hashed once, a tenth of a second."""
    make = User.objects.create_superuser if superuser else User.objects.create_user
    with mock.patch.object(base_user, "make_password", hashed):
        return make(f"{name.lower()}@example.org", PASSWORD, name=name)


def write_dicom(path: Path, pixels: np.ndarray, *, patient: str) -> None:
    """Write 12-bit grey pixels with a patient in the header, as a hospital's file has."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[path.name])
    image = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    image.SOPClassUID, image.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    image.PatientName, image.PatientID = patient, patient
    image.Modality, image.PhotometricInterpretation = "DX", "MONOCHROME2"
    image.Rows, image.Columns = pixels.shape
    image.SamplesPerPixel, image.BitsAllocated, image.BitsStored, image.HighBit = 1, 16, 12, 11
    image.PixelRepresentation = 0
    image.WindowCenter, image.WindowWidth = 2048, 4096
    image.PixelSpacing = [0.2, 0.2]
    image.PixelData = pixels.astype("<u2").tobytes()
    image.save_as(path, enforce_file_format=True)


def write_coloured(path: Path, pixels: np.ndarray) -> None:
    """Write a PNG in which 12-bit values run from blue to yellow."""
    grey = (pixels >> 4).astype(np.uint8)
    Image.fromarray(np.dstack([grey, grey // 2 + 60, 255 - grey])).save(path, "PNG")


def picture(number: int, rows: int = 60, columns: int = 48) -> np.ndarray:
    """Return a smooth 12-bit picture that differs from number to number."""
    y, x = np.mgrid[0:rows, 0:columns]
    wave = np.sin(x / (5 + number % 7)) + np.cos(y / (6 + number % 5))
    return np.clip(2048 + 700 * wave + 13 * number, 0, 4095).astype(np.uint16)


def selection(pairs: int, *, swapped: bool = False, roles: Sequence[str] = ()) -> pd.DataFrame:
    """Return a hand-made selection of matched pairs; `swapped` exchanges the arms and nothing else.

    roles: of the images of each case, where it is to have several.
    """
    rows = []
    for number in range(2 * pairs):
        pair, member = divmod(number, 2)
        rows.append(
            {
                "image": f"SOURCE{number:04d}.dcm",
                "arm": 1 - member if swapped else member,
                "pair": FIRST_PAIR + pair,
                "score": LOW if (member == 0) == swapped else HIGH,
                "class_group": "head",
                "n_findings": pair % 3,
                "labels": LABELS[pair % len(LABELS)],
                "view": "PA",
                "sex": "F",
                "age": 50.0 + pair % 40,
            }
        )
    if roles:
        rows = [
            {**row, "image": row["image"].replace(".", f"-{role}."), "case": row["image"], "role": role}
            for row in rows for role in roles
        ]  # fmt: skip
    return pd.DataFrame(rows)


def make_case_set(
    folder: Path, *, pairs: int = 5, swapped: bool = False, nonce: bytes = NONCE, first: int = 0,
    colour: bool = False, roles: Sequence[str] = (),
) -> CaseSet:  # fmt: skip
    """Write images, drawn from the number `first` on, and both halves of a case set under a folder."""
    sources = folder / "sources"
    sources.mkdir(parents=True)
    images = {}
    rows = selection(pairs, swapped=swapped, roles=roles)
    for number, name in enumerate(rows["image"]):
        images[name] = sources / name
        if colour:
            write_coloured(images[name], picture(first + number))
        else:
            write_dicom(images[name], picture(first + number), patient=f"PATIENT{number:04d}")
    origin = Origin(
        run_id=RUN_ID, predictions_sha256="ab" * 32, synthetic=True, committed={"seed": COMMITTED}
    )
    return write_case_set(
        rows, images=images, out=folder / "cases", key_out=folder / "key.csv",
        origin=origin, nonce=nonce,
    )  # fmt: skip


@contextmanager
def decoded_here() -> Iterator[None]:
    """Decode in this process: the confined child, a third of a second for each image, has tests of its own."""

    def decode(file: Any, *, window_rule: Any, networks: Any, colour: bool) -> Any:
        return decode_image(file, window_rule, networks, colour)

    with mock.patch.object(loader, "decode_confined", decode):
        yield


def look_for_names(study: Study, person: User | None) -> None:
    """Look at every image of a draft at full size and find no name, as an admin does before the lock.

    Without a person, record that a program drew them.
    """
    if person is None:
        signoff.sign_off_drawn(study=study, actor=None)
        return
    for each in signoff.images_to_check(study):
        signoff.sign_off(
            study=study, key=each.case.key, position=each.position, person=person, clear=True, scale=1
        )


@dataclass(frozen=True)
class Stock:
    """The people and the study, with the case set that was loaded."""

    study: Study
    case_set: CaseSet
    alice: User
    bob: User
    bella: User
    rita: User
    charlie: User
    olga: User
    readers: tuple[Reader, ...]


def make_stock(
    folder: Path, *, pairs: int = 5, reading: bool = True, locked: bool = True, swapped: bool = False,
    colour: bool = False, roles: Sequence[str] = (), protocol: Protocol | None = None,
) -> Stock:  # fmt: skip
    """Make everybody, load a case set, enrol Bob and Bella; open the reading room unless told not to."""
    case_set = make_case_set(folder, pairs=pairs, swapped=swapped, colour=colour, roles=roles)
    alice, bob, bella, charlie = (person(name) for name in ("Alice", "Bob", "Bella", "Charlie"))
    rita, olga = person("Rita"), person("Olga", superuser=True)
    grant_researcher(user=rita, actor=olga)
    study = lifecycle.create_study(
        slug="chest", title="Chest study", protocol=protocol or Protocol(), actor=alice
    )
    with decoded_here():
        load_into_study(study=study, folder=case_set.folder, actor=alice)
    look_for_names(study, alice)
    add_member(study=study, person=rita, role=Role.RESEARCHER, actor=alice)
    for each in (bob, bella):
        enrol_reader(study=study, person=each, actor=alice)
    if locked or reading:
        lifecycle.lock(study=study, actor=alice)
    if reading:
        lifecycle.start(study=study, actor=alice)
    study.refresh_from_db()
    readers = tuple(study.readers.select_related("study", "person"))
    return Stock(study, case_set, alice, bob, bella, rita, charlie, olga, readers)


def fresh(stock: Stock) -> Stock:
    """Read everything again, so that no test sees what another did to the objects."""
    people = {name: User.objects.get(pk=getattr(stock, name).pk) for name in PEOPLE}
    study = Study.objects.get(pk=stock.study.pk)
    readers = tuple(study.readers.select_related("study", "person"))
    return replace(stock, study=study, readers=readers, **people)


def frame_path(case: Case, frames_root: Path | None = None) -> Path:
    """Return where the first frame file of a case lies, by default under settings.FRAMES_ROOT."""
    return study_folder(frames_root or settings.FRAMES_ROOT, case.study) / case.frame.storage_name
