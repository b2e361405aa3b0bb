"""What a frame is once a browser has taken off the mask."""

from readerstudy.cases.frame import MASK_BYTES, mask_frame


def unmasked(body: bytes) -> bytes:
    """Return the frame file of an answer; XORed a second time, the mask is gone."""
    return mask_frame(body[MASK_BYTES:], body[:MASK_BYTES])[MASK_BYTES:]
