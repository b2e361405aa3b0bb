"""Synthetic chest radiographs with planted findings, label noise and quality faults.

Nothing here is, or comes from, a picture of a person.
"""

from analysis.phantoms.catalogue import Catalogue, PhantomImage, catalogue
from analysis.phantoms.dataset import write_data_set
from analysis.phantoms.dicom import write_dicom
from analysis.phantoms.drawing import render
from analysis.phantoms.spec import FULL_COLUMNS, FULL_ROWS, FaultRates, PhantomError, PhantomSpec

__all__ = [
    "FULL_COLUMNS",
    "FULL_ROWS",
    "Catalogue",
    "FaultRates",
    "PhantomError",
    "PhantomImage",
    "PhantomSpec",
    "catalogue",
    "render",
    "write_data_set",
    "write_dicom",
]
