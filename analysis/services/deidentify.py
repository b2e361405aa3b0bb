"""De-identify headers of DICOM originals by the Basic Application Level Confidentiality Profile of DICOM PS3.15.

For files that stay beside a study, or go to another group as DICOM. A case set needs none of this: its images are
written again. The action for each attribute is from the table of dicom-anonymizer (PS3.15 E.1-1 of 2026c); that library
treats only the top level of a file, so sequences that are kept are walked here.

Pixels are not examined: burned-in text stays, as does anything inside a compressed frame.
"""

import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset

from analysis.caseset.errors import listed
from analysis.durable import whole_folder
from analysis.errors import RefusedError

PROFILE = "dicomfields_2026c"
"""The edition of the table, as the library names it."""
METHOD = "DICOM PS3.15 2026c Basic Application Confidentiality Profile"
CODE = ("113100", "DCM", "Basic Application Confidentiality Profile")
"""Value, scheme and meaning (PS3.16, CID 7050)."""


class DeidentifyError(RefusedError):
    """Files were not de-identified: the message names the file, what was expected and what was found."""


def deidentify(source: Path, target: Path) -> int:
    """De-identify every file of a folder, sub-folders included, into a new flat folder; return how many.

    Unique identifiers are drawn again, the same for the same one in all files of the call, and are the names of the
    new files: no name of a file or a folder goes over. Nothing is kept that leads back.

    Raises
    ------
    DeidentifyError: the target exists; or files that are no DICOM images, cannot be read or hold what the table
        cannot replace: all are named, and nothing is written.
    """
    if not source.is_dir():
        raise DeidentifyError(f"{source}: expected a folder of DICOM files, found none")
    if target.exists() or target.is_symlink():
        raise DeidentifyError(f"{target}: already exists; nothing is overwritten, so give another folder")
    if not target.parent.is_dir():
        raise DeidentifyError(f"{target}: expected an existing folder {target.parent}")
    files = sorted(path for path in source.rglob("*") if path.is_symlink() or not path.is_dir())
    if not files:
        raise DeidentifyError(f"{source}: expected DICOM files, the folder is empty")
    wrong = []
    with whole_folder(target, mode=0o750) as made:
        for path in files:
            try:
                _write(path, made)
            except DeidentifyError as error:
                wrong.append(f"{path}: {error}")
        if wrong:
            raise DeidentifyError(
                f"{len(wrong)} of {len(files)} files cannot be de-identified; nothing was written.\n{listed(wrong)}"
            )
    return len(files)


def _write(path: Path, folder: Path) -> None:
    if path.is_symlink() or not path.is_file():
        raise DeidentifyError("expected a plain file, not a link or device")
    try:
        # Values that break a rule of DICOM are common, and most of them go.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = dcmread(path)
            _check(dataset)
            clean(dataset)
            place = folder / f"{dataset.SOPInstanceUID}.dcm"
            if place.exists():
                raise DeidentifyError(
                    "another file in the folder has the same SOP Instance UID; keep only one of them"
                )
            dataset.save_as(place, enforce_file_format=True)
    except (DeidentifyError, MemoryError):
        raise
    except Exception as error:
        # pydicom raises many kinds on damaged input; their texts hold values of the file.
        raise DeidentifyError(
            f"expected a readable DICOM file whose every element can be replaced, got {type(error).__name__}"
        ) from error


def _check(dataset: Dataset) -> None:
    missing = [name for name in ("SOPClassUID", "SOPInstanceUID", "PixelData") if not dataset.get(name)]
    if missing or "TransferSyntaxUID" not in dataset.file_meta:
        raise DeidentifyError(
            f"expected a DICOM image, missing: {', '.join(missing or ['TransferSyntaxUID'])}"
        )


def clean(dataset: Dataset) -> None:
    """De-identify one data set in place and say so in it, as the profile asks (PS3.15 E.1.1).

    Raises
    ------
    NotImplementedError: a value of a kind that the library cannot replace.
    """
    syntax = dataset.file_meta.TransferSyntaxUID
    dataset.remove_private_tags()
    _replace(dataset)
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = CODE
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = METHOD
    dataset.DeidentificationMethodCodeSequence = [item]
    dataset.LongitudinalTemporalInformationModified = "REMOVED"
    dataset.preamble = bytes(128)
    # Written again: the group may name the sender and hold private information.
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID


def _replace(dataset: Dataset) -> None:
    """Apply the table here and in each sequence that it does not name; those that it names it empties whole."""
    from dicomanonymizer.simpledicomanonymizer import anonymize_dataset

    anonymize_dataset(dataset, base_rules_gen=_rules)
    for element in dataset:
        if element.VR == "SQ" and (element.tag.group, element.tag.element) not in _rules():
            for item in element.value:
                _replace(item)


@cache
def _rules() -> dict[tuple[int, ...], Callable[[Any, Any], None]]:
    from dicomanonymizer.simpledicomanonymizer import initialize_actions

    return dict(initialize_actions(PROFILE))
