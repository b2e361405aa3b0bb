"""A case set in colour: every image keeps its three channels, and nothing tells one from another."""

import io
import json
import uuid
from pathlib import Path

import numpy as np
import pytest
from django.test import RequestFactory
from PIL import Image, ImageCms

from analysis.caseset import CaseSetError
from analysis.picture.custody import stored_digest
from analysis.picture.refusals import ImageRefusedError, Reason
from readerstudy.cases import loader
from readerstudy.cases.frame import COLOUR, decode_curve, decode_frame, straight
from readerstudy.cases.loader import CaseSetRefusedError, load_case_set
from readerstudy.cases.models import CaseSet, Frame
from readerstudy.cases.selectors import THUMBNAIL, cases_of, frame_bytes, frame_json, thumbnail_response
from readerstudy.cases.window import WindowRule
from tests.cases.images import blind_half, decode, greys, png
from tests.stock import person

pytestmark = pytest.mark.django_db

STUDY = uuid.UUID(int=31)


def colours(rows: int = 12, columns: int = 20, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(40, 200, (rows, columns, 3)).astype(np.uint8)


def without(values: np.ndarray) -> np.ndarray:
    """Return three equal channels."""
    return np.repeat(values[..., None], 3, axis=2)


def load(
    folder: Path, images: list[bytes], *, colour: bool = True, rule: WindowRule = WindowRule.DICOM
) -> CaseSet:
    return load_case_set(
        folder=blind_half(folder / "set", images, colour=colour), study_key=STUDY, frames_root=folder / "frames",
        window_rule=rule, actor=None,
    )  # fmt: skip


def test_every_image_of_the_set_becomes_a_frame_of_one_form(tmp_path: Path) -> None:
    """One has no colour in any pixel: in another format it would be told from the others."""
    images = [colours(seed=1), without(greys((12, 20), 8)), colours(seed=2)]
    load(tmp_path, [png(values) for values in images])
    cases = list(cases_of(STUDY))
    same = {"format": 3, "rows": 12, "columns": 20, "bits": 8, "window": [0, 255], "spacing": None}
    assert [frame_json(case.frame) for case in cases] == [same] * 3
    files = [frame_bytes(case, tmp_path / "frames") for case in cases]
    assert len({len(file) for file in files}) == 1
    stored = [decode_frame(file, 12, 20, 8, 3) for file in files]
    assert all(sum((values == one).all() for one in stored) == 1 for values in images)
    assert all((decode_curve(file, 8) == straight(8)).all() for file in files)


def test_the_digest_of_the_pixels_is_over_all_three_channels(tmp_path: Path) -> None:
    values = colours()
    load(tmp_path, [png(values)])
    frame = Frame.objects.get()
    assert frame.pixels_sha256 == loader._keyed(stored_digest(values))
    assert frame.pixels_sha256 != loader._keyed(stored_digest(values[..., 0]))


def others() -> list[bytes]:
    """Write images of every kind that a set in colour must not hold."""
    palette, jpeg = io.BytesIO(), io.BytesIO()
    Image.fromarray(colours()).quantize(8).save(palette, "PNG")
    Image.fromarray(colours()).save(jpeg, "JPEG")
    opaque = np.dstack([colours(), np.full((12, 20), 255, np.uint8)])
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return [
        png(colours(), icc_profile=profile),
        palette.getvalue(),
        jpeg.getvalue(),
        *map(png, [greys(bits=8), greys(bits=16), opaque]),
    ]


@pytest.mark.parametrize("number", range(6))
def test_an_image_of_another_kind_is_not_decoded_in_colour(tmp_path: Path, number: int) -> None:
    with pytest.raises(ImageRefusedError) as caught:
        decode(others()[number], tmp_path, colour=True)
    assert caught.value.refusal.reason is Reason.NOT_RGB


def test_a_set_with_images_of_another_kind_is_refused_by_case_and_nothing_is_loaded(tmp_path: Path) -> None:
    with pytest.raises((CaseSetRefusedError, CaseSetError)) as caught:
        load(tmp_path, [png(colours()), *others()])
    keys = {path.stem for path in (tmp_path / "set/images").iterdir()}
    assert sum(key in str(caught.value) for key in keys) == 6
    assert not CaseSet.objects.exists()
    assert not [path for path in (tmp_path / "frames").rglob("*") if path.is_file()]


def test_colour_in_a_grey_set_is_refused_by_case(tmp_path: Path) -> None:
    with pytest.raises(CaseSetRefusedError) as caught:
        load(tmp_path, [png(greys(bits=8)), png(colours())], colour=False)
    ((_, refusal),) = caught.value.refusals
    assert refusal.reason is Reason.COLOUR


def test_percentiles_are_those_of_all_channels_and_give_one_curve(tmp_path: Path) -> None:
    """So that no hue changes by itself; the networks were given the pictures as they are."""
    folder = tmp_path / "set"
    blind_half(folder, [png(colours())], colour=True)
    said = json.loads((folder / "provenance.json").read_text())
    said["run"]["window"] = [0.5, 99.5]
    (folder / "provenance.json").write_text(json.dumps(said))
    case_set = load_case_set(
        folder=folder, study_key=STUDY, frames_root=tmp_path / "frames", window_rule=WindowRule.PERCENTILE, actor=None
    )  # fmt: skip
    frame = Frame.objects.get()
    assert [frame.window_low, frame.window_high] == np.percentile(colours(), [0.5, 99.5]).tolist()
    curve = decode_curve(frame_bytes(frame.case, tmp_path / "frames"), 8)
    assert (curve == straight(8, frame.window_low, frame.window_high)).all()
    assert case_set.apart == 1


def test_a_small_picture_is_in_colour_and_as_it_is_shown_at_first(
    tmp_path: Path, settings: pytest.FixtureRequest
) -> None:
    settings.FRAMES_ROOT = tmp_path / "frames"
    values = np.full((2 * THUMBNAIL, THUMBNAIL, 3), (200, 100, 50), np.uint8)
    load(tmp_path, [png(values)])
    (case,) = cases_of(STUDY)
    request = RequestFactory().get("/")
    request.user = person("Alice")
    small = Image.open(io.BytesIO(thumbnail_response(case, request).content))
    assert (small.mode, small.size) == ("RGB", (THUMBNAIL // 2, THUMBNAIL))
    assert (np.asarray(small) == (200, 100, 50)).all()
    assert case.frame.format == COLOUR
