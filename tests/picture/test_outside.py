"""Decoding against other implementations: DCMTK for JPEG, JPEG-LS and RLE, ffmpeg's own decoder for JPEG 2000.

On every compressed file that pydicom bundles, and on drawn ones of every depth. Both programs come from Debian, for
tests only.
"""

import io
import shutil
import subprocess
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from pydicom.uid import JPEG2000, HTJ2KLossless, JPEG2000Lossless

from analysis.picture import ImageRefusedError, read_picture, render
from analysis.picture.codecs import SYNTAXES
from tests.cases.images import EXPLICIT, IMPLICIT, dicom, lut
from tests.picture.drawn import chest, dicom_colours, smooth_table

pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning:pydicom"),
    pytest.mark.skipif(
        not (shutil.which("dcmdjpeg") and shutil.which("ffmpeg")), reason="needs apt install dcmtk ffmpeg"
    ),
]

JPEG2000_START = b"\xff\x4f\xff\x51"
REFUSED_BUNDLED = {
    "JPEG2000-embedded-sequence-delimiter.dcm": "its codestream ends within, and OpenJPEG as ffmpeg refuse it",
    "SC_rgb_rle_2frame.dcm": "several frames",
    "SC_rgb_rle_16bit.dcm": "colours of 16 bit",
    "SC_rgb_rle_16bit_2frame.dcm": "several frames",
    "SC_rgb_rle_32bit.dcm": "colours of 32 bit",
    "SC_rgb_rle_32bit_2frame.dcm": "several frames",
    "rtdose_rle.dcm": "several frames",
    "rtdose_rle_1frame.dcm": "32 bit",
    "examples_ybr_color.dcm": "several frames",
    "UN_sequence.dcm": "no pixels",
}


def bundled() -> list[Path]:
    """Return every file that pydicom brings along and that is compressed."""
    found = []
    for name in (Path(pydicom.data.__file__).parent / "test_files").rglob("*.dcm"):  # no download
        try:
            meta = pydicom.filereader.read_file_meta_info(name)
        except Exception:
            continue
        syntax = SYNTAXES.get(str(meta.get("TransferSyntaxUID", "")))
        if syntax is not None and syntax.codec:
            found.append(name)
    return sorted(found, key=lambda path: path.name)


def by_dcmtk(path: Path, folder: Path) -> np.ndarray:
    """Decompress by DCMTK; return the pixels as pydicom reads the uncompressed file."""
    syntax = str(pydicom.filereader.read_file_meta_info(path).TransferSyntaxUID)
    codec = SYNTAXES[syntax].codec
    program = {"jpeg8_decode": "dcmdjpeg", "jpegls_decode": "dcmdjpls", "dicomrle_decode": "dcmdrle"}[codec]
    subprocess.run([program, str(path), str(folder / "plain.dcm")], check=True, capture_output=True)
    return pydicom.dcmread(folder / "plain.dcm").pixel_array


def by_ffmpeg(frame: bytes, shape: tuple[int, ...], bits: int, *, signed: bool) -> np.ndarray:
    """Decode a grey JPEG 2000 codestream by ffmpeg's own decoder, not OpenJPEG."""
    stream = frame[frame.index(JPEG2000_START) :]
    done = subprocess.run(
        ["ffmpeg", "-v", "error", "-c:v", "jpeg2000", "-f", "j2k_pipe", "-i", "-", "-f", "rawvideo",
         "-pix_fmt", "gray16le", "-"],
        input=stream, capture_output=True, check=True,
    )  # fmt: skip
    words = np.frombuffer(done.stdout, "<u2").reshape(shape).astype(int)
    values = words // 257 if bits == 8 else words >> (16 - bits)
    return values - (2 ** (bits - 1) if signed else 0)


FILES = bundled()


def test_there_is_something_to_compare() -> None:
    assert len(FILES) > 30
    assert {path.name for path in FILES} >= set(REFUSED_BUNDLED) - {
        "JPEG2000-embedded-sequence-delimiter.dcm"
    }


@pytest.mark.parametrize("path", FILES, ids=[path.name for path in FILES])
def test_bundled_file_is_decoded_as_by_another_program(path: Path, tmp_path: Path) -> None:
    if path.name in REFUSED_BUNDLED:
        with pytest.raises(ImageRefusedError):
            read_picture(path.read_bytes())
        return
    picture = read_picture(path.read_bytes())
    dataset = pydicom.dcmread(path)
    if (
        path.name == "SC_rgb_jpeg.dcm"
    ):  # its mark of Adobe is too short for DCMTK; pydicom's own reading is by Pillow
        assert (picture.stored == dataset.pixel_array).all()
        return
    if SYNTAXES[picture.syntax].codec != "jpeg2k_decode":
        wanted = by_dcmtk(path, tmp_path).astype(int)
        colours = dataset.SamplesPerPixel == 3
        # Two programs take YCbCr to RGB, and enlarge halved colours, each with its own rounding.
        most = 0 if not colours or picture.syntax not in LOSSY else 120
        assert np.abs(picture.stored.astype(int) - wanted).max() <= most
        assert np.abs(picture.stored.astype(int) - wanted).mean() <= (1.5 if most else 0)
        return
    frame = next(generate_frames(dataset.PixelData, number_of_frames=1))
    if dataset.SamplesPerPixel == 3:
        assert (picture.stored == dataset.pixel_array).all()  # ffmpeg's colours have other rounding
        return
    place = frame.index(JPEG2000_START) + 42
    bits, signed = (frame[place] & 0x7F) + 1, frame[place] >= 0x80
    wanted = by_ffmpeg(frame, picture.stored.shape, bits, signed=signed)
    if dataset.PixelRepresentation and not signed:  # the header is right, the codestream is not
        wanted = wanted - 2**bits * (wanted >= 2 ** (bits - 1))
    assert np.abs(picture.stored.astype(int) - wanted).max() <= (1 if picture.syntax == JPEG2000 else 0)


LOSSY = {"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.81"}


def signed(values: np.ndarray, bits: int) -> np.ndarray:
    return (values.astype(int) - 2 ** (bits - 1)).astype(np.int8 if bits <= 8 else np.int16)


JPEG_WAYS = {
    "1.2.840.10008.1.2.4.50": (["+eb"], (8,)),
    "1.2.840.10008.1.2.4.51": (["+ee"], (8, 12)),
    "1.2.840.10008.1.2.4.70": (["+e1"], (8, 10, 12, 14, 16)),
    "1.2.840.10008.1.2.4.57": (["+el"], (8, 12, 16)),
}


def jpegs() -> list[tuple[str, list[str], int]]:
    """Return (syntax, options of dcmcjpeg, bits) of every kind that DCMTK writes."""
    plain = [(syntax, options, bits) for syntax, (options, depths) in JPEG_WAYS.items() for bits in depths]
    predictors = [("1.2.840.10008.1.2.4.57", ["+el", "+sv", str(number)], 12) for number in range(1, 8)]
    fragments = [(syntax, [*options, "+fs", "1", "-ot"], 12) for syntax, options, _ in predictors[:1]]
    return plain + predictors + fragments


@pytest.mark.parametrize("sign", [False, True], ids=["unsigned", "signed"])
@pytest.mark.parametrize(("syntax", "options", "bits"), jpegs())
def test_drawn_jpeg(tmp_path: Path, syntax: str, options: list[str], bits: int, sign: bool) -> None:
    values = np.tile(chest(bits), (3, 2))
    values = signed(values, bits) if sign else values
    (tmp_path / "plain.dcm").write_bytes(dicom(values, bits=bits))
    made = tmp_path / "made.dcm"
    subprocess.run(
        ["dcmcjpeg", *options, str(tmp_path / "plain.dcm"), str(made)], check=True, capture_output=True
    )
    picture = read_picture(made.read_bytes())
    assert picture.syntax == syntax
    wanted = by_dcmtk(made, tmp_path).astype(int)
    # Two inverse cosine transforms may round apart by one.
    assert np.abs(picture.stored.astype(int) - wanted).max() <= (1 if options[0] in ("+eb", "+ee") else 0)
    if options[0] in ("+e1", "+el"):
        assert (picture.stored == values).all()
    if "-ot" in options:
        assert len(list(pydicom.encaps.generate_fragments(pydicom.dcmread(made).PixelData))) > 3


@pytest.mark.parametrize("sign", [False, True], ids=["unsigned", "signed"])
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("way", ["dcmcjpls +el", "dcmcjpls +en", "dcmcrle", "dcmcrle +fs 1 -ot"])
def test_drawn_jpeg_ls_and_run_lengths(tmp_path: Path, way: str, bits: int, sign: bool) -> None:
    # DCMTK writes no signed values with losses.
    values = signed(chest(bits), bits) if sign and "+en" not in way else chest(bits)
    (tmp_path / "plain.dcm").write_bytes(dicom(values, bits=bits))
    made = tmp_path / "made.dcm"
    program, *options = way.split()
    subprocess.run(
        [program, *options, str(tmp_path / "plain.dcm"), str(made)], check=True, capture_output=True
    )
    picture = read_picture(made.read_bytes())
    assert (picture.stored == by_dcmtk(made, tmp_path)).all()
    if "+en" not in way:
        assert (picture.stored == values).all()


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("syntax", [JPEG2000Lossless, JPEG2000, HTJ2KLossless])
def test_drawn_jpeg_2000(syntax: str, bits: int) -> None:
    values = chest(bits)
    if syntax == HTJ2KLossless:
        frame = imagecodecs.htj2k_encode(values, reversible=True)
    else:
        exact = syntax == JPEG2000Lossless
        frame = imagecodecs.jpeg2k_encode(
            values, codecformat="J2K", bitspersample=bits, reversible=exact, level=0 if exact else 50
        )
    dataset = pydicom.dcmread(io.BytesIO(dicom(values, bits=bits)))
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.PixelData = encapsulate([frame])
    dataset["PixelData"].VR = "OB"
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    picture = read_picture(buffer.getvalue())
    if syntax != JPEG2000:
        assert (picture.stored == values).all()
    if syntax != HTJ2KLossless:  # of which Debian's ffmpeg knows nothing
        wanted = by_ffmpeg(frame, values.shape, bits, signed=False)
        assert np.abs(picture.stored.astype(int) - wanted).max() <= (1 if syntax == JPEG2000 else 0)


@pytest.mark.parametrize("options", [["+eb", "+cr"], ["+eb"], ["+e1"]])
def test_drawn_colours_that_are_all_grey(tmp_path: Path, options: list[str]) -> None:
    values = np.repeat(chest(8)[..., None], 3, axis=2)
    (tmp_path / "plain.dcm").write_bytes(dicom_colours(values))
    made = tmp_path / "made.dcm"
    subprocess.run(
        ["dcmcjpeg", *options, str(tmp_path / "plain.dcm"), str(made)], check=True, capture_output=True
    )
    picture = read_picture(made.read_bytes())
    assert not picture.coloured
    assert np.abs(picture.stored.astype(int) - chest(8)).mean() < (0.1 if options == ["+e1"] else 4)


def toned() -> list[tuple[str, bytes]]:
    """Return files of every tone that pydicom can apply, from stored values to the screen."""
    values, table = chest(), smooth_table()
    window = {"WindowCenter": "1900.5", "WindowWidth": "1777"}
    drawn = {
        function: dicom(values, VOILUTFunction=function, **window)
        for function in ("LINEAR", "LINEAR_EXACT", "SIGMOID")
    }
    drawn |= {
        "rescale": dicom(
            values, RescaleSlope="2", RescaleIntercept="-1024", WindowCenter="2500", WindowWidth="3000"
        ),
        "VOI LUT": dicom(values, VOILUTSequence=lut(table, bits=12), **window),
        "signed VOI LUT": dicom(signed(values, 12), VOILUTSequence=lut(table, first=-2048, bits=12)),
        "Modality LUT": dicom(
            values, ModalityLUTSequence=lut(table, bits=16), WindowCenter="2000", WindowWidth="2500"
        ),
        "implicit": dicom(values, syntax=IMPLICIT, VOILUTSequence=lut(table, bits=12)),
        "explicit": dicom(
            values, syntax=EXPLICIT, VOILUTSequence=lut(smooth_table(12, 10), first=300, bits=10)
        ),
    }
    names = (
        "CT_small.dcm",
        "MR_small.dcm",
        "MR_small_RLE.dcm",
        "JPEG2000.dcm",
        "examples_overlay.dcm",
        "693_J2KI.dcm",
    )
    drawn |= {name: Path(str(get_testdata_file(name, download=False))).read_bytes() for name in names}
    return list(drawn.items())


TONED = toned()


@pytest.mark.parametrize(("name", "data"), TONED, ids=[name for name, _ in TONED])
def test_tone_is_that_of_pydicom(name: str, data: bytes) -> None:
    dataset = pydicom.dcmread(io.BytesIO(data))
    stored = read_picture(data).stored
    modality = apply_modality_lut(stored, dataset)
    wanted = apply_voi_lut(
        np.rint(modality).astype(int) if "VOILUTSequence" in dataset else modality, dataset
    ).astype(float)
    rendering = render(read_picture(data), "file")
    if not {"WindowCenter", "VOILUTSequence"} & set(dataset.dir()):
        assert "percentiles" in rendering.decisions[-1]
        return
    low, high = black_and_white(dataset)
    wanted = np.clip((wanted - low) / (high - low) * 255, 0, 255)
    assert np.abs(rendering.shades[rendering.pixels] - wanted).max() <= 0.5 + 1e-6


def black_and_white(dataset: pydicom.Dataset) -> tuple[float, float]:
    """Return what pydicom gives for black and for white."""
    if "VOILUTSequence" in dataset:
        return 0, 2.0 ** dataset.VOILUTSequence[0].LUTDescriptor[2] - 1
    if "ModalityLUTSequence" in dataset:
        return 0, 2.0 ** dataset.ModalityLUTSequence[0].LUTDescriptor[2] - 1
    low = -(2.0 ** (dataset.BitsStored - 1)) if dataset.PixelRepresentation else 0.0
    slope, intercept = float(dataset.get("RescaleSlope", 1)), float(dataset.get("RescaleIntercept", 0))
    return low * slope + intercept, (low + 2.0**dataset.BitsStored - 1) * slope + intercept
