"""Published data sets, by the layout of their label files. Every file here that registers one is found automatically.

To add one: a new file here with `register(Layout(...))`; where images, views or labels are written in a way of their
own, a function for it. docs: CONTRIBUTING.md.
"""

from collections.abc import Mapping

from analysis.sweep.layouts.registry import LAYOUTS, Layout, Opened, find_layout
from analysis.sweep.registry import import_files

import_files(__name__, __path__)

CLASS_SETS: Mapping[str, Layout] = {name: layout for name, layout in LAYOUTS.items() if layout.classes}
"""The layouts that say which classes there are; their names also name their classes."""

__all__ = ["CLASS_SETS", "LAYOUTS", "Layout", "Opened", "find_layout"]
