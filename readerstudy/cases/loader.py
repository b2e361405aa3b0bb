"""Load the blind half of a handover into a study: verify, decode, strip, store; all cases or none."""

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from io import BufferedReader
from pathlib import Path
from typing import Any
from uuid import UUID

import pandas as pd
from django.conf import settings
from django.db import transaction
from django.utils.crypto import salted_hmac

from analysis.caseset import BlindHalf, read_blind_half, verify_case_set
from analysis.picture import Percentiles
from analysis.picture.custody import stored_digest
from analysis.picture.refusals import ImageRefusedError, Reason, Refusal
from readerstudy.accounts.models import User
from readerstudy.audit.services import record
from readerstudy.cases.confined import decode_confined
from readerstudy.cases.decoder import DecodedImage, at_depth
from readerstudy.cases.frame import COLOUR, FORMAT, decode_curve, decode_frame, encode_frame
from readerstudy.cases.loading import Progress, reported
from readerstudy.cases.models import Case, CaseSet, Frame, Terms, TermsConfirmation
from readerstudy.cases.storage import Staging, frame_objects, remove_frames, staging
from readerstudy.cases.terms import Wording, set_terms
from readerstudy.cases.window import WindowRule
from readerstudy.refusals import RefusedError

AT_ONCE = 2
"""Children that decode at the same time; each may take 1.5 GB."""

MOST_CASES = 10_000


class AlreadyLoadedError(RefusedError):
    """The study has its case set."""


class CaseSetRefusedError(RefusedError):
    """Images of the set cannot be read; `refusals` lists (case key and role, refusal) of every bad one."""

    def __init__(self, refusals: Sequence[tuple[str, Refusal]]) -> None:
        """List the bad images, one per line, by case key."""
        self.refusals = list(refusals)
        lines = [f"case {case}: {refusal}" for case, refusal in self.refusals]
        super().__init__("\n".join([f"{len(lines)} images cannot be read; nothing was loaded", *lines]))


Ingested = tuple[Frame, bool | None]
"""A frame whose pixels lie in the staging folder, not yet stored; and whether the networks saw another tone."""


def load_case_set(
    *,
    folder: Path,
    study_key: UUID,
    frames_root: Path,
    window_rule: WindowRule,
    actor: User | None,
    progress: Progress = lambda *_: None,
    attach: Callable[[CaseSet], object] = lambda loaded: None,
    check: Callable[[str], object] = lambda digest: None,
    detach: Callable[[], object] | None = None,
) -> CaseSet:
    """Verify a blind half, decode its images in confined children, store the frames, write the rows.

    Decoding holds no transaction. `attach` is called inside the one that writes the rows: a caller's own rows come with
    them or not at all. With `detach`, called in it first to take away what hangs on the old cases, the set takes the
    place of one that is loaded. `check` gets the digest of the set's key before an image is decoded; it may raise.

    Parameters
    ----------
    folder, study_key: the blind half; the public key of the study.
    frames_root: where frames are kept; this study's go to <frames_root>/<study_key>/.
    window_rule, actor: the protocol's rule for the default window; who loads, None for the system.
    progress: called with (images done, images in all) after each image.

    Raises
    ------
    CaseSetError, FrameError: the blind half is not whole (from analysis).
    CaseSetRefusedError: some images cannot be read; it lists all of them.
    AlreadyLoadedError: the study has a case set, and nothing says that it may go.
    StorageError: another load for this study is running; what is shown of that one stays.
    """
    replaced = _replaced(study_key, detach is not None)
    known = list(Frame.objects.filter(study=study_key).values_list("storage_name", flat=True))
    with (
        staging(frames_root, study_key, known, frame_objects()) as stage,
        reported(study_key, progress) as report,
    ):
        try:
            verify_case_set(folder)
            blind = read_blind_half(folder)
            check(blind.key_digest)
            ingested = _ingest_all(blind, stage, window_rule, report.tick)
        except CaseSetRefusedError as error:
            report.refused([(case, str(refusal)) for case, refusal in error.refusals])
            raise
        _make_alike([frame for frame, _ in ingested], stage)
        length, digests = stage.pad()
        with transaction.atomic(durable=True):
            stage.publish()
            if detach is not None and replaced:
                _take_away(study_key, detach)
            loaded = _record(study_key, blind, window_rule, ingested, length, digests, actor)
            attach(loaded)
    if replaced:
        remove_frames(frames_root, study_key, known)
    return loaded


def _ingest_all(blind: BlindHalf, stage: Staging, rule: WindowRule, progress: Progress) -> list[Ingested]:
    """Decode all images, in the order of the cases; go on after a bad one, and refuse the set at the end.

    The list of all bad images is worth more than the first one, and a set that is half loaded could be read.
    """

    if len(blind.cases) > MOST_CASES:
        raise ValueError(f"expected at most {MOST_CASES} cases, got {len(blind.cases)}")

    def ingest(row: dict[str, Any]) -> Ingested | Refusal:
        try:
            return _ingest(blind.folder / row["image"], row["sha256"], stage, decode)
        except ImageRefusedError as error:
            return error.refusal

    rows, window = _rows(blind), _run(blind).get("window")
    # Between which percentiles the networks were given DICOM pictures; None for a set that does not say.
    networks = None if window is None else Percentiles(float(window[0]), float(window[1]))
    decode = partial(decode_confined, window_rule=rule, networks=networks, colour=blind.colour)
    results: list[Ingested | Refusal] = []
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        for result in pool.map(ingest, rows):
            results.append(result)
            progress(len(results), len(rows))
    named = zip(rows, results, strict=True)
    refusals = [(_name(row), result) for row, result in named if isinstance(result, Refusal)]
    if refusals:
        raise CaseSetRefusedError(refusals)
    return [result for result in results if not isinstance(result, Refusal)]


def _make_alike(frames: Sequence[Frame], stage: Staging) -> None:
    """Give all frames one depth, and either all of them a spacing or none."""
    bits = max(frame.bits for frame in frames)
    for frame in frames:
        if frame.bits != bits:
            file = stage.read(frame.storage_name)
            pixels = decode_frame(file, frame.rows, frame.columns, frame.bits)
            window = frame.window_low, frame.window_high
            image = DecodedImage(pixels, frame.bits, window, decode_curve(file, frame.bits), None)
            deeper = at_depth(image, bits)
            stage.exchange(frame.storage_name, encode_frame(deeper.pixels, bits, deeper.curve))
            frame.bits, (frame.window_low, frame.window_high) = bits, deeper.window
    if not all(frame.spacing_row and frame.spacing_column for frame in frames):
        for frame in frames:
            frame.spacing_row = frame.spacing_column = None


def _rows(blind: BlindHalf) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in blind.images.to_dict("records")]


def _name(row: Mapping[str, Any]) -> str:
    """Name an image by its case, and by its role where the case has several."""
    return f"{row['case']} {row.get('role', '')}".rstrip()


def _run(blind: BlindHalf) -> dict[str, Any]:
    return blind.provenance.get("run") or {}


def _ingest(
    path: Path, sha256: str, stage: Staging, decode: Callable[[BufferedReader], DecodedImage]
) -> Ingested:
    with _opened(path) as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
            raise ImageRefusedError(Reason.CHANGED)
        image = decode(file)
    rows, columns = image.pixels.shape[:2]
    spacing_row, spacing_column = image.spacing or (None, None)
    frame = Frame(
        storage_name=stage.add(encode_frame(image.pixels, image.bits, image.curve)),
        format=COLOUR if image.pixels.ndim == 3 else FORMAT,
        rows=rows, columns=columns, bits=image.bits, window_low=image.window[0], window_high=image.window[1],
        spacing_row=spacing_row, spacing_column=spacing_column, pixels_sha256=_keyed(stored_digest(image.pixels)),
    )  # fmt: skip
    return frame, image.apart


def _keyed(digest: str) -> str:
    """Return a digest that says within this site alone which pixels are the same: a sweep's would name an image."""
    return salted_hmac("frame.pixels", digest, secret=settings.AUDIT_KEY, algorithm="sha256").hexdigest()


def _opened(path: Path) -> BufferedReader:
    """Open an image that is no link; its name appears in no error."""
    try:
        return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb")
    except OSError as error:
        raise ImageRefusedError(Reason.NOT_A_FILE) from error


def _take_away(study_key: UUID, detach: Callable[[], object]) -> None:
    """Delete the rows of the set that goes, after what hangs on them."""
    detach()
    for table in (Frame, Case, CaseSet, Terms, TermsConfirmation):
        table.objects.filter(study=study_key).delete()


def _replaced(study_key: UUID, replace: bool) -> bool:
    """Say whether there is a set to replace; refuse a second one where nobody said that the first may go."""
    found = CaseSet.objects.filter(study=study_key).exists()
    if found and not replace:
        raise AlreadyLoadedError("this study already has a case set; say that the new one takes its place")
    return found


def _record(
    study_key: UUID, blind: BlindHalf, window_rule: WindowRule, images: Sequence[Ingested],
    length: int, digests: Mapping[str, str], actor: User | None,
) -> CaseSet:  # fmt: skip
    """Write the rows of a case set whose frames lie in their place, and the audit event."""
    apart = [apart for _, apart in images]
    case_set = CaseSet.objects.create(
        study=study_key,
        cases_sha256=str(blind.provenance["cases_sha256"]),
        key_sha256=blind.key_digest,
        run_id=str(_run(blind).get("run_id", "")),
        synthetic=blind.synthetic,
        window_rule=window_rule.value,
        case_count=len(blind.cases),
        frame_length=length,
        apart=None if None in apart else sum(map(bool, apart)),  # None where one is not known
        custody=dict(blind.custody),
        one_each=blind.one_each,
        estimand=blind.estimand,
    )
    rows, frames = _rows(blind), [frame for frame, _ in images]  # sorted by case
    firsts = {str(row["case"]): row for row in reversed(rows)}
    made = Case.objects.bulk_create(_case(case_set, firsts[key]) for key in sorted(firsts))
    cases = {case.key: case for case in made}
    held: Counter[str] = Counter()
    for row, frame in zip(rows, frames, strict=True):
        key, frame.study, frame.length = str(row["case"]), study_key, length
        frame.case, frame.sha256 = cases[key], digests[frame.storage_name]
        frame.position, frame.role = held[key], str(row.get("role", ""))
        held[key] += 1
    Frame.objects.bulk_create(frames)
    record(
        "cases.loaded", actor, study_key, case_set.cases_sha256,
        {
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
