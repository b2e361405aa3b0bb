"""A page can name places inside the data folders and nothing else on the disk."""

from pathlib import Path

import pytest

from analysis.services.places import OFFERED, PlaceError, inside, listing, pattern_inside, within
from tests.ledger.inputs import Inputs

OUTSIDE = [
    "../secret.csv",
    "images/../../secret.csv",
    "link.csv",
    "way-out/secret.csv",
    "/etc/passwd",
    "a\0b",
    "",
]


@pytest.mark.parametrize("text", OUTSIDE)
def test_outside_is_answered_as_what_is_not_there(inputs: Inputs, text: str) -> None:
    with pytest.raises(PlaceError) as there:
        inside(text, inputs.roots, kind="file")
    with pytest.raises(PlaceError) as absent:
        inside("labels/no-such-file.csv", inputs.roots, kind="file")
    assert str(there.value) == str(absent.value)
    assert "secret" not in str(there.value)


@pytest.mark.parametrize("text", ["/", "/etc", "..", "way-out", "../.."])
def test_a_folder_outside_is_refused(inputs: Inputs, text: str) -> None:
    with pytest.raises(PlaceError, match="expected a folder inside the data folder"):
        inside(text, inputs.roots, kind="folder")
    with pytest.raises(PlaceError, match="expected a folder"):
        pattern_inside(f"{text}/*/chkpt.pt", inputs.roots)


def test_whole_and_relative_places_inside_are_found(inputs: Inputs) -> None:
    whole = inputs.root / "labels" / "train.csv"
    assert inside("labels/train.csv", inputs.roots, kind="file") == whole
    assert inside(str(whole), inputs.roots, kind="file") == whole
    assert inside("labels", inputs.roots, kind="folder") == inputs.root / "labels"
    with pytest.raises(PlaceError, match="expected a folder"):
        inside("labels/train.csv", inputs.roots, kind="folder")


def test_a_root_that_is_itself_a_link_is_a_root(inputs: Inputs, tmp_path: Path) -> None:
    (tmp_path / "disk").symlink_to(inputs.root, target_is_directory=True)
    assert inside("images", [tmp_path / "disk"], kind="folder") == inputs.root / "images"


def test_patterns_keep_their_wild_part(inputs: Inputs) -> None:
    made = pattern_inside("trained_models/*_seed-{seed}/chkpt.pt", inputs.roots)
    assert made == inputs.root / "trained_models" / "*_seed-{seed}" / "chkpt.pt"
    with pytest.raises(PlaceError, match=r"'\.\.'"):
        pattern_inside("trained_models/*/../../../secret.csv", inputs.roots)


def test_the_tree_is_inside_and_bounded(inputs: Inputs) -> None:
    (top,), _ = listing("", inputs.roots)
    assert (top["path"], top["folder"]) == (str(inputs.root), True)
    (inputs.root / ".hidden").mkdir()
    rows, more = listing(top["path"], inputs.roots)
    names = [row["name"] for row in rows]
    assert {"images", "labels", "trained_models"} <= set(names)
    assert not {"way-out", ".hidden"} & set(names)
    assert more == 0
    labels, _ = listing("labels", inputs.roots)
    assert [row["path"] for row in labels if row["name"] == "train.csv"] == [
        str(inputs.root / "labels/train.csv")
    ]
    for number in range(OFFERED + 50):
        (inputs.root / "labels" / f"many-{number:03}.csv").touch()
    rows, more = listing("labels", inputs.roots)
    assert (len(rows), more) == (OFFERED, 53)
    for outside in ("way-out", "..", "/etc", "nowhere", str(inputs.root.parent)):
        with pytest.raises(PlaceError, match="expected a folder inside"):
            listing(outside, inputs.roots)


def test_within_follows_links(inputs: Inputs) -> None:
    assert within(inputs.root / "images", inputs.roots)
    assert not within(inputs.root / "way-out" / "secret.csv", inputs.roots)
