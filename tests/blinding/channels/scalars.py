"""Every scalar that could be read off a case without looking, and a permutation test of its AUC for the arm."""

import numpy as np
import pandas as pd

from analysis.caseset.leaks import compare
from readerstudy.cases.frame import decode_curve, decode_frame
from readerstudy.cases.models import Case
from readerstudy.cases.selectors import cases_of, frame_bytes, frame_json
from tests.stock import Stock

PERMUTATIONS = 200_000
ALARM = 0.001
PATCH = 8
"""Corner patches in which burned-in letters would be, in pixels."""


def features(stock: Stock) -> pd.DataFrame:
    """Return one row per case, sorted by case key, with everything a reader is served as a number."""
    cases = list(cases_of(stock.study.key))
    share = _label_shares(cases)
    rows = pd.DataFrame([_of_case(case, share) for case in cases], index=[case.key for case in cases])
    for name, reader in zip(("bob", "bella"), stock.readers, strict=True):
        for row in reader.assignments.select_related("case"):
            rows.loc[row.case.key, f"position_{name}"] = row.position
            rows.loc[row.case.key, f"row_{name}"] = row.pk
            rows.loc[row.case.key, f"id_{name}"] = float(row.public_id.int >> 64)
    return rows


def alarms(table: pd.DataFrame, arms: dict[str, int], *, seed: int = 1) -> list[str]:
    """Name the features whose AUC for the arm differs from 1/2 more than chance allows.

    Two-sided permutation test of |AUC - 1/2|, Holm over the features, alarm at an adjusted p below ALARM.
    """
    arm = np.array([arms[key] for key in table.index])
    told = {name: table[name].to_numpy(dtype=float) for name in table if table[name].nunique() > 1}
    if not told:
        return []
    ranks = np.column_stack([pd.Series(values).rank().to_numpy() for values in told.values()])
    ones = int(arm.sum())
    centre = ones * (len(arm) + 1) / 2
    observed = np.abs(arm @ ranks - centre)
    rng = np.random.default_rng(seed)
    as_far = np.zeros(len(told))
    for _ in range(20):
        drawn = rng.permuted(np.tile(arm.astype(np.float32), (PERMUTATIONS // 20, 1)), axis=1)
        as_far += (np.abs(drawn @ ranks - centre) >= observed - 1e-6).sum(axis=0)
    p = (as_far + 1) / (PERMUTATIONS + 1)
    order = np.argsort(p)
    adjusted = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    names = list(told)
    return [
        f"{names[i]}: AUC {compare(told[names[i]], arm)['auc']:.2f}, adjusted p {value:.1e}"
        for i, value in zip(order, adjusted, strict=True)
        if value < ALARM
    ]


def _label_shares(cases: list[Case]) -> dict[str, float]:
    labels = pd.Series([label for case in cases for label in case.labels])
    return dict(labels.value_counts() / len(cases))


def _of_case(case: Case, share: dict[str, float]) -> dict[str, float]:
    told, frame = frame_json(case.frame), frame_bytes(case)
    pixels = decode_frame(frame, case.frame.rows, case.frame.columns, case.frame.bits).astype(float)
    return {
        "length": len(frame),
        "rows": told["rows"],
        "columns": told["columns"],
        "bits": told["bits"],
        "window_low": told["window"][0],
        "window_high": told["window"][1],
        "format": told["format"],
        "tone": float(decode_curve(frame, case.frame.bits).mean()),
        "spacing": (told["spacing"] or [0])[0],
        "labels": len(case.labels),
        "label_characters": len("".join(case.labels)),
        "label_share": float(np.mean([share[label] for label in case.labels])),
        "case_row": case.pk,
        "frame_row": case.frame.pk,
        "storage_name": float(int(case.frame.storage_name[:12], 16)),
        **_of_pixels(pixels),
    }


def _of_pixels(pixels: np.ndarray) -> dict[str, float]:
    """Return mean grey, the brightest corner, fine detail, and steps at the borders of 8 x 8 blocks."""
    corners = [pixels[rows, columns] for rows in _ENDS for columns in _ENDS]
    across = np.abs(np.diff(pixels, axis=1))
    border = np.arange(across.shape[1]) % 8 == 7
    return {
        "mean_grey": float(pixels.mean()),
        "brightest_corner": max(float(corner.max()) for corner in corners),
        "saturated": float((pixels == pixels.max()).mean()),
        "fine_detail": float(np.abs(np.diff(pixels, 2, axis=0)).mean()),
        "block_steps": float(across[:, border].mean() / (across[:, ~border].mean() + 1e-9)),
    }


_ENDS = (slice(0, PATCH), slice(-PATCH, None))
