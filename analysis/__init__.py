"""Everything that computes: sweep, findings, selection, statistics. Never imports readerstudy.

The names below are for other people's code (docs/library.md); each is loaded when it is first asked for, so that
`import analysis` loads neither torch nor Django.
"""

from importlib import import_module
from typing import Any

_PUBLIC = {
    "analyse": ("analysis.findings.analyse", "analyse"),
    "analyse_ratings": ("analysis.stats.study", "analyse"),
    "draw_agreement": ("analysis.figures.agreement", "draw_agreement"),
    "find_exemplars": ("analysis.selection.exemplars", "find_exemplars"),
    "load_spec": ("analysis.sweep.toml", "load_spec"),
    "match_controls": ("analysis.selection.matching", "match_controls"),
    "run_sweep": ("analysis.sweep.run.finish", "run_sweep"),
}


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'analysis' has no attribute '{name}'")
    module, attribute = _PUBLIC[name]
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return [*globals(), *_PUBLIC]
