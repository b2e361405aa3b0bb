"""The images that are handed over are those that the networks evaluated: by their values, or by their structure."""

import io
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from PIL import Image

from analysis.caseset import CaseSetError, find_images, read_blind_half
from analysis.caseset.read import read_report
from analysis.phantoms import PhantomSpec
from analysis.phantoms.catalogue import catalogue
from analysis.phantoms.drawing import render
from analysis.picture import read_picture
from analysis.picture.custody import fine_structure, stored_digest
from analysis.selection import Run, read_run
from analysis.services.custody import ALIKE, SIDE, WIDE, check_custody
from analysis.sweep.data_spec import DataSpec
from analysis.sweep.run.finish import finish_run
from analysis.sweep.run.prepare import open_run, prepare_run
from analysis.sweep.run.units import list_units, run_unit
from analysis.sweep.spec import PreprocessSpec
from tests.cases.images import dicom
from tests.sweep.tiny import make_tiny, write_labels

IMAGES = 9
NAMES = (*(f"{number:08d}_000.png" for number in range(IMAGES - 1)), "NA")


def bytes_of(image: np.ndarray, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, **{"format": "PNG", **options})
    return stream.getvalue()


@pytest.fixture(scope="module")
def films() -> list[np.ndarray]:
    """Draw radiographs at full depth, 500 x 410."""
    spec = PhantomSpec()
    drawn = list(catalogue(spec).split("test"))[:IMAGES]
    films = [render(spec, image, 500, 410) >> 4 for image in drawn]
    # The last but one is nearly the one before it, as a second exposure of the same patient may be; the last is there
    # twice, as some data sets have an image under two names.
    return [*films[:-2], np.roll(films[-3], 1, axis=1), films[1]]


def equalised(film: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Make what a data set publishes: 8 bit, smaller, histogram equalised."""
    small = np.asarray(Image.fromarray(film.astype(np.float32)).resize((columns, rows), Image.Resampling.BOX))
    order = np.argsort(np.argsort(small, axis=None), axis=None).reshape(small.shape)
    return (255 * order / order.max()).astype(np.uint8)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, films: list[np.ndarray]) -> Run:
    """Sweep over 8-bit equalised copies, by the real path."""
    root = tmp_path_factory.mktemp("custody")
    tiny = make_tiny(root, seeds=(0,))
    for path in tiny.images.iterdir():
        path.unlink()
    for name, film in zip(NAMES, films, strict=True):
        (tiny.images / name).write_bytes(bytes_of(equalised(film, 250, 205)))
    write_labels(tiny.labels_test, NAMES)
    data = DataSpec(name="tiny", images=tiny.images, labels_test=tiny.labels_test, head=0.5, tail=0.25)
    prepared = prepare_run(tiny.spec(data=data, preprocess=PreprocessSpec(size=64)), tiny.out)
    for unit in list_units(prepared):
        run_unit(prepared, unit)
    finish_run(prepared)
    return read_run(tiny.out)


def handed(folder: Path, make: Callable[[int], bytes], ending: str = "dcm") -> dict[str, Path]:
    """Write the files to be read, each by its number, and find them by the names of the run."""
    folder.mkdir()
    for number, name in enumerate(NAMES):
        (folder / Path(name).with_suffix(f".{ending}")).write_bytes(make(number))
    return find_images(NAMES, folder)


def full_size(film: np.ndarray) -> bytes:
    """Write a film as a hospital's DICOM file: 12 bit, twice the size of the evaluated copy."""
    return dicom(film)


def test_the_evaluated_files_themselves_are_equal(run: Run, tmp_path: Path) -> None:
    files = {name: run.folder.parent / "images" / name for name in NAMES}
    assert check_custody(run, files) == {"definition": 1, "equal": IMAGES, "alike": 0}
    again = handed(tmp_path / "again", lambda number: bytes_of(np.asarray(Image.open(files[NAMES[number]])),
                                                                compress_level=0), "png")  # fmt: skip
    assert check_custody(run, again)["equal"] == IMAGES


def test_full_size_dicom_files_of_the_same_images_are_taken(
    run: Run, films: list[np.ndarray], tmp_path: Path
) -> None:
    files = handed(tmp_path / "films", lambda number: full_size(films[number]))
    assert check_custody(run, files) == {"definition": 1, "equal": 0, "alike": IMAGES}


WRONG: dict[str, Callable[[list[np.ndarray], int], np.ndarray]] = {
    "rotated by one name": lambda films, n: films[(n + 1) % IMAGES],
    "mirrored": lambda films, n: films[n][:, ::-1],
    "upside down": lambda films, n: films[n][::-1],
    "polarity turned round": lambda films, n: 4095 - films[n],
    "cropped by a tenth": lambda films, n: films[n][50:-50, 41:-41],
    "shifted": lambda films, n: np.roll(films[n], 20, axis=1),
    "without structure": lambda films, n: np.add.outer(np.arange(500), np.arange(410)).astype(np.uint16),
}


@pytest.mark.parametrize("way", WRONG)
def test_another_picture_under_the_name_is_refused_by_name(
    run: Run, films: list[np.ndarray], tmp_path: Path, way: str
) -> None:
    files = handed(
        tmp_path / "wrong", lambda number: full_size(np.ascontiguousarray(WRONG[way](films, number)))
    )
    with pytest.raises(CaseSetError, match=rf"^{IMAGES} of {IMAGES} images are not the ones") as refused:
        check_custody(run, files)
    assert f"expected the image that was evaluated as {NAMES[0]!r}, got something else" in str(refused.value)
    assert str(refused.value).count("\n") == IMAGES  # each is named


def test_two_images_that_are_exchanged_are_refused_and_no_others(
    run: Run, films: list[np.ndarray], tmp_path: Path
) -> None:
    order = [1, 0, *range(2, IMAGES)]
    files = handed(tmp_path / "swapped", lambda number: full_size(films[order[number]]))
    with pytest.raises(CaseSetError, match=f"^2 of {IMAGES} images") as refused:
        check_custody(run, files)
    assert f"it is like the evaluated {NAMES[1]!r}" in str(refused.value)
    assert NAMES[2] not in str(refused.value)
    assert "\nand " not in str(refused.value)


def test_of_two_that_are_alike_the_nearer_must_be_the_one_of_the_name(
    run: Run, films: list[np.ndarray], tmp_path: Path
) -> None:
    order = [*range(IMAGES - 2), IMAGES - 3, IMAGES - 1]
    files = handed(tmp_path / "near", lambda number: full_size(films[order[number]]))
    with pytest.raises(CaseSetError, match=f"^1 of {IMAGES} images") as refused:
        check_custody(run, files)
    assert f"evaluated as {NAMES[-2]!r}, got one that is more like {NAMES[-3]!r}" in str(refused.value)


def test_equal_rotated_png_files_are_refused_too(run: Run, tmp_path: Path) -> None:
    source = run.folder.parent / "images"
    files = handed(tmp_path / "r", lambda n: (source / NAMES[(n + 1) % IMAGES]).read_bytes(), "png")
    with pytest.raises(CaseSetError, match=f"^{IMAGES} of {IMAGES}"):
        check_custody(run, files)


def test_an_imported_run_cannot_be_checked_and_wants_a_reason(run: Run, tmp_path: Path) -> None:
    tables = {name: digest for name, digest in run.provenance["tables"].items() if name != "custody.csv"}
    imported = replace(run, provenance={**run.provenance, "tables": tables})
    files = {name: run.folder.parent / "images" / name for name in NAMES}
    with pytest.raises(CaseSetError, match=r"cannot be checked.*--unchecked-images REASON"):
        check_custody(imported, files)
    assert check_custody(imported, files, " predictions of others ") == {"unchecked": "predictions of others"}


def test_what_cannot_be_compared_is_refused(run: Run, films: list[np.ndarray], tmp_path: Path) -> None:
    files = handed(tmp_path / "films", lambda number: full_size(films[number]))
    strangers = {name: files[NAMES[0]] for name in ("b.png", "a.png")}
    with pytest.raises(CaseSetError, match=r"expected images of the run, 'a\.png' is not among them"):
        check_custody(run, files | strangers)
    torn = tmp_path / "torn.dcm"
    torn.write_bytes(b"torn")
    with pytest.raises(CaseSetError, match=r"torn\.dcm: expected a readable image"):
        check_custody(run, files | {NAMES[2]: torn})


def test_where_the_evaluated_images_are_gone_it_says_what_to_do(
    run: Run, films: list[np.ndarray], tmp_path: Path
) -> None:
    files = handed(tmp_path / "films", lambda number: full_size(films[number]))
    images, cache = run.folder.parent / "images", Path(open_run(run.folder).plan["cache"]["file"]).parent
    for folder in (images, cache):
        folder.rename(folder.with_name(f"{folder.name}-away"))
    try:
        with pytest.raises(CaseSetError, match=r"are gone and cannot be decoded again .*restore its images"):
            check_custody(run, files)
    finally:
        shutil.rmtree(cache, ignore_errors=True)
        for folder in (images, cache):
            folder.with_name(f"{folder.name}-away").rename(folder)


def test_the_command_checks_before_anything_is_written_and_records_what_it_did(
    run: Run, films: list[np.ndarray], tmp_path: Path
) -> None:
    def write(images: Path, name: str, *more: str) -> Path:
        call_command(
            "write_case_set", str(run.folder), "--images", str(images), "--out", str(tmp_path / name), "--key-out",
            str(tmp_path / f"{name}.csv"), "--fraction", "0.25", "--controls", "random", "--same-patient-allowed",
            *more, stdout=io.StringIO(),
        )  # fmt: skip
        return tmp_path / name

    handed(tmp_path / "films", lambda number: full_size(films[number]))
    handed(tmp_path / "rotated", lambda number: full_size(films[(number + 1) % IMAGES]))
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(CommandError, match="images are not the ones that the networks evaluated"):
        write(tmp_path / "rotated", "wrong")
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    custody = read_blind_half(write(tmp_path / "films", "right")).custody
    assert custody["equal"] == 0
    assert custody["alike"] > 0
    forced = write(tmp_path / "rotated", "forced", "--unchecked-images", "a drill")
    assert read_blind_half(forced).custody == {"unchecked": "a drill"}
    assert read_report(tmp_path / "forced.csv")["custody"] == {"unchecked": "a drill"}


def test_the_digest_is_of_the_values_their_shape_and_their_type(films: list[np.ndarray]) -> None:
    film = films[0].astype(np.uint16)
    same = stored_digest(film)
    assert stored_digest(read_picture(dicom(film)).stored) == same
    assert stored_digest(read_picture(bytes_of(film)).stored) == same
    assert stored_digest(np.asfortranarray(film)) == same
    assert stored_digest(film.astype(">u2")) == same
    others = [film.T, film[:, ::-1], film.reshape(-1, film.shape[0]), film.astype(np.int16), film + 1]
    assert len({same, *(stored_digest(np.ascontiguousarray(other)) for other in others)}) == 6


def test_the_threshold_lies_between_copies_and_all_else(films: list[np.ndarray]) -> None:
    """What docs/formats.md says of the threshold, on these films: copies above it, everything else below."""
    for size in (64, 256):

        def at(image: np.ndarray, size: int = size) -> np.ndarray:
            return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR))

        def seen(image: np.ndarray, at: Callable[[np.ndarray], np.ndarray] = at) -> np.ndarray:
            return fine_structure(at(image), SIDE, WIDE)

        grey = [np.clip(film / 16, 0, 255).astype(np.uint8) for film in films]
        own = [seen(equalised(film, 250, 205)) for film in films]
        copies = [float(a @ seen(b)) for a, b in zip(own, grey, strict=True)]
        pairs = [(i, j) for i in range(IMAGES - 2) for j in range(IMAGES - 2) if i != j]
        others = [float(own[i] @ seen(grey[j])) for i, j in pairs]
        mirrors = [float(a @ seen(np.ascontiguousarray(b[:, ::-1]))) for a, b in zip(own, grey, strict=True)]
        assert min(copies) > ALIKE + 0.02
        assert max(others + mirrors) < ALIKE - 0.02
