"""Columns of text in a pickle of pandas 3 with pyarrow: what is read of them, and every part that is refused."""

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.imports import old_pandas as old
from tests.imports.test_pickled import LABELS, NAMES, SCORES, read, refused


def test_a_part_of_a_column_of_arrow_is_read() -> None:
    """Its buffers are those of the whole column: a start says where the part begins."""
    whole = pd.DataFrame(SCORES, columns=NAMES).assign(
        label=pd.Series([*LABELS[:-1], "Pneumothorax, größer"])
    )
    with_gap = whole.assign(label=[None, *whole["label"][1:]]).astype({"label": "str"})
    for frame in (whole[2:], with_gap[1:]):
        assert read(pickle.dumps(frame)).labels == list(frame["label"])


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"kind": "int64"}, "expected a column of text"),
        ({"kind": ["string"]}, "expected a column of text"),
        ({"length": -1}, "expected a column of text"),
        ({"length": 10**9}, "expected a column of text"),
        ({"start": True}, "expected a column of text"),
        ({"buffers": []}, "expected a column of text"),
        ({"there": b"\x05"}, "got a row without"),
        ({"there": b""}, "got a row without"),
        ({"there": None, "length": 3}, "places of texts"),
        ({"there": None, "start": 1}, "places of texts"),
        ({"places": b""}, "places of texts"),
        ({"places": (0, 3, 2)}, "places of texts"),
        ({"places": (-2, 0, 2)}, "places of texts"),
        ({"places": (0, 1, 9)}, "places of texts"),
        ({"text": None}, "places of texts"),
        ({"text": b"\xff\xfe"}, "UTF-8"),
    ],
)
def test_a_forged_column_of_arrow_is_refused(changed: dict[str, Any], told: str) -> None:
    values = {
        "kind": "string",
        "length": 2,
        "start": 0,
        "there": b"\x03",
        "places": (0, 1, 2),
        "text": b"ab",
    }
    assert read(old.pickled(_of_arrow(**values))).labels == ["a", "b"]
    part = {"start": 1, "there": b"\x06", "places": (0, 1, 2, 3), "text": b"xab"}
    assert read(old.pickled(_of_arrow(**values | part))).labels == ["a", "b"]
    assert told in refused(old.pickled(_of_arrow(**values | changed)))


def _of_arrow(**given: Any) -> old.Call:
    """Return a frame of one class whose labels are an array of Arrow in these parts."""
    call = lambda name, *of: old.Call(old.Global("pyarrow.lib", name), of)  # noqa: E731
    places = given["places"]
    places = places if isinstance(places, bytes) else np.array(places, "<i4").tobytes()
    parts = [part and call("py_buffer", part) for part in (given["there"], places, given["text"])]
    data = (call("type_for_alias", given["kind"]), given["length"], 0, given["start"])
    array = call("_restore_array", (*data, given.get("buffers", parts), [], None))
    texts = old.Call(old.Global("pandas.arrays", "ArrowStringArray"), (), {"_pa_array": array})
    blocks = (
        old.Call(old.BLOCK, (old.numbers(SCORES[:2, :1].T), old.places(0, 1), 2)),
        old.Call(old.BLOCK, (texts, old.places(1, 2), 2)),
    )
    return old.frame_of(blocks, [old.columns([NAMES[0], "label"]), old.rows(2)])
