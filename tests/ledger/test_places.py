"""A page can name places inside the data folders and nothing else on the disk."""

from pathlib import Path

import pytest

from analysis.services.places import OFFERED, PlaceError, inside, offered, pattern_inside, within
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


def test_offers_are_inside_and_bounded(inputs: Inputs) -> None:
    tables = offered(inputs.roots, kind="file", suffixes=(".csv",))
    assert set(tables) == {
        "labels/miccai2023_nih-cxr-lt_labels_test.csv", "labels/train.csv", "labels/val.csv",
    }  # fmt: skip
    assert {"images", "labels", "trained_models"} <= set(offered(inputs.roots, kind="folder"))
    assert "way-out" not in offered(inputs.roots, kind="folder")
    for number in range(OFFERED + 50):
        (inputs.root / f"many-{number:03}.csv").touch()
    assert len(offered(inputs.roots, kind="file", suffixes=(".csv",))) == OFFERED
    assert offered([inputs.root / "nowhere"], kind="folder") == []


def test_within_follows_links(inputs: Inputs) -> None:
    assert within(inputs.root / "images", inputs.roots)
    assert not within(inputs.root / "way-out" / "secret.csv", inputs.roots)
