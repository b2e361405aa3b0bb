"""Synthetic chest radiographs with planted findings, label noise and quality faults.

Nothing here is, or comes from, a picture of a person.
"""

from analysis.phantoms.dataset import draw_files, write_data_set, write_dicom
from analysis.phantoms.faults import FaultRates, PhantomError
from analysis.phantoms.spec import PhantomSpec

__all__ = [
    "FaultRates",
    "PhantomError",
    "PhantomSpec",
    "draw_files",
    "write_data_set",
    "write_dicom",
]
