"""The default window of an image: which grey values are shown as black and as white.

The rule is a choice of the locked protocol and holds for the whole study:

- "dicom": the display that the file itself asks for (a VOI LUT or a window; the full range for 8-bit PNG and JPEG,
  which are display-ready); where a file asks for none, the percentile window.
- "full": the whole range of the depth.
- "percentile": from the 0.5th to the 99.5th percentile of the pixels. It hides exposure faults, and so biases
  ratings of quality.

`decoder.RULES` says what each is in `analysis.picture`; this module is known to the tables, which reach no analysis.
"""

from enum import StrEnum

WIDEST = 2**18
"""Limits further out than this are taken for an error of the header: four times the range of 16 bit."""


class WindowRule(StrEnum):
    """The study-wide choice of the default window."""

    DICOM = "dicom"
    FULL = "full"
    PERCENTILE = "percentile"
