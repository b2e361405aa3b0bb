"""How often each answer was given, by arm."""

import pandas as pd

from analysis.stats.endpoints import ENDPOINTS
from analysis.stats.rows import Row


def answer_table(first: pd.DataFrame) -> list[Row]:
    """Count first readings by question, arm and level; every level of the scale has a row.

    Returns
    -------
    list: endpoint, title, arm (1 = PIE, 0 = control), level, label, valence (-1 unfavourable .. 1 good),
    count, share of the answered (0..1; None when nothing was answered).
    """
    rows: list[Row] = []
    for endpoint in ENDPOINTS:
        for arm in (1, 0):
            values = first.loc[(first["arm"] == arm) & first[endpoint.name].notna(), endpoint.name]
            for level in endpoint.levels:
                count = int((values == level).sum())
                rows.append(
                    {
                        "endpoint": endpoint.name,
                        "title": endpoint.title,
                        "arm": arm,
                        "level": level,
                        "label": endpoint.label(level),
                        "valence": endpoint.valence(level),
                        "count": count,
                        "share": count / len(values) if len(values) else None,
                    }
                )
    return rows
