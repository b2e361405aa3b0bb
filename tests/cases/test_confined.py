"""The child that decodes: what it is given, what it may do, and how it ends."""

import io
import json
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image, PngImagePlugin
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import JPEGBaseline8Bit

from analysis.picture.refusals import ImageRefusedError, Reason, Refusal
from readerstudy.cases import confined
from readerstudy.cases.confined import Limits, decode_confined
from readerstudy.cases.decoder import DecodedImage
from readerstudy.cases.window import WindowRule
from tests.cases.images import dicom, greys, png, png_header
from tests.servers.process import children_of

PROJECT = Path(__file__).resolve().parents[2]


def run(
    data: bytes, folder: Path, limits: Limits = confined.DEFAULT_LIMITS, *, colour: bool = False
) -> DecodedImage:
    path = folder / "image"
    path.write_bytes(data)
    with path.open("rb") as file:
        return decode_confined(file, window_rule=WindowRule.DICOM, colour=colour, limits=limits)


def refused(
    data: bytes, folder: Path, limits: Limits = confined.DEFAULT_LIMITS, *, colour: bool = False
) -> Reason:
    with pytest.raises(ImageRefusedError) as caught:
        run(data, folder, limits, colour=colour)
    return caught.value.refusal.reason


def children() -> list[int]:
    """Find the decoding children of this process, the ended but uncollected ones included."""
    return children_of(os.getpid())


@pytest.fixture(autouse=True)
def _no_child_is_left() -> Iterator[None]:
    before = set(children())
    yield
    assert set(children()) <= before


@pytest.fixture(scope="module")
def endless() -> bytes:
    """A picture that is honest, and so large that to unpack it and turn it takes seconds of computing."""
    buffer, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6
    Image.effect_noise((1000, 1000), 90).resize((9900, 9900)).save(buffer, "PNG", exif=exif, compress_level=1)
    return buffer.getvalue()


def test_result_equals_that_of_this_process(tmp_path: Path) -> None:
    values = greys((30, 41), 12)
    image = run(dicom(values, PixelSpacing=["0.15", "0.15"]), tmp_path)
    assert (image.pixels == values).all()
    assert (image.bits, image.spacing) == (12, (0.15, 0.15))
    eight = run(png(greys(bits=8)), tmp_path)
    assert eight.pixels.dtype == np.uint8
    assert (eight.pixels == greys(bits=8)).all()


@pytest.mark.parametrize("kind", ["JPEG", "turned JPEG", "MPO", "PNG with text", "DICOM with JPEG"])
def test_every_format_can_be_read_though_the_child_can_open_nothing(tmp_path: Path, kind: str) -> None:
    """Libraries load parts of themselves late; loading after the limits are set would fail."""
    picture = Image.fromarray(greys((16, 24), 8))
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 3
    if kind == "PNG with text":
        text = PngImagePlugin.PngInfo()
        text.add_itxt("a", "b", zip=True)
        picture.save(buffer, "PNG", pnginfo=text, exif=exif, icc_profile=b"profile")
    elif kind == "MPO":
        picture.save(buffer, "MPO", save_all=True, append_images=[picture])
    else:
        picture.save(buffer, "JPEG", exif=exif if kind == "turned JPEG" else b"")
    data = buffer.getvalue()
    if kind == "MPO":
        assert refused(data, tmp_path) is Reason.MULTI_FRAME
        return
    values = np.asarray(Image.open(io.BytesIO(data)))
    if kind == "DICOM with JPEG":
        data = dicom_jpeg(data, values)
    elif kind != "JPEG":
        values = values[::-1, ::-1]
    assert (run(data, tmp_path).pixels == values).all()


def dicom_jpeg(data: bytes, values: np.ndarray) -> bytes:
    dataset = pydicom.dcmread(io.BytesIO(dicom(values, bits=8)))
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    dataset.PixelData = encapsulate([data])
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


def test_refusal_of_the_decoder_comes_back_with_its_tag(tmp_path: Path) -> None:
    with pytest.raises(ImageRefusedError) as caught:
        run(dicom(greys(), drop="BitsStored"), tmp_path)
    assert caught.value.refusal == Refusal(Reason.MISSING_TAG, "BitsStored")


def test_endless_file_ends_at_the_limit_of_computing(tmp_path: Path, endless: bytes) -> None:
    assert refused(endless, tmp_path, Limits(computing=1)) is Reason.CPU_TIME


def test_endless_file_ends_at_the_wall_clock(tmp_path: Path, endless: bytes) -> None:
    assert refused(endless, tmp_path, Limits(computing=60, clock=1.0)) is Reason.WALL_CLOCK


def test_child_that_is_stopped_ends_at_the_wall_clock(tmp_path: Path, endless: bytes) -> None:
    with signalled(signal.SIGSTOP):
        assert refused(endless, tmp_path, Limits(computing=60, clock=2.0)) is Reason.WALL_CLOCK


def test_child_that_is_killed_is_a_refusal(tmp_path: Path, endless: bytes) -> None:
    with signalled(signal.SIGKILL):
        assert refused(endless, tmp_path) is Reason.CRASHED


class signalled:
    """Send a signal to the child that is started meanwhile."""

    def __init__(self, number: signal.Signals) -> None:
        self.number, self.before = number, set(children())
        self.thread = threading.Thread(target=self.send)

    def send(self) -> None:
        end = time.monotonic() + 20
        while time.monotonic() < end:
            for child in set(children()) - self.before:
                time.sleep(0.2)
                os.kill(child, self.number)
                return
            time.sleep(0.01)

    def __enter__(self) -> None:
        self.thread.start()

    def __exit__(self, *_: object) -> None:
        self.thread.join()


def test_image_beyond_the_memory_is_a_refusal(tmp_path: Path) -> None:
    large = io.BytesIO()
    Image.new("L", (9900, 9900)).save(large, "PNG", compress_level=1)
    assert refused(large.getvalue(), tmp_path, Limits(memory=250 * 2**20)) is Reason.OUT_OF_MEMORY


def test_too_little_memory_to_start_is_a_refusal(tmp_path: Path) -> None:
    assert refused(png(greys(bits=8)), tmp_path, Limits(memory=30 * 2**20)) in {
        Reason.CRASHED,
        Reason.OUT_OF_MEMORY,
    }


def test_jpeg2000_that_states_a_huge_size_is_refused(tmp_path: Path) -> None:
    dataset = pydicom.dcmread(str(get_testdata_file("MR_small_jp2klossless.dcm", download=False)))
    image = bytearray(next(generate_frames(dataset.PixelData, number_of_frames=1)))
    image[8:16] = struct.pack(">II", 9_999, 9_999)
    dataset.PixelData = encapsulate([bytes(image)])
    dataset.Rows = dataset.Columns = 9_999  # the header lies along
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    assert refused(buffer.getvalue(), tmp_path) is Reason.TRUNCATED


def test_what_needs_no_decoder_starts_no_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError("a child was started")

    monkeypatch.setattr(subprocess, "Popen", fail)
    assert refused(b"", tmp_path) is Reason.EMPTY
    assert refused(b"PK\x03\x04" + bytes(300), tmp_path) is Reason.UNKNOWN_FORMAT


def test_bomb_is_refused(tmp_path: Path) -> None:
    assert refused(png_header(60_000, 60_000), tmp_path) is Reason.TOO_MANY_PIXELS


def test_server_goes_on_after_a_hundred_bad_bytes(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    good = dicom(greys())
    for _ in range(4):
        bad = bytearray(good)
        for place in rng.integers(132, len(bad), 12):
            bad[place] = rng.integers(256)
        with suppress(ImageRefusedError):
            run(bytes(bad), tmp_path)
    assert run(good, tmp_path).bits == 12


PROBE = """
import sys; sys.path.insert(0, sys.argv[1])
import os, socket
from readerstudy.cases import child
child.take_limits(3 * 2**29, 20)
child.forbid_opening()
told = []
for name, attempt in {
    "read": lambda: open("/etc/passwd"),
    "write": lambda: open("/tmp/never", "w"),
    "socket": lambda: socket.socket(),
    "pipe": lambda: os.pipe(),
    "memory": lambda: bytearray(2 * 2**30),
}.items():
    try:
        attempt()
        told.append(name)
    except (OSError, MemoryError):
        pass
print(told, sorted(os.environ), "django" in sys.modules)
"""


def test_child_can_open_nothing_and_has_no_environment() -> None:
    """The same limits as in `child.main`, taken by a process that then tries what an intruder would."""
    told = subprocess.run(
        [sys.executable, "-I", "-B", "-c", PROBE, str(PROJECT)],
        capture_output=True, text=True, check=True, env={}, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    # Python itself may set LC_CTYPE when it starts without one.
    assert told.stdout.strip() in {"[] [] False", "[] ['LC_CTYPE'] False"}


def test_decoding_imports_nothing_of_the_site_and_only_pictures_of_the_analysis() -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import readerstudy.cases.child, readerstudy.cases.decoder, "
        "analysis.picture.dicom; print([n for n in sys.modules if n.split('.')[0] in ('django', 'torch', 'pandas') or "
        "n.startswith('analysis.') and not n.startswith('analysis.picture')])"
    )
    told = subprocess.run(
        [sys.executable, "-I", "-c", code, str(PROJECT)], capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == "[]"


CURVE = bytes(256)


def reply_of(body: bytes = CURVE + b"x", **changes: object) -> bytes:
    """Write the reply for one pixel, changed in some place."""
    header = {"rows": 1, "columns": 1, "bits": 8, "window": [0.0, 9.0], "spacing": None, "apart": None}
    return json.dumps(header | changes).encode() + b"\n" + body


def test_a_reply_of_this_form_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that each reply below is refused for what is wrong with it."""
    monkeypatch.setattr(confined, "_START", f"import os; os.write(1, {reply_of()!r})")
    image = run(png(greys(bits=8)), tmp_path)
    assert (image.pixels.tolist(), image.window, image.apart) == ([[120]], (0.0, 9.0), None)


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"\n",
        b"nonsense\n",
        b"[" * 1500 + b"\n",
        b"x" * 5000,
        b'{"refused": "not a code", "tag": ""}\n',
        b'{"refused": "MISSING_TAG", "tag": "PatientName=Canary"}\n',
        reply_of(CURVE + b"abc", rows=2, columns=2),
        reply_of(CURVE + b"abcde", rows=2, columns=2),
        reply_of(CURVE),
        reply_of(2 * CURVE + b"\xff\xff", bits=9),
        reply_of(window=[9.0, 9.0]),
        reply_of(window=[0, 9.0]),
        reply_of(window=[float("nan"), 9.0]),
        reply_of(spacing=[0.1, -1.0]),
        reply_of(name="Canary"),
        reply_of(apart="Canary"),
        reply_of(rows=1e9),
        reply_of(rows=-1),
        reply_of(rows=True),
    ],
)
def test_reply_of_a_child_gone_bad_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reply: bytes
) -> None:
    """The child here is a real one that says what a decoder under an intruder's hand might say."""
    monkeypatch.setattr(confined, "_START", f"import os; os.write(1, {reply!r})")
    assert refused(png(greys(bits=8)), tmp_path) in {Reason.BAD_REPLY, Reason.CRASHED}


def test_a_reply_in_colour_is_three_channels_of_eight_bits_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def say(reply: bytes) -> None:
        monkeypatch.setattr(confined, "_START", f"import os; os.write(1, {reply!r})")

    say(reply_of(CURVE + b"xyz"))
    assert run(png(greys(bits=8)), tmp_path, colour=True).pixels.tolist() == [[[120, 121, 122]]]
    for reply in (reply_of(CURVE + b"x"), reply_of(CURVE + b"wxyz"), reply_of(2 * CURVE + bytes(6), bits=9)):
        say(reply)
        assert refused(png(greys(bits=8)), tmp_path, colour=True) in {Reason.BAD_REPLY, Reason.CRASHED}


def test_reply_without_end_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confined, "_START", "import os\nwhile True: os.write(1, b'x' * 65536)")
    assert refused(png(greys(bits=8)), tmp_path) is Reason.BAD_REPLY


def test_refusal_holds_no_text_from_outside() -> None:
    with pytest.raises(ValueError, match="fixed list"):
        Refusal(Reason.MISSING_TAG, "PatientName")
    for reason in Reason:
        assert str(Refusal(reason))
