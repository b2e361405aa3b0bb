"""Reader-study files of other programs: VIA's CSV in and out, iMRMC's list of ratings out."""
