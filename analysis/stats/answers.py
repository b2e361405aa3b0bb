"""How often each answer was given, by arm, and the words of the questions."""

from collections.abc import Sequence

import pandas as pd

from analysis.endpoints import PAPER, Endpoint
from analysis.printed import interval_name
from analysis.stats.inference import LEVEL
from analysis.stats.rows import Row


def answer_table(first: pd.DataFrame, endpoints: Sequence[Endpoint] = PAPER) -> list[Row]:
    """Count first readings by question, arm and level; every level of a scale has a row, a number has none.

    Returns
    -------
    list: endpoint, title, arm (1 = PIE, 0 = control), level, label, valence (-1 unfavourable .. 1 good),
    count, share of the answered (0..1; None when nothing was answered).
    """
    rows: list[Row] = []
    for endpoint in endpoints:
        for arm in (1, 0):
            values = first.loc[(first["arm"] == arm) & first[endpoint.name].notna(), endpoint.name]
            for level in endpoint.values:
                count = int((values == level).sum())
                rows.append(
                    {
                        "endpoint": endpoint.name,
                        "title": endpoint.short,
                        "arm": arm,
                        "level": level,
                        "label": endpoint.label(level),
                        "valence": endpoint.valence(level),
                        "count": count,
                        "share": count / len(values) if len(values) else None,
                    }
                )
    return rows


def endpoint_table(level: float = LEVEL, endpoints: Sequence[Endpoint] = PAPER) -> list[Row]:
    """Return the questions with their words: ends of the scale, both directions, name of the intervals."""
    return [
        {
            "endpoint": endpoint.name,
            "title": endpoint.short,
            "question": endpoint.question,
            "kind": endpoint.kind,
            "low": endpoint.low,
            "high": endpoint.high,
            "low_word": endpoint.levels[0][1] if endpoint.levels else "",
            "high_word": endpoint.levels[-1][1] if endpoint.levels else "",
            "worse": endpoint.worse,
            "axis_low": endpoint.less,
            "axis_high": endpoint.more,
            "interval": interval_name(level),
        }
        for endpoint in endpoints
    ]
