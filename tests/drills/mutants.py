"""Bad input by the thousand: mutations of bytes and of JSON, and honest files for them to start from."""

import copy
import io
import json
import pickle
import random
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors.torch import save

from readerstudy.cases.frame import encode_frame
from readerstudy.study.design.protocol_file import as_toml
from readerstudy.study.protocol import Protocol
from tests.cases.images import dicom, greys, png
from tests.hostile import dicoms, raster, tables

TOKENS = [
    b"\0", b"\xff\xfe", b"\xed\xa0\x80", b"\xef\xbb\xbf", b'"', b"'", b",", b"\n", b"\r", b";", b"[", b"]", b"{", b"}",
    b"../../etc/passwd", b"/etc/passwd", b"=1+1", b"@SUM(A1)", b"nan", b"inf", b"-inf", b"1e400", b"-1", b"0",
    b"9" * 400,
    b"0x10", b"\xd9\xa3", b"true", b"null", b"[" * 2_000, b"a" * 70_000, b"\x80\x04\x95", b"cos\nsystem\n", b"%s%n",
    b"<script>", b"\\u0000", b"\\ud800", "Ａ＝１".encode(), b"2026-02-30", b"--", b"\t",
]  # fmt: skip
VALUES: list[Any] = [
    None, True, False, 0, -1, 1, 5, 6, 2**31, 2**63, 10**400, -(10**400), 0.5, 1e308, "", "x", "\0", "\ud800",
    "a" * 5_000,
    "=1+1", "answered", "cannot_assess", "not_asked", [], {}, [[]], [None] * 300, {"status": "answered"},
    {"status": "answered", "value": 3}, {"question": "agree", "kind": "point", "points": [[0, 0]]},
]  # fmt: skip


def mutate(data: bytes, others: list[bytes], chance: random.Random) -> bytes:
    """Return the bytes after one to four changes: bits, cuts, doublings, hostile words, parts of another file."""
    for _ in range(chance.choice((1, 1, 2, 4))):
        start = chance.randrange(len(data) + 1)
        end = min(len(data), start + chance.choice((1, 2, 8, 64, 1_000)))
        kind = chance.randrange(8)
        if kind == 0 and start < len(data):
            data = data[:start] + bytes([data[start] ^ 1 << chance.randrange(8)]) + data[start + 1 :]
        elif kind == 1:
            data = data[:start] + data[end:]
        elif kind == 2:
            data = data[:end] + data[start:end] * chance.choice((1, 2, 50)) + data[end:]
        elif kind == 3:
            data = data[:start]
        elif kind == 4:
            data = data[:start] + chance.choice(TOKENS) + data[end:]
        elif kind == 5:
            other = chance.choice(others)
            data = data[:start] + other[chance.randrange(len(other) + 1) :]
        elif kind == 6:
            data = data[:start] + chance.randbytes(end - start) + data[end:]
        else:
            data = data[:start] + chance.choice(TOKENS) + data[start:]
    return data[:400_000]


def mutate_json(value: Any, chance: random.Random) -> Any:
    """Return a copy of plain values with one to three nodes replaced, removed, added or wrapped."""
    value = copy.deepcopy(value)
    for _ in range(chance.choice((1, 1, 2, 3))):
        holders = [each for each in _nodes(value) if isinstance(each, dict | list) and each]
        if not holders:
            return _any(chance)
        holder = chance.choice(holders)
        name = chance.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
        kind = chance.randrange(5)
        if kind <= 2:
            holder[name] = _any(chance)
        elif kind == 3:
            del holder[name]
        elif isinstance(holder, dict):
            holder[chance.choice(["more", "", "\0", "__proto__", "a" * 300])] = _any(chance)
        else:
            holder.append(_any(chance))
    return value


def _any(chance: random.Random) -> Any:
    return copy.deepcopy(chance.choice(VALUES))  # what is put in may be changed in its turn


def _nodes(value: Any) -> list[Any]:
    inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    return [value, *(node for each in inner for node in _nodes(each))]


def _torch(content: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def _scores(kind: str) -> bytes:
    scores, buffer = np.random.default_rng(3).random((tables.IMAGES, 2)), io.BytesIO()
    frame = pd.DataFrame(scores, columns=list(tables.CLASSES))
    frame.insert(0, "id", [f"{number}.png" for number in range(tables.IMAGES)])
    if kind == "npy":
        np.save(buffer, scores)
    elif kind == "pkl":
        pickle.dump(scores, buffer)
    else:
        buffer.write(frame.to_csv(index=False).encode())
    return buffer.getvalue()


def honest(key: bytes) -> dict[str, list[bytes]]:
    """Return good files by input and ending; `key` is the sealed half of a case set."""
    heading = "reader,case,arm,pair,batch,presentation,position,agree,quality,difficulty,time_s"
    rows = [f"r{r},c{c},{c % 2},p{c // 2},b1,1,{c + 1},1,3,3,9.5" for r in (1, 2) for c in range(4)]
    weights = {"fc.weight": torch.zeros(2, 2), "fc.bias": torch.ones(2)}
    header = "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes\n"
    said = '"{""agree"":""yes"",""quality"":""3"",""difficulty"":""2""}"'
    return {
        "labels.csv": [b"id,Hernia,Mass,subj_id\na.png,0,1,1\nb.png,1,0,2\nc.png,0,0,3\n"],
        "specification.toml": [
            b'[data]\nname = "d"\nimages = "images"\nlabels_test = "t.csv"\nclasses = ["Hernia"]\n[models]\n'
            b'architecture = "resnet18"\ncheckpoints = ["m"]\n[prune]\nsparsities = [0.0, 0.5]\n[infer]\n'
            b"batch_size = 3\n"
        ],
        "ratings.csv": ["\n".join([heading, *rows, ""]).encode()],
        "key.csv": [key],
        "checkpoint.pt": [_torch({"weights": weights, "epoch": 3}), _torch(weights)],
        "checkpoint.safetensors": [save(weights)],
        **{f"predictions.{kind}": [_scores(kind)] for kind in ("pkl", "npy", "csv")},
        "frame": [encode_frame(greys(), 12)],
        "protocol.toml": [as_toml("A title", protocol).encode() for protocol in (Protocol(), Protocol(back="last"))],
        "VIA.csv": [(header + "".join(f"{n}.png,100,{said},0,0,{{}},{{}}\n" for n in "abcd")).encode()],
        "image": [dicom(greys()), png(greys(bits=8)), raster.jpeg(greys(bits=8))],
    }  # fmt: skip


def hostile(trap: Path) -> dict[str, list[bytes]]:
    """Return the hostile corpus by input and ending, without its largest files."""
    found: dict[str, list[bytes]] = {}
    for _, reader, data in tables.files(trap):
        if len(data) < 20_000:
            found.setdefault(f"{reader.name}.{reader.ending}", []).append(data)
    found["image"] = [data for _, data in [*raster.files(), *dicoms.files()] if len(data) < 20_000]
    return found


def body_bytes(body: Any) -> bytes:
    """Return a body as JSON; what Python's encoder lets through, also NaN, is sent."""
    return json.dumps(body).encode()
