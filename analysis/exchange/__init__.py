"""Reader-study files of other programs: VIA's CSV in and out, iMRMC's list of ratings out."""

from analysis.exchange.imrmc import imrmc_list
from analysis.exchange.via import ViaError, ViaStudy, read_via, via_csv

__all__ = ["ViaError", "ViaStudy", "imrmc_list", "read_via", "via_csv"]
