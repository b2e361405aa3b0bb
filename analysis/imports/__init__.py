"""Predictions that others have made, checked against a label file and written as a RUN folder. Imports no torch.

Files from outside are hostile until read: a pickle is interpreted, never executed.
"""
