"""Experiments of many trainings: exemplars of the training split by cross-fitting, and what retraining on them does.

No Django here; torch is loaded when a network is trained. `analysis.services.experiments` puts both into the ledger.
"""
