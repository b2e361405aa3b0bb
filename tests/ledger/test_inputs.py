"""Data sets and ensembles are checked before they are written down, and bad ones leave no row."""

import pytest
from PIL import Image

from analysis.models import DataSet, Ensemble
from analysis.services.data_sets import InputError, examine, register_data_set
from analysis.services.ensembles import register_ensemble
from analysis.signals import changed
from tests.ledger.inputs import ARCHITECTURE, Inputs
from tests.sweep.tiny import write_checkpoint

pytestmark = pytest.mark.django_db


def register(inputs: Inputs, slug: str = "tiny", **changes: object) -> DataSet:
    section = {name: value for name, value in {**inputs.section, **changes}.items() if value is not None}
    return register_data_set(slug=slug, section=section, roots=inputs.roots)


def test_a_data_set_is_counted_and_told(inputs: Inputs) -> None:
    told = []

    def listen(kind: str, subject: str, values: dict, **_: object) -> None:
        told.append((kind, subject, values["counts"]))

    changed.connect(listen)
    try:
        made = register(inputs, synthetic=True)
    finally:
        changed.disconnect(listen)
    assert made.counts == {"train": 9, "val": 3, "test": 4}
    assert told == [("data_set.registered", "tiny", made.counts)]
    assert made.synthetic
    assert len(made.classes) == 20
    first = made.classes[0]
    assert first["name"] == "No Finding"
    assert 1 <= first["train"] <= 9
    assert made.section["images"] == str(inputs.root / "images")
    assert set(made.digests) == {"train", "val", "test"}


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"images": "/etc"}, "images", "expected a folder inside the data folder"),
        ({"labels_test": "../secret.csv"}, "labels_test", "expected a file inside the data folder"),
        ({"labels_test": "link.csv"}, "labels_test", "expected a file inside the data folder"),
        ({"images": "labels"}, "labels_train", "images are missing"),
        ({"labels_test": None, "labels_train": None, "labels_val": None}, "labels_test", "at least one label file"),
        ({"classes": ["No such class"]}, "labels_train", "No such class"),
        ({"classes": "my-own"}, "", "expected one of"),
        ({"suffix": ".dcm"}, "labels_train", "images are missing"),
    ],
)  # fmt: skip
def test_a_bad_data_set_is_refused_at_its_field(
    inputs: Inputs, changes: dict[str, object], field: str, words: str
) -> None:
    with pytest.raises(InputError, match=words) as refused:
        register(inputs, **changes)
    assert refused.value.field == field
    assert not DataSet.objects.exists()


def test_images_in_two_splits_are_noticed(inputs: Inputs) -> None:
    made = register(inputs, labels_val="labels/train.csv")
    assert "9 images are in both the train and the val split" in made.warnings


def test_a_name_is_given_once(inputs: Inputs) -> None:
    register(inputs)
    with pytest.raises(InputError, match="already registered") as refused:
        register(inputs)
    assert refused.value.field == "slug"


def ensemble(inputs: Inputs, data_set: DataSet, checkpoints: str) -> Ensemble:
    return register_ensemble(
        slug="nets", data_set=data_set, architecture=ARCHITECTURE, checkpoints=checkpoints,
        preprocess={"size": 32}, roots=inputs.roots,
    )  # fmt: skip


def test_an_ensemble_knows_its_seeds(inputs: Inputs) -> None:
    made = ensemble(inputs, register(inputs), "trained_models")
    assert made.seeds == [0, 1]
    assert made.checkpoints == str(inputs.root / "trained_models")


@pytest.mark.parametrize("place", ["images", "../", "way-out", "trained_models/*_seed-9/chkpt.pt", "nowhere"])
def test_no_ensemble_where_there_are_no_checkpoints(inputs: Inputs, place: str) -> None:
    data_set = register(inputs)
    with pytest.raises(InputError) as refused:
        ensemble(inputs, data_set, place)
    assert refused.value.field == "checkpoints"
    assert not Ensemble.objects.exists()


def test_a_checkpoint_that_is_a_link_to_outside_is_refused(inputs: Inputs) -> None:
    write_checkpoint(inputs.secret.with_name("seed-5.pt"), 5)
    (inputs.root / "nets").mkdir()
    (inputs.root / "nets" / "seed-5.pt").symlink_to(inputs.secret.with_name("seed-5.pt"))
    with pytest.raises(InputError, match="a link to another place"):
        ensemble(inputs, register(inputs), "nets/seed-{seed}.pt")


def test_a_preview_says_how_many_pictures_are_in_colour_and_shows_them_so(inputs: Inputs) -> None:
    Image.new("RGB", (40, 40), (200, 10, 40)).save(inputs.root / "images" / "00000001_000.png")
    seen = examine(slug="tiny", section=inputs.section, roots=inputs.roots, pictures=100)
    assert seen.colours == "16 of 16: 15 grey, 1 in colour"
    shown = dict(seen.pictures)["00000001_000.png"]
    assert shown[0, 0].tolist() == [200, 10, 40]
