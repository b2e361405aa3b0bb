"""The sweep: images and checkpoints in, predictions at every sparsity out. torch lives here and nowhere else.

This file, `spec`, `paths` and `errors` import no torch, so that the web process can describe a sweep without
it.
"""
