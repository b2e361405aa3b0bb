"""The frame file: pixels and their tone curve and nothing else, bit-exact, at one length for a whole study.

A frame file is one gzip member without time or name. Its payload holds the curve (the grey level at first of each of
the 2**bits values, one byte each), then the residuals of the predictor floor((left + up) / 2), as a plane of high
bytes followed by a plane of low bytes (one plane up to 8 bit). Every frame has a curve, a straight one too, so that
none tells by its form what its file asked for. Frames of format 1, which 0.1.0 wrote, have none. Format 3 is colour:
the one curve of all channels, then a plane of residuals each of red, green and blue.
The member's comment field is filled with spaces up to the wanted file length, because bytes after the member
would stop a browser's DecompressionStream.
"""

import zlib

import numpy as np

HEADER = b"\x1f\x8b\x08\x10\x00\x00\x00\x00\x00\xff"
"""gzip, deflate, a comment follows; modification time 0, no extra flags, operating system unknown."""

FORMAT = 2
"""Of the grey frames that are written now."""

COLOUR = 3
"""The format of a frame in colour: 8-bit sRGB."""

COMPRESSION_LEVEL = 6
"""Level 9 saves 1.4 % of a noisy 2048 x 2500 image, for twenty times the time."""

MASK_BYTES = 4096
"""Length of the mask that goes before a frame file on its way to a browser."""


class FrameFormatError(ValueError):
    """Pixels or bytes that cannot be, or are not, a frame file."""


def straight(bits: int, low: float = 0, high: float | None = None) -> np.ndarray:
    """Return the curve of a window, by default of the whole depth: 2**bits of uint8, halves up."""
    top = 2**bits - 1 if high is None else high
    steps = (np.arange(2**bits) - low) * 255 / (top - low)
    return np.floor(np.clip(steps, 0, 255) + 0.5).astype(np.uint8)


def encode_frame(pixels: np.ndarray, bits: int, curve: np.ndarray | None = None) -> bytes:
    """Write an image as an unpadded frame file.

    Parameters
    ----------
    pixels: rows x columns, unsigned 8- or 16-bit integers from 0 to 2**bits - 1; larger is brighter. In colour rows x
        columns x 3 of uint8: red, green, blue.
    bits: depth of the values, 8 to 16; 8 gives one byte plane, more give two. In colour 8: a plane per channel.
    curve: the grey level of each value, 2**bits of uint8; a straight one over the depth by default.

    Raises
    ------
    FrameFormatError: another shape, type or depth, a value outside the depth, or a curve of another length.
    """
    values = _checked(pixels, bits)
    curve = straight(bits) if curve is None else curve
    if curve.shape != (2**bits,) or curve.dtype != np.uint8:
        raise FrameFormatError(f"expected a curve of {2**bits} bytes, got {curve.shape} of {curve.dtype}")
    residuals = values - _predicted(values)
    planes = list(np.moveaxis(np.atleast_3d(residuals), 2, 0))
    if bits > 8:
        planes = [residuals >> 8, residuals & 0xFF]
    payload = curve.tobytes() + b"".join(plane.astype(np.uint8).tobytes() for plane in planes)
    compressor = zlib.compressobj(COMPRESSION_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = compressor.compress(payload) + compressor.flush()
    trailer = zlib.crc32(payload).to_bytes(4, "little") + (len(payload) & 0xFFFFFFFF).to_bytes(4, "little")
    return HEADER + b"\x00" + body + trailer


def pad_frame(frame: bytes, length: int) -> bytes:
    """Fill the comment of an unpadded frame file with spaces, so that the file has the given length in bytes.

    Raises
    ------
    FrameFormatError: the frame is longer than the length, or already has a comment.
    """
    if not frame.startswith(HEADER + b"\x00"):
        raise FrameFormatError("expected an unpadded frame file, found a different gzip header")
    if len(frame) > length:
        raise FrameFormatError(f"expected a length of at least {len(frame)} bytes, got {length}")
    return HEADER + b" " * (length - len(frame)) + frame[len(HEADER) :]


def mask_frame(frame: bytes, mask: bytes) -> bytes:
    """Return what is sent for a frame file: the mask, and the file with the mask XORed over it, again and again.

    With another random mask of `MASK_BYTES` each time, no byte of the same image comes back as it was. The mask hides
    nothing from anyone who takes it off, as the page does: what is left then is the same file, and the same pixels.
    """
    values, over = np.frombuffer(frame, np.uint8), np.frombuffer(mask, np.uint8)
    rest = len(frame) % len(mask)
    whole = values[: len(frame) - rest].reshape(-1, len(mask)) ^ over
    return b"".join((mask, whole.data, (values[len(frame) - rest :] ^ over[:rest]).data))


def decode_frame(frame: bytes, rows: int, columns: int, bits: int, channels: int = 1) -> np.ndarray:
    """Read the pixels of a frame file of any format, padded or not; undo `encode_frame` bit for bit.

    Returns rows x columns, uint8 at 8 bit and uint16 above; with 3 channels (format 3) rows x columns x 3.

    Raises
    ------
    FrameFormatError: not one gzip member of exactly this many pixels, or a damaged one.
    """
    planes = channels * (1 if bits == 8 else 2)
    wanted = rows * columns * planes
    payload, ended = _expanded(frame, wanted + 2**bits + 1)
    if len(payload) not in (wanted, wanted + 2**bits) or not ended:
        raise FrameFormatError(f"expected one gzip member of {wanted} bytes and a curve, got another amount")
    stored = np.frombuffer(payload, np.uint8, offset=len(payload) - wanted).reshape(planes, rows, columns)
    if bits > 8:
        return _undone((stored[0].astype(np.uint16) << 8) | stored[1])
    pixels = np.stack([_undone(plane) for plane in stored], axis=-1)
    return pixels if channels > 1 else pixels[:, :, 0]


def decode_curve(frame: bytes, bits: int) -> np.ndarray:
    """Read the curve of a frame file of format 2 or 3: 2**bits of uint8.

    Raises
    ------
    FrameFormatError: a damaged one.
    """
    payload, _ = _expanded(frame, 2**bits)
    if len(payload) != 2**bits:
        raise FrameFormatError(f"expected a curve of {2**bits} bytes, got {len(payload)}")
    return np.frombuffer(payload, np.uint8)


def _expanded(frame: bytes, most: int) -> tuple[bytes, bool]:
    """Expand at most `most` bytes; tell whether the file ended there, with nothing behind it."""
    if not frame.startswith(HEADER):
        raise FrameFormatError("expected a frame file, found a different gzip header")
    inflater = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        payload = inflater.decompress(frame, most)
    except zlib.error as error:
        raise FrameFormatError("expected a whole gzip member, the data are damaged") from error
    return payload, inflater.eof and not inflater.unused_data


def _checked(pixels: np.ndarray, bits: int) -> np.ndarray:
    grey = pixels.ndim == 2 and pixels.dtype in (np.uint8, np.uint16)
    colour = pixels.ndim == 3 and pixels.shape[2] == 3 and pixels.dtype == np.uint8 and bits == 8
    if pixels.size == 0 or not (grey or colour):
        raise FrameFormatError(
            "expected rows x columns of uint8 or uint16, or rows x columns x 3 of uint8 at 8 bit, "
            f"got shape {pixels.shape} of {pixels.dtype} at {bits} bit"
        )
    if not 8 <= bits <= 16:
        raise FrameFormatError(f"expected a depth of 8 to 16 bit, got {bits}")
    if int(pixels.max()) >> bits:
        raise FrameFormatError(f"expected values up to {2**bits - 1}, got {pixels.max()}")
    return pixels.astype(np.uint8 if bits == 8 else np.uint16, copy=False)


def _predicted(values: np.ndarray) -> np.ndarray:
    total = np.zeros(values.shape, np.uint32)
    total[:, 1:] += values[:, :-1]
    total[1:] += values[:-1]
    return (total >> 1).astype(values.dtype)


def _undone(residuals: np.ndarray) -> np.ndarray:
    """Add the prediction back along anti-diagonals: the values of one need only those of the one before."""
    rows, columns = residuals.shape
    # One row above and one column to the left hold zeros, the values outside the image.
    values = np.zeros((rows + 1, columns + 1), residuals.dtype)
    values[1:, 1:] = residuals
    flat, width = values.reshape(-1), columns + 1
    for diagonal in range(rows + columns - 1):
        first, last = max(0, diagonal - columns + 1), min(rows - 1, diagonal)
        start = (first + 1) * width + (diagonal - first + 1)
        count = last - first + 1
        # A step of width - 1 goes one row down and one column to the left.
        here = slice(start, start + count * (width - 1), width - 1)
        left = flat[start - 1 :: width - 1][:count].astype(np.uint32)
        up = flat[start - width :: width - 1][:count]
        flat[here] += ((left + up) >> 1).astype(residuals.dtype)
    return values[1:, 1:].copy()
