"""Specifications: read from TOML, refused with a clear word, named by what they freeze."""

from dataclasses import replace
from pathlib import Path

import pytest

from analysis.frames import MIMIC_CLASSES, NIH_CLASSES
from analysis.sweep.data_spec import DataSpec
from analysis.sweep.errors import SpecError
from analysis.sweep.spec import SPARSITIES, InferSpec, PruneSpec, SweepSpec
from analysis.sweep.toml import load_spec, spec_from

DATA = {"name": "d", "images": "images"}


def read(tmp_path: Path, text: str) -> SweepSpec:
    (tmp_path / "spec.toml").write_text(text)
    return load_spec(str(tmp_path / "spec.toml"))  # as a notebook gives it


def test_defaults_are_the_published_study(tmp_path):
    spec = read(tmp_path, '[data]\nname = "nih-cxr-lt"\nimages = "images"\n')
    assert spec.prune.sparsities == SPARSITIES
    assert len(SPARSITIES) == 20
    assert SPARSITIES[-1] == 0.95
    assert (spec.preprocess.size, spec.models.architecture, spec.data.classes) == (
        256,
        "resnet50",
        NIH_CLASSES,
    )
    assert spec.data.images == tmp_path / "images"


def test_everything_that_toml_can_say(tmp_path):
    spec = read(
        tmp_path,
        '[data]\nname="m"\nimages="/abs"\nlabels_test="t.csv"\nclasses="mimic-cxr-lt"\n'
        '[preprocess]\nsize=64\nwindow=[1, 99]\n[models]\ncheckpoints="a-{seed}.pt"\nseeds=[2, 1]\n'
        '[prune]\nmethod="random"\nsparsities=[0, 0.9]\n[infer]\nthreads=2\n[train]\nepochs=2\nflip=false\n',
    )
    assert spec.data.classes == MIMIC_CLASSES
    assert spec.data.id_column == "path"
    assert spec.data.images == Path("/abs")
    assert spec.data.labels_test == tmp_path / "t.csv"
    assert spec.preprocess.window == (1.0, 99.0)
    assert spec.models.checkpoints == (str(tmp_path / "a-{seed}.pt"),)
    assert spec.prune.sparsities == (0.0, 0.9)
    assert spec.train.flip is False


def test_stored_form_reads_back(tmp_path):
    spec = read(tmp_path, '[data]\nname="d"\nimages="i"\nclasses=["a","b"]\n[train]\nseeds=[1,2]\n')
    assert spec_from(spec.as_dict(), base=Path("/elsewhere")) == spec


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"data": {**DATA, "imges": "x"}}, ["[data]", "'imges'", "did you mean 'images'"]),
        ({"data": DATA, "prunes": {}}, ["section", "'prunes'", "did you mean 'prune'"]),
        ({}, ["section [data]"]),
        ({"data": {"name": "d"}}, ["[data]", "the key images"]),
        ({"data": {**DATA, "classes": "chexpart"}}, ["nih-cxr-lt", "'chexpart'"]),
        ({"data": DATA, "preprocess": {"size": "big"}}, ["[preprocess] size", "whole number", "'big'"]),
        ({"data": DATA, "preprocess": {"size": True}}, ["[preprocess] size", "True"]),
        ({"data": DATA, "preprocess": {"antialias": 1}}, ["antialias", "true or false"]),
        ({"data": DATA, "prune": {"sparsities": [0.5, 1.0]}}, ["[prune] sparsities", "below 1"]),
        ({"data": DATA, "prune": {"sparsities": [0.5, 0.5]}}, ["each ratio once"]),
        ({"data": DATA, "prune": {"sparsities": [0.125]}}, ["two decimals"]),
        ({"data": DATA, "prune": {"sparsities": 0.5}}, ["a list", "0.5"]),
        ({"data": DATA, "infer": {"precision": "fp16"}}, ["fp32 or bf16 on a CPU"]),
        ({"data": DATA, "models": {"seeds": [1, 1]}}, ["each seed once"]),
        ({"data": {**DATA, "head": 0.1, "tail": 5}}, ["head and tail"]),
    ],
)
def test_refuses_with_a_clear_word(content, words):
    with pytest.raises(SpecError) as error:
        spec_from(content, base=Path("/x"), where="SPEC.toml")
    for word in words:
        assert word in str(error.value)


def test_absent_and_broken_files(tmp_path):
    with pytest.raises(SpecError, match="got none"):
        load_spec(tmp_path / "none.toml")
    with pytest.raises(SpecError, match="expected TOML"):
        read(tmp_path, "[data\n")
    with pytest.raises(SpecError, match="expected a TOML file to read, got the error 'Is a directory'"):
        load_spec(tmp_path)


def test_run_id_is_pinned():
    """A change here renames every run: raise the format in `run_id` if the meaning of a choice has changed."""
    spec = SweepSpec(DataSpec("d", Path("images")), prune=PruneSpec(sparsities=(0.0, 0.9)))
    assert spec.run_id({"labels_test": "aa", "images": "bb"}) == "637aa4bcb1ea"


def test_run_id_follows_choices_not_places():
    spec = SweepSpec(DataSpec("d", Path("images")))
    digests = {"labels_test": "aa"}
    moved = replace(spec, data=replace(spec.data, images=Path("/elsewhere"), name="other"))
    assert moved.run_id(digests) == spec.run_id(digests)
    others = [
        replace(spec, infer=InferSpec(batch_size=7)).run_id(digests),
        replace(spec, prune=PruneSpec(method="random")).run_id(digests),
        replace(spec, data=replace(spec.data, classes=("a",))).run_id(digests),
        spec.run_id({"labels_test": "ab"}),
    ]
    assert len({spec.run_id(digests), *others}) == 5
