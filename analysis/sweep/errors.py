"""The named errors of the sweep. Each message says what was expected, what was found and what to do."""

from analysis.errors import RefusedError


class SweepError(RefusedError):
    """Anything that stops a sweep for a reason its user can fix."""


def of_a_place(error: OSError) -> str:
    """Say what the system refused about which place: a folder that may not be written, a full disk."""
    place = f"{error.filename}: " if error.filename else ""
    return f"{place}expected a place that can be read and written, got the error '{error.strerror or error}'"


class SpecError(SweepError):
    """The specification holds an unknown key, a wrong type or an impossible value."""


class DataError(SweepError):
    """A label file, a metadata file or an image is not what the specification says."""


class CheckpointError(SweepError):
    """A checkpoint is missing, holds code, or belongs to another network or another set of classes."""


class UnitError(SweepError):
    """A unit of a run cannot be computed here, or its artefact is not what its digest says."""


class HostError(UnitError):
    """This host cannot compute the run as it was frozen; another may."""
