"""What a CSV of the VGG Image Annotator (VIA 2) looks like, and the published study's questions in it."""

from collections.abc import Mapping

COLUMNS = (
    "filename",
    "file_size",
    "file_attributes",
    "region_count",
    "region_id",
    "region_shape_attributes",
    "region_attributes",
)
"""Columns of VIA's CSV export; `file_attributes` is a JSON object."""

QUESTIONS: Mapping[str, str] = {
    "agree": "Do you fully agree with the label?",
    "quality": "How would you rate the image quality?",
    "difficulty": "How difficult would you consider it to properly diagnose this image?",
}
"""The published study's questions, word for word as VIA stored them: the names of the attributes."""

YES, NO = "yes", "no"


class ViaError(ValueError):
    """A VIA file cannot be read as a reader study: file, row, what was expected, what came, what to do."""
