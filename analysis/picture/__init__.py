"""One image file to one picture, for the network and for the reader alike.

`read_picture` turns the bytes of a PNG, JPEG or DICOM file into a `Presentation`: the stored values at full depth and
what the file asks to be done with them. `render` makes its grey values and tone curve by a rule, and `levels` the 256
grey levels. Nothing here knows a site, a study or a network; pydicom and imagecodecs are loaded when the first DICOM
file is met.
"""

from analysis.picture.neutral import write_neutral
from analysis.picture.presentation import Presentation, Rendering, levels, network_rendering, render
from analysis.picture.reading import picture_format, read_picture
from analysis.picture.refusals import ImageRefusedError, Reason
from analysis.picture.tone import PERCENTILES, Percentiles, Rule

__all__ = [
    "PERCENTILES",
    "ImageRefusedError",
    "Percentiles",
    "Presentation",
    "Reason",
    "Rendering",
    "Rule",
    "levels",
    "network_rendering",
    "picture_format",
    "read_picture",
    "render",
    "write_neutral",
]
