"""Ways to compress a network, by name. Every file here that registers one is found automatically.

To add one that removes weights: a new file here, with a function from the layers' weights and a seed to keys
(smaller goes first), and `register(MaskMethod(...))`. Counts, ties, devices and resuming come with it. To add
another kind of compression: a class with the four members of `Method`, or a function for `StateMethod`. docs:
CONTRIBUTING.md.
"""

from analysis.sweep.methods.own import find_method
from analysis.sweep.methods.registry import METHODS, Compressed
from analysis.sweep.registry import import_files

import_files(__name__, __path__)

__all__ = ["METHODS", "Compressed", "find_method"]
