"""The handover from selection to reading: a blind folder and a sealed key, written, read and verified.

The blind half (cases.csv, images/, provenance.json) may be seen by anyone who must not know the arms; the
sealed half (key.csv and its report) may not, until every study that holds the key's digest has closed.
"""

from analysis.caseset.errors import CaseSetError, OtherKeyError
from analysis.caseset.read import BlindHalf, SealedHalf, read_blind_half, read_key
from analysis.caseset.sources import find_images
from analysis.caseset.verify import verify_case_set
from analysis.caseset.write import CaseSet, Origin, write_blind_half, write_case_set

__all__ = [
    "BlindHalf",
    "CaseSet",
    "CaseSetError",
    "Origin",
    "OtherKeyError",
    "SealedHalf",
    "find_images",
    "read_blind_half",
    "read_key",
    "verify_case_set",
    "write_blind_half",
    "write_case_set",
]
