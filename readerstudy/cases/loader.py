"""Load the blind half of a handover into a study: verify, decode, strip, store; all cases or none."""

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from io import BufferedReader
from pathlib import Path
from typing import Any
from uuid import UUID

import pandas as pd
from django.db import transaction

from analysis.caseset import BlindHalf, read_blind_half, verify_case_set
from analysis.picture import Percentiles
from analysis.picture.custody import stored_digest
from analysis.picture.refusals import ImageRefusedError, Reason, Refusal
from readerstudy.accounts.models import User
from readerstudy.audit.services import record
from readerstudy.cases.confined import DEFAULT_LIMITS, Limits, decode_confined
from readerstudy.cases.decoder import DecodedImage, all_or_none, at_depth, study_depth
from readerstudy.cases.frame import FORMAT, decode_curve, decode_frame, encode_frame
from readerstudy.cases.loading import reported
from readerstudy.cases.models import Case, CaseSet, Frame
from readerstudy.cases.storage import Staging, StoredFrame, frame_objects, staging
from readerstudy.cases.terms import Wording, set_terms
from readerstudy.cases.window import WindowRule

AT_ONCE = 2
"""Children that decode at the same time; each may take 1.5 GB."""

MOST_CASES = 10_000

Progress = Callable[[int, int], None]


class AlreadyLoadedError(Exception):
    """The study has its case set."""


class CaseSetRefusedError(Exception):
    """Images of the set cannot be read; `refusals` lists (case key, refusal) of every bad one."""

    def __init__(self, refusals: Sequence[tuple[str, Refusal]]) -> None:
        """List the bad images, one per line, by case key."""
        self.refusals = list(refusals)
        lines = [f"case {case}: {refusal}" for case, refusal in self.refusals]
        super().__init__("\n".join([f"{len(lines)} images cannot be read; nothing was loaded", *lines]))


@dataclass(frozen=True)
class Ingested:
    """A decoded image without its pixels, which lie in the staging folder under `name`."""

    name: str
    rows: int
    columns: int
    bits: int
    window: tuple[float, float]
    spacing: tuple[float, float] | None
    apart: bool | None
    pixels_sha256: str


def load_case_set(
    *,
    folder: Path,
    study_key: UUID,
    frames_root: Path,
    window_rule: WindowRule,
    actor: User | None,
    progress: Progress | None = None,
    attach: Callable[[CaseSet], None] | None = None,
    check: Callable[[str], object] | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> CaseSet:
    """Verify a blind half, decode its images in confined children, store the frames, write the rows.

    Decoding holds no transaction. `attach` is called inside the one that writes the rows, so that a caller's
    own rows are written with them or not at all. `check` is called before the first image is decoded, with the digest
    of the set's key, and refuses by raising.

    Parameters
    ----------
    folder: the blind half.
    study_key: public key of the study.
    frames_root: where frames are kept; this study's go to <frames_root>/<study_key>/.
    window_rule: the protocol's rule for the default window.
    actor: who loads; None for the system.
    progress: called with (images done, images in all) after each image.
    limits: what a decoding child may use.

    Raises
    ------
    CaseSetError, FrameError: the blind half is not whole (from analysis).
    CaseSetRefusedError: some images cannot be read; it lists all of them.
    AlreadyLoadedError: the study has a case set.
    StorageError: another load for this study is running; what is told of that one stays.
    """
    _refuse_second_set(study_key)
    known = list(Frame.objects.filter(study=study_key).values_list("storage_name", flat=True))
    with (
        staging(frames_root, study_key, known, frame_objects()) as stage,
        reported(study_key) as report,
    ):
        try:
            verify_case_set(folder)
            blind = read_blind_half(folder)
            if check is not None:
                check(blind.key_digest)
            return _load(
                blind, study_key, stage, window_rule, actor, attach, limits, _both(progress, report.tick)
            )
        except CaseSetRefusedError as error:
            report.refused([(case, str(refusal)) for case, refusal in error.refusals])
            raise


def _both(one: Progress | None, other: Progress) -> Progress:
    def tell(done: int, total: int) -> None:
        if one is not None:
            one(done, total)
        other(done, total)

    return tell


def _load(
    blind: BlindHalf, study_key: UUID, stage: Staging, window_rule: WindowRule, actor: User | None,
    attach: Callable[[CaseSet], None] | None, limits: Limits, progress: Progress,
) -> CaseSet:  # fmt: skip
    if len(blind.cases) > MOST_CASES:
        raise ValueError(f"expected at most {MOST_CASES} cases, got {len(blind.cases)}")
    ingested = _alike(_ingest_all(blind, stage, window_rule, limits, progress), stage)
    stored = stage.pad()
    with transaction.atomic(durable=True):
        stage.publish()
        case_set = _record(study_key, blind, window_rule, ingested, stored, actor)
        if attach is not None:
            attach(case_set)
    return case_set


def _ingest_all(
    blind: BlindHalf, stage: Staging, rule: WindowRule, limits: Limits, progress: Progress
) -> list[Ingested]:
    """Decode all images, in the order of the cases; go on after a bad one, and refuse the set at the end.

    The list of all bad images is worth more than the first one, and a set that is half loaded could be read.
    """

    def ingest(row: dict[str, Any]) -> Ingested | Refusal:
        try:
            return _ingest(blind.folder / row["image"], row["sha256"], stage, rule, networks, limits)
        except ImageRefusedError as error:
            return error.refusal

    rows, networks = _rows(blind), _networks(blind)
    results: list[Ingested | Refusal] = []
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        for result in pool.map(ingest, rows):
            results.append(result)
            progress(len(results), len(rows))
    named = zip(rows, results, strict=True)
    refusals = [(row["case"], result) for row, result in named if isinstance(result, Refusal)]
    if refusals:
        raise CaseSetRefusedError(refusals)
    return [result for result in results if isinstance(result, Ingested)]


def _alike(images: list[Ingested], stage: Staging) -> list[Ingested]:
    """Give all images one depth, and either all of them a spacing or none."""
    bits = study_depth([image.bits for image in images])
    spacings = all_or_none([image.spacing for image in images])
    alike = []
    for image, spacing in zip(images, spacings, strict=True):
        if image.bits != bits:
            frame = stage.read(image.name)
            pixels = decode_frame(frame, image.rows, image.columns, image.bits)
            curve = decode_curve(frame, image.bits)
            deeper = at_depth(DecodedImage(pixels, image.bits, image.window, curve, image.spacing), bits)
            stage.exchange(image.name, encode_frame(deeper.pixels, bits, deeper.curve))
            image = replace(image, bits=bits, window=deeper.window)  # noqa: PLW2901
        alike.append(replace(image, spacing=spacing))
    return alike


def _rows(blind: BlindHalf) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in blind.cases.to_dict("records")]


def _run(blind: BlindHalf) -> dict[str, Any]:
    return blind.provenance.get("run") or {}


def _networks(blind: BlindHalf) -> Percentiles | None:
    """Return between which percentiles the networks were given DICOM pictures; None for a set that does not say."""
    window = _run(blind).get("window")
    return None if window is None else Percentiles(float(window[0]), float(window[1]))


def _ingest(
    path: Path, sha256: str, stage: Staging, rule: WindowRule, networks: Percentiles | None, limits: Limits
) -> Ingested:
    with _opened(path) as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
            raise ImageRefusedError(Reason.CHANGED)
        image = decode_confined(file, window_rule=rule, networks=networks, limits=limits)
    name = stage.add(encode_frame(image.pixels, image.bits, image.curve))
    return _without_pixels(image, name)


def _opened(path: Path) -> BufferedReader:
    """Open an image that is no link; its name appears in no error."""
    try:
        return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb")
    except OSError as error:
        raise ImageRefusedError(Reason.NOT_A_FILE) from error


def _apart(images: Sequence[Ingested]) -> int | None:
    """Count the images that readers see with another tone than the networks; None where one is not known."""
    found = [image.apart for image in images]
    return None if None in found else sum(map(bool, found))


def _without_pixels(image: DecodedImage, name: str) -> Ingested:
    rows, columns = image.pixels.shape
    return Ingested(
        name, rows, columns, image.bits, image.window, image.spacing, image.apart, stored_digest(image.pixels)
    )


def _refuse_second_set(study_key: UUID) -> None:
    """Refuse a study that has a case set: cases that may have been read are never exchanged."""
    if CaseSet.objects.filter(study=study_key).exists():
        raise AlreadyLoadedError(
            "expected a study without cases, this one already has a case set; create a new study"
        )


def _record(
    study_key: UUID, blind: BlindHalf, window_rule: WindowRule, images: Sequence[Ingested],
    stored: Mapping[str, StoredFrame], actor: User | None,
) -> CaseSet:  # fmt: skip
    """Write the rows of a case set whose frames lie in their place, and the audit event."""
    _refuse_second_set(study_key)
    case_set = CaseSet.objects.create(
        study=study_key,
        cases_sha256=str(blind.provenance["cases_sha256"]),
        key_sha256=blind.key_digest,
        run_id=str(_run(blind).get("run_id", "")),
        synthetic=blind.synthetic,
        window_rule=window_rule.value,
        case_count=len(images),
        frame_length=stored[images[0].name].length,
        apart=_apart(images),
        custody=dict(blind.custody),
    )
    ordered = sorted(zip(_rows(blind), images, strict=True), key=lambda each: str(each[0]["case"]))
    cases = Case.objects.bulk_create(_case(case_set, row) for row, _ in ordered)
    Frame.objects.bulk_create(
        _frame(case, image, stored[image.name]) for case, (_, image) in zip(cases, ordered, strict=True)
    )
    record(
        kind="cases.loaded", actor=actor, study=study_key, subject=case_set.cases_sha256,
        values={
            "cases": case_set.case_count, "cases_sha256": case_set.cases_sha256, "key_sha256": case_set.key_sha256,
            "window_rule": case_set.window_rule, "frame_length": case_set.frame_length,
        },
    )  # fmt: skip
    if blind.terms:
        set_terms(set_key=study_key, chain=study_key, wording=Wording(**blind.terms), actor=actor)
    return case_set


def _case(case_set: CaseSet, row: Mapping[str, Any]) -> Case:
    age = row.get("age")
    return Case(
        study=case_set.study,
        case_set=case_set,
        key=row["case"],
        labels=[label.strip() for label in row["labels"].split(";") if label.strip()],
        block=int(row["block"]),
        separation_group=row["separation_group"],
        view=row.get("view", ""),
        sex=row.get("sex", ""),
        age=None if age is None or pd.isna(age) or age == "" else float(age),
    )


def _frame(case: Case, image: Ingested, stored: StoredFrame) -> Frame:
    spacing_row, spacing_column = image.spacing or (None, None)
    return Frame(
        study=case.study,
        case=case,
        storage_name=stored.name,
        rows=image.rows,
        columns=image.columns,
        bits=image.bits,
        format=FORMAT,
        window_low=image.window[0],
        window_high=image.window[1],
        spacing_row=spacing_row,
        spacing_column=spacing_column,
        sha256=stored.sha256,
        length=stored.length,
        pixels_sha256=image.pixels_sha256,
    )
