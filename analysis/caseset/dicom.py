"""DICOM files with nothing but what displaying their pixels needs (PS3.3 C.7.6.3, C.11.1, C.11.2)."""

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.caseset.errors import CaseSetError
from analysis.caseset.j2k import clean_j2k
from analysis.caseset.jpeg import START as JPEG_START
from analysis.caseset.jpeg import clean_jpeg
from analysis.caseset.pixels import Cleaned, check_size

if TYPE_CHECKING:
    from pydicom import Dataset

_REQUIRED = ("Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation")
_PIXEL = (*_REQUIRED, "SamplesPerPixel", "PhotometricInterpretation")
_OPTIONAL = (
    "PixelSpacing", "ImagerPixelSpacing", "PixelAspectRatio", "PixelPaddingValue", "PixelPaddingRangeLimit",
    "RescaleIntercept", "RescaleSlope", "WindowCenter", "WindowWidth",
)  # fmt: skip
_CODED = {
    "VOILUTFunction": ("LINEAR", "LINEAR_EXACT", "SIGMOID"),
    "PresentationLUTShape": ("IDENTITY", "INVERSE"),
}
_TABLES = ("ModalityLUTSequence", "VOILUTSequence")
_GREY = ("MONOCHROME1", "MONOCHROME2")
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_IMPLICIT, _EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
_DEFLATED, _BIG_ENDIAN = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"


def clean_dicom(path: Path, data: bytes, case: str) -> Cleaned:
    """Rewrite a DICOM file with the image pixel, rescale, window and spacing tags only.

    Kept: size, bits, photometric interpretation, pixel spacing, padding, rescale or modality table, window or
    VOI table, pixels in their transfer syntax (implicit becomes explicit little endian). The unique
    identifiers are derived from the case key; the SOP class is Secondary Capture for all. Bits outside the
    stored range are cleared, for they may hold an overlay. Compressed frames lose their comments.

    Parameters
    ----------
    path: the file, named in messages.
    data: its bytes.
    case: key of the case, 32 hex digits.

    Raises
    ------
    CaseSetError: not readable, deflated, big endian, several frames, colour, or pixels of another length.
    """
    where = str(path)
    source = _read(path, data)
    syntax = str(source.file_meta.TransferSyntaxUID)
    if not source.file_meta.TransferSyntaxUID.is_transfer_syntax:
        raise CaseSetError(f"{where}: expected a transfer syntax of DICOM, {syntax[:70]!r} came")
    _check(source, where)
    target = _display_tags(source, where)
    _identify(target, case, _EXPLICIT if syntax == _IMPLICIT else syntax)
    _copy_pixels(source, target, where)
    buffer = io.BytesIO()
    target.save_as(buffer, enforce_file_format=True)
    return Cleaned(
        data=buffer.getvalue(), format="DICOM",
        rows=int(source.Rows), columns=int(source.Columns), bits=int(source.BitsStored),
        encoding=f"DICOM {source.PhotometricInterpretation} {target.file_meta.TransferSyntaxUID}",
    )  # fmt: skip


def _read(path: Path, data: bytes) -> "Dataset":
    from pydicom import dcmread
    from pydicom.filereader import read_file_meta_info

    # A small deflated file may unpack to gigabytes: look at the file meta group before reading on.
    try:
        syntax = str(read_file_meta_info(path).get("TransferSyntaxUID", ""))
        if syntax in ("", _DEFLATED, _BIG_ENDIAN):
            raise CaseSetError(
                f"{path}: expected a transfer syntax that is neither deflated nor big endian, "
                f"{syntax or 'none'} came"
            )
        return dcmread(io.BytesIO(data))
    except CaseSetError:
        raise
    except Exception as error:  # pydicom raises many kinds on damaged input; each means the same here
        raise CaseSetError(f"{path}: expected a readable DICOM file ({error})") from error


def _check(source: "Dataset", where: str) -> None:
    missing = [name for name in (*_PIXEL, "PixelData") if source.get(name) is None]
    if missing:
        raise CaseSetError(f"{where}: expected a DICOM image; missing: {', '.join(missing)}")
    check_size(int(source.Rows), int(source.Columns), where)
    if int(source.get("NumberOfFrames") or 1) != 1:
        raise CaseSetError(f"{where}: expected one frame, {source.NumberOfFrames} came")
    if source.SamplesPerPixel != 1 or source.PhotometricInterpretation not in _GREY:
        raise CaseSetError(
            f"{where}: expected one grey sample ({' or '.join(_GREY)}), "
            f"{source.SamplesPerPixel} of {source.PhotometricInterpretation} came"
        )
    allocated, stored, high = int(source.BitsAllocated), int(source.BitsStored), int(source.HighBit)
    if allocated not in (8, 16) or not 1 <= stored <= allocated or high != stored - 1:
        raise CaseSetError(
            f"{where}: expected 8 or 16 bits allocated and the stored ones lowest, "
            f"{allocated} allocated, {stored} stored, high bit {high} came"
        )


def _display_tags(source: "Dataset", where: str) -> "Dataset":
    from pydicom import Dataset

    target = Dataset()
    try:
        for name in (*_PIXEL, *_OPTIONAL):
            if source.get(name) not in (None, ""):
                target[name] = source[name]
        for name, allowed in _CODED.items():
            if source.get(name) in allowed:
                target[name] = source[name]
        for name in _TABLES:
            if source.get(name):
                setattr(target, name, [_table(item) for item in source[name].value])
    except Exception as error:  # a tag whose bytes do not fit its kind
        raise CaseSetError(f"{where}: expected readable display tags ({error})") from error
    return target


def _table(item: "Dataset") -> "Dataset":
    from pydicom import Dataset

    table = Dataset()
    for name in ("LUTDescriptor", "LUTData"):
        table[name] = item[name]
    return table


def _identify(target: "Dataset", case: str, syntax: str) -> None:
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import UID

    # A UUID-derived identifier (PS3.5 B.2): the case key is its 128 bits; study and series follow from it.
    number = int(case, 16)
    target.SOPClassUID = UID(_SECONDARY_CAPTURE)
    target.SOPInstanceUID = UID(f"2.25.{number}")
    target.StudyInstanceUID = UID(f"2.25.{number ^ 1}")
    target.SeriesInstanceUID = UID(f"2.25.{number ^ 2}")
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = UID(syntax)
    meta.MediaStorageSOPClassUID = target.SOPClassUID
    meta.MediaStorageSOPInstanceUID = target.SOPInstanceUID
    target.file_meta = meta


def _copy_pixels(source: "Dataset", target: "Dataset", where: str) -> None:
    if source.file_meta.TransferSyntaxUID.is_encapsulated:
        from pydicom.encaps import encapsulate, generate_frames

        try:
            frame = next(generate_frames(source.PixelData, number_of_frames=1))
        except Exception as error:
            raise CaseSetError(f"{where}: expected encapsulated pixels ({error})") from error
        target.PixelData = encapsulate([_clean_frame(frame, str(source.file_meta.TransferSyntaxUID), where)])
        target["PixelData"].VR = "OB"
        target["PixelData"].is_undefined_length = True
        return
    pixels = _stored_bits(source, where)
    target.PixelData = pixels + b"\0" * (len(pixels) % 2)
    target["PixelData"].VR = "OB" if source.BitsAllocated == 8 else "OW"


def _clean_frame(frame: bytes, syntax: str, where: str) -> bytes:
    if frame.startswith(JPEG_START):
        return clean_jpeg(frame, where).data
    if syntax.startswith(("1.2.840.10008.1.2.4.9", "1.2.840.10008.1.2.4.20")):
        return clean_j2k(frame, where)
    if syntax == "1.2.840.10008.1.2.5":
        return frame  # run lengths: a header of offsets and pixels, nothing else
    raise CaseSetError(
        f"{where}: expected uncompressed, RLE, JPEG, JPEG-LS or JPEG 2000 pixels, {syntax} came"
    )


def _stored_bits(source: "Dataset", where: str) -> bytes:
    allocated, stored = int(source.BitsAllocated), int(source.BitsStored)
    expected = int(source.Rows) * int(source.Columns) * allocated // 8
    data = bytes(source.PixelData)
    if len(data) < expected:
        raise CaseSetError(f"{where}: expected {expected} bytes of pixels, {len(data)} came")
    if allocated == stored:
        return data[:expected]
    signed = int(source.PixelRepresentation) == 1
    kind: Any = np.dtype(f"<{'i' if signed else 'u'}{allocated // 8}")
    # Shifting up and down again clears the upper bits and extends the sign.
    values = np.frombuffer(data, dtype=kind, count=expected * 8 // allocated)
    shift = allocated - stored
    return bytes(((values << shift) >> shift).astype(kind).tobytes())
