"""Ways to compress a network, by name. Every file of this folder that registers a method is found by itself.

To add one that removes weights: a new file here, with a function from the layers' weights and a seed to keys
(smaller goes first), and `register(MaskMethod(...))`. Counts, ties, devices and resuming come with it. To add
another kind of compression: a class with the four members of `Method`. docs: CONTRIBUTING.md.
"""

import importlib
import pkgutil

from analysis.sweep.methods.registry import METHODS, Compressed, find_method

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = [
    "METHODS",
    "Compressed",
    "find_method",
]
