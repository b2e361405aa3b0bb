"""What a CSV of the VGG Image Annotator (VIA 2) looks like; a question's own words name its attribute."""

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

YES, NO = "yes", "no"


class ViaError(ValueError):
    """A VIA file cannot be read as a reader study: file, row, what was expected, what was found, what to do."""
