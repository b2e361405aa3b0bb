"""The hand-over from selection to reading: a blind folder and a sealed key, written, read and verified.

The blind half (cases.csv, images/, provenance.json) may be seen by anyone who must not know the arms; the
sealed half (key.csv and its report) may not, until every study that holds the key's digest has closed.
"""

from analysis.caseset.errors import CaseSetError, OtherKeyError
from analysis.caseset.keys import case_key, commitment, new_nonce, separation_group
from analysis.caseset.plan import MINIMUM_BLOCK, assign_blocks
from analysis.caseset.read import (
    TERMS,
    BlindHalf,
    SealedHalf,
    key_digest,
    read_blind_half,
    read_key,
    read_report,
    report_path,
)
from analysis.caseset.sources import find_images
from analysis.caseset.verify import Verified, verify_case_set
from analysis.caseset.write import CaseSet, Origin, write_case_set

__all__ = [
    "MINIMUM_BLOCK",
    "TERMS",
    "BlindHalf",
    "CaseSet",
    "CaseSetError",
    "Origin",
    "OtherKeyError",
    "SealedHalf",
    "Verified",
    "assign_blocks",
    "case_key",
    "commitment",
    "find_images",
    "key_digest",
    "new_nonce",
    "read_blind_half",
    "read_key",
    "read_report",
    "report_path",
    "separation_group",
    "verify_case_set",
    "write_case_set",
]
