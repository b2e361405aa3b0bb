"""Predictions that others have made, checked against a label file and written as a RUN folder. Imports no torch.

Files from outside are hostile until read: a pickle is interpreted, never executed.
"""

from analysis.imports.errors import PredictionsError
from analysis.imports.importing import Imported, import_predictions
from analysis.imports.listing import Choices

__all__ = ["Choices", "Imported", "PredictionsError", "import_predictions"]
