"""Colour from a sweep to a case set: custody, copies, what could tell the arms, and the images themselves."""

import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from analysis.caseset import (
    CaseSetError,
    Origin,
    find_images,
    read_blind_half,
    verify_case_set,
    write_case_set,
)
from analysis.caseset.read import read_report
from analysis.endpoints import Groups
from analysis.selection import Run, SelectionSpec, read_run
from analysis.selection.duplicates import fingerprint, glance_features, near_duplicates
from analysis.services.custody import check_custody
from analysis.services.handover import SEEN, hand_over
from analysis.services.listed import hand_over_listed
from analysis.sweep.data.pixels import read_pixels
from analysis.sweep.run.finish import run_sweep
from analysis.sweep.spec import PreprocessSpec
from tests.caseset.pictures import dicom, pixels
from tests.caseset.sets import NONCE, selection
from tests.sweep.coloured import CLASSES, in_grey, picture, write_coloured
from tests.sweep.tiny import write_checkpoint


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Sweep over images in colour with an untrained network."""
    root = tmp_path_factory.mktemp("tints")
    spec = write_coloured(root)
    for seed in (0, 1):
        write_checkpoint(root / f"seed-{seed}.pt", seed, spec.models.architecture, len(CLASSES))
    spec = replace(spec, preprocess=PreprocessSpec(size=64, colour="rgb"))
    run_sweep(spec.with_checkpoints(str(root / "seed-{seed}.pt")), root / "run")
    return read_run(root / "run")


def files_of(run: Run) -> dict[str, Path]:
    names = list(run.images["image"])
    return find_images(names, run.folder.parent / "images", among=names)


def changed(run: Run, folder: Path, change) -> dict[str, Path]:
    folder.mkdir()
    made = {}
    for name, path in list(files_of(run).items())[:6]:
        made[name] = folder / name
        made[name].write_bytes(change(Image.open(path)))
    return made


def as_png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def as_jpeg(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.resize((96, 96), Image.Resampling.BICUBIC).save(stream, "JPEG", quality=80)
    return stream.getvalue()


def test_custody_compares_colour(run: Run, tmp_path: Path) -> None:
    assert check_custody(run, files_of(run)) == {"definition": 1, "equal": 60, "alike": 0}
    assert check_custody(run, changed(run, tmp_path / "jpeg", as_jpeg))["alike"] == 6
    wrong = {
        "grey": lambda image: as_png(image.convert("L")),
        "exchanged": lambda image: as_png(Image.merge("RGB", [image.split()[n] for n in (1, 0, 2)])),
    }
    for name, change in wrong.items():
        with pytest.raises(CaseSetError, match="6 of 6 images are not the ones that the networks evaluated"):
            check_custody(run, changed(run, tmp_path / name, change))


CHOICE = SelectionSpec(
    size=8,
    seed=3,
    controls="random",
    exact=(),
    criterion="jensen-shannon",
    fraction=0.2,
    distinct_patients=False,
)


def test_a_sweep_in_colour_becomes_a_set_in_colour(run: Run, tmp_path: Path) -> None:
    images = run.folder.parent / "images"
    hand_over(
        run=run.folder, spec=CHOICE, images=images, out=tmp_path / "cases", key_out=tmp_path / "key.csv"
    )
    blind = read_blind_half(tmp_path / "cases")
    assert blind.colour
    assert verify_case_set(tmp_path / "cases", tmp_path / "key.csv").cases == len(blind.cases)
    sources = {
        read_pixels(path, replace(SEEN, size=32)).square.tobytes() for path in images.glob("test*.png")
    }
    for name in blind.cases["image"]:
        with Image.open(blind.folder / name) as image:
            assert image.mode == "RGB"
            assert np.asarray(image).tobytes() in sources
    report = read_report(tmp_path / "key.csv")
    assert set(report["pixels"]) == {"brightness", "contrast", "sharpness", "red", "blue"}
    assert list(report["leaks"]["encodings"]) == ["PNG RGB colour"]
    assert check_custody(run, {}) == {"definition": 1, "equal": 0, "alike": 0}


def test_colour_is_said_by_true_or_not_at_all(tmp_path: Path) -> None:
    out = write(tmp_path, mixed(20))
    said = json.loads((out / "provenance.json").read_text())
    assert said["colour"] is True
    (out / "provenance.json").write_text(json.dumps(said | {"colour": "yes"}))
    with pytest.raises(CaseSetError, match="expected colour as true"):
        read_blind_half(out)


def mode_of(path: Path) -> str:
    with Image.open(path) as image:
        return image.mode


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def write(folder: Path, files: dict[int, bytes], colour: bool | None = None, ending: str = "png") -> Path:
    """Write a set of twenty cases whose images hold these bytes."""
    rows = selection(ending=ending)
    names = list(rows["image"])
    (folder / "given").mkdir()
    images = {}
    for number, data in files.items():
        images[names[number]] = folder / "given" / f"{number}.{ending}"
        images[names[number]].write_bytes(data)
    origin = Origin("run", "0" * 64, True, colour=colour)
    write_case_set(
        rows, images=images, out=folder / "cases", key_out=folder / "key.csv", origin=origin, nonce=NONCE
    )
    return folder / "cases"


def mixed(coloured: int, grey: bytes | None = None) -> dict[int, bytes]:
    """Return twenty images, the first of them in colour."""
    in_colour = {n: as_png(Image.fromarray(picture(rng(n), True))) for n in range(coloured)}
    return in_colour | {n: grey or as_png(Image.fromarray(pixels(n))) for n in range(coloured, 20)}


def test_a_set_is_what_most_of_its_images_are_unless_a_sweep_says_it(tmp_path: Path) -> None:
    for name in "abcde":
        (tmp_path / name).mkdir()
    out = write(tmp_path / "a", mixed(18))
    modes = {mode_of(path) for path in (out / "images").iterdir()}
    assert (read_blind_half(out).colour, modes) == (True, {"RGB"})
    with pytest.raises(CaseSetError, match="2 of 20 images cannot be handed over") as caught:
        write(tmp_path / "b", mixed(2))
    assert str(caught.value).count("expected a grey image, found colour") == 2
    with pytest.raises(CaseSetError, match="18 of 20"):
        write(tmp_path / "c", mixed(18), colour=False)
    assert not (tmp_path / "c" / "cases").exists()
    grey = write(tmp_path / "d", mixed(0))
    assert "colour" not in json.loads((grey / "provenance.json").read_text())
    forced = write(tmp_path / "e", mixed(0), colour=True)
    assert {mode_of(path) for path in (forced / "images").iterdir()} == {"RGB"}


def test_deep_grey_among_colours_is_refused_by_name(tmp_path: Path) -> None:
    files = mixed(19, dicom(pixels(3, bits=12)))
    with pytest.raises(CaseSetError, match=r"19\.png: expected an image in colour, as the others of the set"):
        write(tmp_path, files)


def test_listed_cases_in_colour(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    lines = ["image,group,labels"]
    for number in range(20):
        name = f"i{number:02d}.png"
        Image.fromarray(picture(rng(number), number < 10)).save(tmp_path / "images" / name)
        lines.append(f"{name},{'new' if number < 10 else 'old'},Mass")
    (tmp_path / "list.csv").write_text("\n".join(lines))
    hand_over_listed(
        listed=tmp_path / "list.csv", groups=Groups("new", "new", "old", "old"), images=tmp_path / "images",
        out=tmp_path / "cases", key_out=tmp_path / "key.csv",
    )  # fmt: skip
    assert read_blind_half(tmp_path / "cases").colour
    told = read_report(tmp_path / "key.csv")["pixels"]
    assert told["red"]["auc"] == 1.0  # the groups differ by colour alone, and the report says so
    assert told["brightness"]["auc_low"] < 0.5 < told["brightness"]["auc_high"]


def test_copies_are_found_in_colour_and_colour_is_a_feature(tmp_path: Path) -> None:
    squares = [np.asarray(Image.fromarray(picture(rng(n), n % 2 == 0)).resize((256, 256))) for n in range(5)]
    copy = np.asarray(Image.open(io.BytesIO(as_jpeg(Image.fromarray(squares[3])))).resize((256, 256)))
    prints = np.stack([fingerprint(square) for square in (*squares, copy)])
    assert [pair[:2] for pair in near_duplicates([*"abcde", "copy"], prints)] == [("d", "copy")]
    flat = np.zeros((2, 2, 3), np.uint8) + np.array([30, 10, 5], np.uint8)
    assert (glance_features(flat)["red"], glance_features(flat)["blue"]) == (20.0, -5.0)


def test_a_grey_sweep_hands_over_no_colour(run: Run, tmp_path: Path) -> None:
    root = tmp_path / "grey"
    spec = in_grey(write_coloured(root))
    for seed in (0, 1):
        shutil.copy(run.folder.parent / f"seed-{seed}.pt", root)
    run_sweep(spec.with_checkpoints(str(root / "seed-{seed}.pt")), root / "run")
    with pytest.raises(CaseSetError, match="expected a grey image, found colour"):
        hand_over(run=root / "run", spec=CHOICE, images=root / "images", out=tmp_path / "cases",
                  key_out=tmp_path / "key.csv")  # fmt: skip
