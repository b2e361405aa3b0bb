"""Every example of docs/formats.md holds what the definitions say, and the examples that belong together do."""

import hashlib
import io
import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analysis import frames
from analysis.caseset.keys import case_key, separation_group
from analysis.caseset.plan import assign_blocks
from analysis.caseset.read import FORMAT, check_record
from analysis.endpoints import FILE, read_endpoints
from analysis.phantoms.dataset import METADATA, TRUTH
from analysis.picture import read_picture
from analysis.picture.custody import DEFINITION
from analysis.picture.tone import Window
from analysis.selection.choose import SelectionSpec
from analysis.selection.matching import Nearest
from analysis.stats import Results, check
from analysis.stats.plan import Plan
from analysis.sweep.data.people import read_people
from analysis.sweep.data.splits import read_split
from analysis.sweep.spec import SPARSITIES, PreprocessSpec
from analysis.sweep.toml import load_spec
from tests.docs.drawn import PART, PARTS, ROOT, documents, redrawn
from tests.hostile.neutral import FIELDS, made_up

TEXT = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
BLOCKS = {
    (language, content.split("\n", 1)[0]): content
    for language, content in re.findall(r"```([a-z]+)\n(.*?)```", TEXT, re.DOTALL)
}
TABLES = {table.name: table for table in frames.TABLES}


def block(language: str, start: str) -> str:
    """Return the one example in a language whose first line starts like this."""
    found = [
        content for (kind, first), content in BLOCKS.items() if kind == language and first.startswith(start)
    ]
    assert len(found) == 1
    return found[0]


def table(start: str) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(block("csv", start)), dtype=str, keep_default_na=False)


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("images.csv", "image,view,sex,age,patient"),
        ("classes.csv", "class,train_positives"),
        ("metrics.csv", "seed,condition,sparsity"),
        ("list of cases", "image,group,labels"),
        ("selection", "image,arm,pair"),
        ("cases.csv", "case,image,sha256"),
        ("key.csv", "case,arm,pair,score"),
        ("ratings.csv", "reader,case,arm"),
    ],
)
def test_table_passes_its_check(name: str, start: str) -> None:
    frame = table(start)
    frames.check_table(frame, TABLES[name])
    allowed = [*TABLES[name].names, *(frames.NIH_CLASSES if name == "images.csv" else ())]
    assert [column for column in frame.columns if column not in allowed] == []
    assert list(frame.columns) == [column for column in allowed if column in frame.columns]


def test_every_table_has_an_example_and_its_columns() -> None:
    assert {name.removeprefix("columns of ") for name in PARTS if name.startswith("columns")} == set(TABLES)
    drawn = {part["name"] for path in documents() for part in PART.finditer(path.read_text(encoding="utf-8"))}
    assert drawn == set(PARTS)


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.name)
def test_drawn_parts_are_up_to_date(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert redrawn(text) == text, "draw again: python -m tests.docs.drawn"


@pytest.fixture
def data_set(tmp_path: Path) -> Path:
    """Write the examples of the label file, the metadata and the specification where the latter looks."""
    (tmp_path / "labels").mkdir()
    labels = block("csv", "id,No Finding")
    for split in ("train", "val", "test"):
        (tmp_path / "labels" / f"miccai2023_nih-cxr-lt_labels_{split}.csv").write_text(labels)
    (tmp_path / "Data_Entry_2017.csv").write_text(block("csv", "Image Index"))
    (tmp_path / "SPEC.toml").write_text(block("toml", "[data]"))
    return tmp_path / "SPEC.toml"


def test_the_sweep_reads_the_examples(data_set: Path) -> None:
    spec = load_spec(data_set)
    assert spec.prune.sparsities == SPARSITIES
    split = read_split(spec.data.labels_test, spec.data, "test")
    assert split.labels.shape == (4, 20)
    people = read_people(split.images, spec.data)
    assert people.warnings == ()
    assert list(people.frame["age"]) == [61, 58, 44, 47]
    assert list(people.frame["patient"]) == ["13", "211", "1247", "2290"]


def test_labels_metadata_and_selection_tell_the_same() -> None:
    labels = table("id,No Finding")
    frames.one_row_each(labels, frames.NIH_CLASSES, "id", "the example")
    matrix = labels[list(frames.NIH_CLASSES)].astype(int).to_numpy()
    chosen = table("image,arm,pair")
    assert list(chosen["image"]) == list(labels["id"])
    assert list(chosen["labels"]) == frames.label_text(matrix, frames.NIH_CLASSES)
    assert list(chosen["n_findings"].astype(int)) == list(frames.count_findings(matrix, frames.NIH_CLASSES))
    assert block("csv", "Image Index").split("\n", 1)[0] == ",".join(METADATA)


def test_digests_and_names_of_the_case_set_are_right() -> None:
    cases, key, chosen = table("case,image,sha256"), table("case,arm,pair,score"), table("image,arm,pair")
    provenance = _provenance()
    assert (
        hashlib.sha256(block("csv", "case,image,sha256").encode()).hexdigest() == provenance["cases_sha256"]
    )
    assert (
        hashlib.sha256(block("csv", "case,arm,pair,score").encode()).hexdigest() == provenance["key_sha256"]
    )
    nonce = bytes.fromhex(key["nonce"].iloc[0])
    assert list(key["case"]) == [case_key(nonce, source) for source in key["source"]] == list(cases["case"])
    groups = key.groupby("pair")["source"].agg(lambda sources: separation_group(nonce, sources))
    assert list(key["pair"].map(groups)) == list(cases["separation_group"])
    blocks = assign_blocks(
        list(cases["case"]), list(cases["separation_group"]), list(key["arm"]), block_size=20, nonce=nonce
    )
    assert list(cases["block"].astype(int)) == blocks
    told = chosen.set_index("image").loc[list(key["source"]), ["arm", "pair", "score", "labels"]]
    assert list(told["arm"]) == list(key["arm"])
    assert list(told["score"]) == list(key["score"])
    assert list(told["labels"]) == list(cases["labels"])


def _documents_in_json() -> list[dict[str, Any]]:
    return [json.loads(content) for content in re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)]


def _provenance() -> dict[str, Any]:
    (found,) = [each for each in _documents_in_json() if each.get("kind") == "case set"]
    return found


def test_the_examples_have_every_field_that_is_written() -> None:
    """A field that the code writes and the example lacks is one that the documentation has missed."""
    custody = block("csv", "image,stored_sha256")
    (run,) = [each for each in _documents_in_json() if "predictions" in each]
    assert run["tables"]["custody.csv"] == hashlib.sha256(custody.encode()).hexdigest()
    assert run["images"]["stored"] == DEFINITION
    found = _provenance()
    said = found["selection"]
    spec = SelectionSpec(
        condition=said["condition"], reference=said["reference"], exact=tuple(said["exact"]), size=said["size"],
        nearest=tuple(Nearest(each["column"], each["weight"]) for each in said["nearest"]),
    )  # fmt: skip
    assert said == spec.settings() | {"estimand": spec.estimand}
    assert check_record(found["custody"], "the example") == found["custody"]
    assert found["run"]["window"] == list(PreprocessSpec().window)
    (results,) = [each for each in _documents_in_json() if "comparisons" in each]
    assert Plan.from_row(results["study"]).as_row().items() <= results["study"].items()
    assert {"questions", "groups"} <= results["study"].keys()


def test_json_examples_have_a_format() -> None:
    found = _documents_in_json()
    assert len(found) == 6
    formats = {
        str(each.get("kind", "run" if "predictions" in each else number)): each["format"]
        for number, each in enumerate(found)
    }
    assert formats.pop("run") == frames.RUN_FORMAT
    assert formats.pop("site backup") == 2
    assert formats.pop("case set") == FORMAT
    assert set(formats.values()) == {frames.FORMAT}


def test_example_of_the_chunk_in_an_image_is_read() -> None:
    (said,) = [each for each in _documents_in_json() if "voi" in each]
    assert set(said) == set(FIELDS)
    picture = read_picture(made_up(said))
    assert (picture.bits, picture.spacing, picture.voi) == (12, (0.139, 0.139), (Window(2048.0, 4096.0),))


def test_the_example_of_questions_can_be_read(tmp_path: Path) -> None:
    (found,) = [each for each in _documents_in_json() if "questions" in each]
    path = tmp_path / FILE
    path.write_text(json.dumps(found), encoding="utf-8")
    (sure,) = read_endpoints(path)
    assert [sure.as_row()] == found["questions"]


def test_results_example_can_be_read_as_results() -> None:
    (found,) = [each for each in _documents_in_json() if "comparisons" in each]
    results = Results(**{name: value for name, value in found.items() if name not in {"format", "warning"}})
    assert list(results.as_dict()) == list(found)
    assert results.as_dict()["warning"] == found["warning"]


def test_ratings_example_can_be_analysed() -> None:
    checked = check(table("reader,case,arm"))
    assert len(checked.first) == 4
    assert set(checked.first["case"]) == set(table("case,arm,pair,score")["case"])


def test_truth_example_has_the_header() -> None:
    assert list(table("image,flipped_labels").columns) == list(TRUTH)
