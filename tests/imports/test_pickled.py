"""What is read from a pickle: the frames of pandas 1.5 and of today, and arrays; never anything else."""

import io
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.imports.errors import PredictionsError
from analysis.imports.machine import ALLOWED
from analysis.imports.pickled import read_pickle
from tests.imports import old_pandas as old

NAMES = ["Effusion", "Mass", "Hernia"]
SCORES = np.random.default_rng(0).random((5, 3)).astype(np.float32)
LABELS = ["Effusion", "Effusion|Mass", "", "Hernia", "Mass"]


def read(content: bytes) -> Any:
    return read_pickle(content, images=len(SCORES))


def refused(content: bytes) -> str:
    with pytest.raises(PredictionsError) as caught:
        read(content)
    return str(caught.value)


@pytest.mark.parametrize("axis", [None, old.numbered_rows(5)], ids=["RangeIndex", "Int64Index"])
def test_a_frame_of_old_pandas_is_read(axis: old.Call | None) -> None:
    found = read(old.pickled(old.frame(NAMES, SCORES, LABELS, axis)))
    np.testing.assert_array_equal(found.scores, SCORES)
    assert found.scores.dtype == np.float32
    assert (found.columns, found.labels) == (tuple(NAMES), LABELS)


def test_a_frame_of_scattered_blocks_is_read() -> None:
    blocks = (
        old.Call(
            old.BLOCK, (old.numbers(np.ascontiguousarray(SCORES.T[::2])), old.numbers(np.array([0, 3])), 2)
        ),
        old.Call(old.BLOCK, (old.copied_numbers(SCORES.T[1:2].astype(float)), old.places(2, 3), 2)),
        old.Call(old.BLOCK, (old.objects((1, 5), LABELS), old.places(1, 2), 2)),
    )
    names = ["Effusion", "label", "Mass", "Hernia"]
    found = read(old.pickled(old.frame_of(blocks, [old.columns(names), old.rows(5)])))
    assert found.columns == ("Effusion", "Mass", "Hernia")
    np.testing.assert_array_equal(found.scores, SCORES)


def test_a_shortened_frame_of_old_pandas_is_what_pandas_reads_today() -> None:
    """The written layout is no invention: what pandas 3 still finds at these names, it reads alike."""
    content = old.pickled(old.frame(NAMES, SCORES, LABELS))
    with pytest.warns(DeprecationWarning, match="numpy.core"):
        theirs = pickle.loads(content)
    ours = read(content)
    assert list(theirs["label"]) == ours.labels
    np.testing.assert_array_equal(theirs[NAMES].to_numpy(), ours.scores)


@pytest.mark.parametrize("protocol", [3, 4, 5])
@pytest.mark.parametrize("text", ["str", "object", "string[pyarrow]"])
@pytest.mark.parametrize("storage", ["python", "pyarrow"])
def test_a_frame_of_the_installed_pandas_is_read(protocol: int, text: str, storage: str) -> None:
    """With pyarrow installed pandas 3 keeps texts in its arrays; without, in its own."""
    stream = io.BytesIO()
    with pd.option_context("mode.string_storage", storage):
        frame = pd.DataFrame(SCORES, columns=NAMES).assign(label=pd.Series(LABELS, dtype=text))
        frame.to_pickle(stream, protocol=protocol)
    found = read(stream.getvalue())
    np.testing.assert_array_equal(found.scores, SCORES)
    assert (found.columns, found.labels) == (tuple(NAMES), LABELS)


@pytest.mark.parametrize("protocol", [3, 4, 5])
@pytest.mark.parametrize("kind", ["f2", "f4", ">f4", "f8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_an_array_is_read(protocol: int, kind: str, order: Any) -> None:
    array = SCORES.astype(kind, order=order)
    found = read(pickle.dumps(array, protocol=protocol))
    np.testing.assert_array_equal(found.scores, array)
    assert found.columns is None
    assert found.labels is None


def test_a_slice_of_an_array_is_read() -> None:
    np.testing.assert_array_equal(read(pickle.dumps(SCORES[::2, ::2])).scores, SCORES[::2, ::2])


class Runs:
    """An object whose pickle calls something."""

    def __init__(self, *call: Any) -> None:
        self.call = call

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize(
    ("function", "name"),
    [(os.system, r"system"), (eval, r"eval"), (getattr, "getattr"), (__import__, "__import__")],
)
def test_code_is_never_run(tmp_path: Path, protocol: int, function: Any, name: str) -> None:
    mark = tmp_path / "was-here"
    content = pickle.dumps(Runs(function, (f"touch {mark}",)), protocol=protocol)
    assert f".{name}, which is not part of a table of scores and is never loaded" in refused(content)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"), ("posix", "system"), ("builtins", "eval"), ("builtins", "exec"), ("builtins", "getattr"),
        ("builtins", "slice.__class__"), ("numpy", "dtype.__init_subclass__"), ("numpy", "load"),
        ("pandas", "DataFrame.eval"), ("pandas", "read_pickle"), ("pandas.core.frame", "DataFrame.query"),
        ("numpy.core.multiarray", "fromstring"), ("numpy", "__builtins__"), ("operator", "attrgetter"),
        ("numpy.testing._private.utils", "runstring"), ("pandas.io.common", "os.system"), ("copyreg", "_reconstructor"),
    ],
)  # fmt: skip
def test_every_other_name_is_refused_by_name(module: str, name: str) -> None:
    for content in (
        old.pickled(old.Call(old.Global(module, name), ("x",))),
        b"c" + f"{module}\n{name}\n".encode() + b"(tR.",
        old.pickled(
            old.frame_of((old.Call(old.Global(module, name), ()),), [old.columns(NAMES), old.rows(5)])
        ),
    ):
        assert refused(content).startswith(f"the file asks for {module}.{name}, which is not part")


def test_names_of_the_list_cannot_be_used_as_code() -> None:
    for module, name in ALLOWED:
        wanted = old.Global(module, name)
        for arguments in ((), ("x",), (wanted, wanted), ("x", {}, 1, 2, 3, 4, 5)):
            refused(old.pickled(old.Call(wanted, arguments)))
            refused(old.pickled(old.Call(wanted, arguments, state={"__class__": wanted})))


def test_an_object_array_of_anything_but_text_is_refused(tmp_path: Path) -> None:
    mark = tmp_path / "was-here"
    array = np.array([Runs(os.system, (f"touch {mark}",))], dtype=object)
    assert "system, which is not part" in refused(pickle.dumps(array))
    for value in (1, 1.5, None, b"x", ["x"], ("x",), old.Global("numpy", "ndarray")):
        assert "expected only text in an object array" in refused(
            old.pickled(old.frame(NAMES, SCORES, [*LABELS[:4], value]))
        )
    assert not mark.exists()


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (b"", "truncated"),
        (b".", "got none"),
        (b"\x80\x05N.", "got NoneType"),
        (b"\x80\x09N.", "protocol 5 or older"),
        (b"(i__main__\nx\n.", "instruction INST"),
        (b"Pid\n.", "instruction PERSID"),
        (b"\x82\x01.", "instruction EXT1"),
        (b"\x97.", "instruction NEXT_BUFFER"),
        (b"\xff", "instruction 0xff"),
        (b"\x8e" + b"\xff" * 8 + b".", "truncated"),
        (b"\x96" + (1 << 40).to_bytes(8, "little") + b".", "truncated"),
        (b"cos", "truncated"),
        (b"h\x05.", "stored value"),
        (b"t.", "a mark"),
        (b"NR.", "got none"),
        (b"NNR.", "tuple of arguments"),
        (b"N)R.", r"calls a value (NoneType)"),
        (b"NNb.", "one of NoneType"),
        (b"NNa.", "a list to append to"),
        (b"})Ns.", "text keys"),
        (b"\x8c\x01\xff.", "UTF-8"),
        (b"\x8c\x03\xed\xa0\x80.", "UTF-8"),
        (b"NN\x93.", "a name in two texts"),
    ],
)  # fmt: skip
def test_a_broken_pickle_is_refused(content: bytes, wanted: str) -> None:
    assert wanted in refused(content)


def test_every_truncation_is_refused() -> None:
    whole = old.pickled(old.frame(NAMES, SCORES, LABELS))
    for length in range(len(whole)):
        refused(whole[:length])


def test_damaged_bytes_are_refused_or_read_and_nothing_else() -> None:
    whole = old.pickled(old.frame(NAMES, SCORES, LABELS))
    rng = np.random.default_rng(1)
    outcomes = {"read": 0, "refused": 0}
    for _ in range(3000):
        damaged = bytearray(whole)
        damaged[rng.integers(len(whole))] = rng.integers(256)
        try:
            read(bytes(damaged))
            outcomes["read"] += 1
        except PredictionsError:
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 0


def test_a_bomb_of_nested_values_costs_nothing() -> None:
    doubled = (
        b"N" + b"\x94h\x00\x86" + b"".join(b"\x94h" + bytes([n]) + b"\x86" for n in range(1, 200)) + b"."
    )
    assert "got tuple" in refused(doubled)
    assert "text keys" in refused(b"}" + doubled[:-1] + b"Ns.")
    assert "at most" in refused(b"]" * 20_000 + b".")
    assert "got tuple" in refused(b")" + b"\x85" * 9_000 + b".")
    assert "at most" in refused(b")" + b"\x85" * 900_000 + b".")
    assert "stored value" not in refused(b"Nr\xff\xff\xff\xff.")


@pytest.mark.parametrize("shape", [(10**8, 10**8), (10**30, 0), (-1, -15), (5, 3, 1), ()])
def test_a_lying_shape_is_refused(shape: tuple[int, ...]) -> None:
    raw = SCORES.tobytes()
    sizes = b"(" + b"".join(b"\x8a\x0e" + int(n).to_bytes(14, "little", signed=True) for n in shape) + b"t"
    for state in (
        old._body(old.FROMBUFFER) + b"(" + old._body(bytearray(raw)) + old._body(old.dtype("f4")) + sizes
        + old._body("C") + b"tR.",
        old._body(old.Call(old.RECONSTRUCT, (old.Global("numpy", "ndarray"), (0,), b"b"))) + b"(K\x01" + sizes
        + old._body(old.dtype("f4")) + b"\x89" + old._body(raw) + b"tb.",
    ):  # fmt: skip
        message = refused(state)
        assert "axes" in message or "fill its shape" in message


@pytest.mark.parametrize("code", ["V8", "U4", "M8", "c8", "S1", "f16", "O", "i1"])
def test_other_types_of_arrays_are_refused(code: str) -> None:
    assert "expected an array of f2, f4" in refused(old.pickled(old.objects((1,), ["x"], code)))


def test_an_array_that_is_turned_is_read_as_numpy_reads_it() -> None:
    raw, turned = bytearray(SCORES.tobytes()), ("K", (1, 0))
    found = read(old.pickled(old.Call(old.FROMBUFFER, (raw, old.dtype("f4"), (5, 3), *turned))))
    np.testing.assert_array_equal(found.scores, SCORES.T)
    for shape, axes in (((15,), (1, 0)), ((5, 3), (0, 2)), ((5, 3), None), ((5, 3), ("x",))):
        call = old.Call(old.FROMBUFFER, (raw, old.dtype("f4"), shape, "K", axes))
        assert "C or Fortran order" in refused(old.pickled(call))


def test_an_order_that_is_no_yes_or_no_is_refused() -> None:
    state = (1, (5, 3), old.dtype("f4"), 1, SCORES.tobytes())
    call = old.Call(old.RECONSTRUCT, (old.Global("numpy", "ndarray"), (0,), b"b"), state)
    assert "its type and order" in refused(old.pickled(call))


def test_texts_are_checked_as_they_are_at_the_end() -> None:
    """The file may append to its own list after it has given it to an array, and after that to a frame."""
    label = old.objects((1, 5), LABELS)
    scores = old.Call(old.BLOCK, (old.numbers(SCORES.T), old.places(0, 3), 2))
    whole = old.frame_of(
        (scores, old.Call(old.BLOCK, (label, old.places(3, 4), 2))),
        [old.columns([*NAMES, "label"]), old.rows(5)],
    )
    body, texts = old._body(whole), old._body(LABELS)
    assert texts in body
    kept = body.replace(texts, texts + b"r\xe8\x03\x00\x00") + b"r\xe9\x03\x00\x00"
    assert read(kept + b".").labels == LABELS
    for late in (b"K\x07", old._body("more")):
        assert "one column of text" in refused(kept + b"j\xe8\x03\x00\x00" + late + b"aj\xe9\x03\x00\x00.")


def frames_gone_wrong() -> dict[str, old.Call]:
    scores = old.Call(old.BLOCK, (old.numbers(SCORES.T), old.places(0, 3), 2))
    label = old.Call(old.BLOCK, (old.objects((1, 5), LABELS), old.places(3, 4), 2))
    axes = [old.columns([*NAMES, "label"]), old.rows(5)]
    other = old.Call(old.BLOCK, (old.objects((1, 5), LABELS), old.places(0, 1), 2))
    short = old.Call(old.BLOCK, (old.objects((1, 4), LABELS[:4]), old.places(3, 4), 2))
    beyond = old.Call(old.BLOCK, (old.numbers(SCORES.T), old.places(2, 5), 2))
    whole = old.Call(old.BLOCK, (old.numbers(np.ones((3, 5), np.int64)), old.places(0, 3), 2))
    return {
        "values for each column": old.frame_of((scores,), axes),
        "got none for 'scores'": old.frame_of((), [old.columns([]), old.rows(5)]),
        "text in 'label' and the --id-column alone": old.frame_of((other, label), axes),
        "columns of one length": old.frame_of((scores, short), axes),
        "the places of a frame's 4 columns": old.frame_of((beyond, label), axes),
        "expected floats": old.frame_of((whole, label), axes),
        "each column of the frame once": old.frame_of(
            (scores,), [old.columns([*NAMES, "Mass"]), old.rows(5)]
        ),
        "two axes": old.frame_of((scores, label), axes[:1]),
        "blocks of numbers": old.frame_of((old.Call(old.BLOCK, (None, old.places(0, 3), 2)),), axes),
        "only blocks of columns": old.frame_of((axes[0],), axes),
    }


@pytest.mark.parametrize("wanted", sorted(frames_gone_wrong()))
def test_a_frame_gone_wrong_is_refused(wanted: str) -> None:
    assert wanted in refused(old.pickled(frames_gone_wrong()[wanted]))
