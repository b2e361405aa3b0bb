"""One image file to one square of grey bytes: PNG, JPEG or DICOM, told apart by content.

PNG and JPEG: grey files keep their values; colour becomes grey by ITU-R 601-2 weights, which changes nothing
where the three channels are equal (the caller is told which files had colour); 16-bit files keep their high
byte, as OpenCV does. DICOM: rescale, MONOCHROME1 inverted, the window of two percentiles stretched to 0..255.
"""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from analysis.sweep.artefacts import sha256_bytes
from analysis.sweep.errors import DataError
from analysis.sweep.resize import resize_linear
from analysis.sweep.spec import PreprocessSpec

if TYPE_CHECKING:
    from pydicom import Dataset

Grey = NDArray[np.uint8]
_DEFLATED = "1.2.840.10008.1.2.1.99"
_JP2 = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
"""The first box of a JPEG 2000 file."""


@dataclass(frozen=True)
class Pixels:
    """A decoded image: `grey` uint8 size x size, whether the file held colour, and the file's SHA-256."""

    grey: Grey
    coloured: bool
    sha256: str


def read_pixels(path: Path, preprocess: PreprocessSpec) -> Pixels:
    """Decode and resize one image.

    Raises
    ------
    DataError: no such file, or a file that is not a readable PNG, JPEG or single-frame grey DICOM.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: expected an image, {error.strerror} came") from error
    try:
        if content[128:132] == b"DICM":
            grey, coloured = _dicom(content, preprocess.window), False
        else:
            grey, coloured = _raster(content)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    except UnidentifiedImageError as error:
        raise DataError(f"{path}: expected a PNG, JPEG or DICOM image, something else came") from error
    except Exception as error:  # decoders raise many kinds; each means that this file cannot be read
        raise DataError(f"{path}: expected a readable image, '{error}' came") from error
    return Pixels(_square(grey, preprocess), coloured, sha256_bytes(content))


def _square(grey: Grey, preprocess: PreprocessSpec) -> Grey:
    if not preprocess.antialias:
        return resize_linear(grey, preprocess.size)
    side = (preprocess.size, preprocess.size)
    return np.asarray(Image.fromarray(grey).resize(side, Image.Resampling.BILINEAR))


def _raster(content: bytes) -> tuple[Grey, bool]:
    with Image.open(io.BytesIO(content), formats=("PNG", "JPEG")) as image:
        if image.mode.startswith("I"):
            return (np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8), False
        if image.mode in ("L", "1", "LA"):
            return np.asarray(image.convert("L")), False
        colour = np.asarray(image.convert("RGB"))
        coloured = bool((colour != colour[..., :1]).any())
        return np.asarray(image.convert("RGB").convert("L")), coloured


def _dicom(content: bytes, window: tuple[float, ...]) -> Grey:
    import pydicom
    from pydicom.pixels import apply_modality_lut

    _refuse_deflated(content)
    dataset = pydicom.dcmread(io.BytesIO(content))
    _refuse_endless(dataset)
    stored = dataset.pixel_array
    if stored.ndim != 2:
        raise DataError(f"expected one grey frame, an array of shape {stored.shape} came")
    values = np.asarray(apply_modality_lut(stored, dataset), dtype=np.float64)
    if dataset.get("PhotometricInterpretation") == "MONOCHROME1":
        values = -values
    low, high = np.percentile(values, window)
    if high <= low:
        raise DataError(f"expected an image with contrast, the value {low:g} came throughout")
    grey: Grey = np.rint(np.clip((values - low) / (high - low), 0, 1) * 255).astype(np.uint8)
    return grey


def _refuse_deflated(content: bytes) -> None:
    """Look at the file meta group alone: pydicom inflates a deflated file, however large, before one can look."""
    from pydicom.filereader import read_dataset, read_preamble

    file = io.BytesIO(content)
    read_preamble(file, force=False)
    meta = read_dataset(file, False, True, stop_when=lambda tag, vr, length: tag >> 16 != 2)
    if str(meta.get("TransferSyntaxUID", "")) == _DEFLATED:
        raise DataError(
            "expected a transfer syntax that is not deflated, since a small file may grow to gigabytes"
        )


def _refuse_endless(dataset: "Dataset") -> None:
    """Refuse boxes of JPEG 2000 without a length, over which pydicom 3.0.2 steps for ever."""
    from pydicom.encaps import generate_frames

    frames = int(dataset.get("NumberOfFrames") or 1)
    if frames != 1:
        raise DataError(f"expected one grey frame, {frames} came")
    if not dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        return
    frame = next(generate_frames(dataset.PixelData, number_of_frames=1))
    place = len(_JP2) if frame.startswith(_JP2[:8]) else len(frame)
    while place < len(frame) and frame[place + 4 : place + 8] != b"jp2c":
        length = int.from_bytes(frame[place : place + 4], "big")
        if length < 8:
            raise DataError(f"expected boxes of JPEG 2000 that have a length, {length} bytes came")
        place += length
