"""Hostile protocol files and passkey answers: what a form of the site takes from a browser."""

import json
from collections.abc import Iterator

from readerstudy.study.design.protocol_file import LARGEST, as_toml
from readerstudy.study.protocol import Protocol

DEEP = 100_000


def protocols() -> Iterator[tuple[str, bytes]]:
    """Yield files that are no protocols."""
    usual = as_toml("A title", Protocol())
    question = '[[questions]]\nkey = "a"\ntext = "b"\nkind = "ordinal"\n'
    for name, text in {
        "nothing": "",
        "no TOML": "[questions\nkey",
        "another format": usual.replace("format = 1", "format = 9"),
        "a format that is a list": usual.replace("format = 1", "format = [1]"),
        "a title that is a number": usual.replace('title = "A title"', "title = 7"),
        "an unknown key": "shell = 'rm'\n" + usual,
        "lists 5,000 deep": "questions = " + "[" * 5_000 + "]" * 5_000 + "\nformat = 1\n",
        "tables 5,000 deep": "format = 1\n[" + ".".join("a" * 5_000) + "]\n",
        "a number of 5,000 digits": "format = 1\nseed = " + "9" * 5_000 + "\n",
        "an alpha of 400 digits": "format = 1\nalpha = " + "9" * 400 + "\n",
        "an alpha that is no number": "format = 1\nalpha = nan\n",
        "a repeat share that is infinite": "format = 1\nrepeat_fraction = inf\n",
        "questions that are a text": 'format = 1\nquestions = "a"\n',
        "questions that are numbers": "format = 1\nquestions = [1, 2]\n",
        "a question of an unknown kind": "format = 1\n" + question.replace("ordinal", "eval"),
        "a question that is asked twice": "format = 1\n" + question * 2,
        "a key that is a path": "format = 1\n" + question.replace('"a"', '"../a"'),
        "a text with a zero byte": "format = 1\n" + question.replace('"b"', '"b\\u0000"'),
        "a date where a text belongs": "format = 1\nstopping = 1979-05-27\n",
        "10,000 questions": "format = 1\n"
        + "".join(question.replace('"a"', f'"a{n}"') for n in range(10_000)),
    }.items():
        yield name, text.encode()
    yield "bytes that are no UTF-8", b"\xff\xfe" + usual.encode()
    yield "half of a pair", usual.replace("A title", "\\ud800").encode()
    yield "a PNG", b"\x89PNG\r\n\x1a\n" + b"\0" * 100
    yield "a zip", b"PK\3\4" + b"\0" * 100
    yield "more than is read", b"#" * LARGEST + usual.encode()


def credentials() -> Iterator[tuple[str, str]]:
    """Yield what no authenticator answers."""
    yield "lists without end", "[" * DEEP
    yield "lists", "[" * DEEP + "]" * DEEP
    yield "objects", '{"a":' * DEEP + "1" + "}" * DEEP
    yield "a number of 5,000 digits", "9" * 5_000
    yield "no number", "NaN"
    yield "nothing", ""
    yield "half of a pair", '"\\ud800"'
    parts = {"clientDataJSON": "e30", "attestationObject": "oA", "authenticatorData": "AA", "signature": "AA"}
    for name, changes in {
        "no response": {"response": None},
        "a response that is a list": {"response": []},
        "client data of half a pair": {"response": {**parts, "clientDataJSON": "\ud800"}},
        "client data that is no base64": {"response": {**parts, "clientDataJSON": "*"}},
        "client data that is a list": {"response": {**parts, "clientDataJSON": "W10"}},
        "client data nested deep": {"response": {**parts, "clientDataJSON": "W1tb" * 30_000}},
        "attestation that claims 2**60 bytes": {"response": {**parts, "attestationObject": "WxAAAAAAAAAA"}},
        "attestation nested deep": {"response": {**parts, "attestationObject": "gYGB" * 30_000}},
    }.items():
        yield name, json.dumps({"id": "AA", "rawId": "AA", "type": "public-key", **changes})
