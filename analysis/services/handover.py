"""From a finished run to a case set: select, then write both halves."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.caseset import CaseSet, Origin, find_images, write_case_set
from analysis.selection import Run, Selection, SelectionSpec, read_run, select


def hand_over(
    *, run: Path, spec: SelectionSpec, images: Path, out: Path, key_out: Path,
    shown: Sequence[str] = (), block_size: int = 20, nonce: bytes | None = None,
) -> tuple[Selection, CaseSet]:  # fmt: skip
    """Select exemplars and controls from a run and write the blind folder and the sealed key.

    Parameters
    ----------
    run: RUN folder.
    spec: every choice of the selection.
    images: folder of the images to read; may be of another format than the sweep's.
    out, key_out, shown, block_size, nonce: see `analysis.caseset.write_case_set`.

    Raises
    ------
    SelectionError, CaseSetError, FrameError: see there; nothing is left half-written.
    """
    source = read_run(run)
    selection = select(source, spec)
    written = write_case_set(
        selection.rows, images=find_images(selection.rows["image"], images), out=out, key_out=key_out,
        origin=origin(source, selection), shown=shown, block_size=block_size, nonce=nonce,
    )  # fmt: skip
    return selection, written


def origin(run: Run, selection: Selection) -> Origin:
    """Describe where a selection came from: in the open, as commitments, and sealed."""
    spec = selection.spec
    return Origin(
        run_id=run.run_id,
        predictions_sha256=run.predictions_sha256,
        synthetic=run.synthetic,
        settings=spec.settings() | {"estimand": spec.estimand},
        committed={"seed": str(spec.seed)},
        sealed={
            "balance": _records(selection.balance),
            "left_out": _records(selection.left_out),
            "without_score": _records(selection.exemplars.undefined),
            "tied_at_cut": _records(selection.exemplars.tied),
            "notes": list(selection.notes),
        },
    )


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Write a frame as JSON rows; what is not a finite number becomes a text or nothing."""
    return [{str(name): _plain(value) for name, value in row.items()} for row in frame.to_dict("records")]


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value
