"""The web project: blinded reading of cases, and the results once the seal is broken."""
