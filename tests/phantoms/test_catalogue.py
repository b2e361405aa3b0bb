"""Who is in a set: exact counts, the long tail, companions, patients, faults."""

from collections import Counter, defaultdict
from dataclasses import replace
from itertools import compress

import numpy as np
import pytest

from analysis.frames import NIH_CLASSES, NO_FINDING
from analysis.phantoms import FaultRates, PhantomSpec
from analysis.phantoms.catalogue import SHARES, catalogue, deal_labels, quotas
from analysis.phantoms.faults import LOOK_ALIKES, SUBTLE

DEMO = PhantomSpec()
HEALTHY = NIH_CLASSES.index(NO_FINDING)


def labels(split: str, spec: PhantomSpec = DEMO) -> np.ndarray:
    return np.array([image.labels for image in catalogue(spec).split(split)])


def test_every_class_has_a_positive_in_test_and_a_few_in_training() -> None:
    assert labels("test").sum(axis=0).min() >= 1
    assert labels("train").sum(axis=0).min() >= 3


def test_most_frequent_class_is_a_hundred_times_the_rarest() -> None:
    counts = np.concatenate([labels(split) for split in ("train", "val", "test")]).sum(axis=0)
    assert counts.max() / counts.min() >= 100
    assert labels("train").sum(axis=0).max() / labels("train").sum(axis=0).min() >= 100


def test_counts_are_dealt_not_drawn() -> None:
    for seed in (1, 2, 3):
        dealt = deal_labels(400, np.random.default_rng(seed)).sum(axis=0)
        assert dict(zip(NIH_CLASSES, dealt.tolist(), strict=True)) == quotas(400)


@pytest.mark.parametrize("images", [20, 21, 33, 60, 200, 1999])
def test_deal_labels_leaves_no_image_without_a_label(images: int) -> None:
    dealt = deal_labels(images, np.random.default_rng(0))
    assert dealt.shape == (images, len(NIH_CLASSES))
    assert dealt.sum(axis=1).min() >= 1
    assert dealt.sum(axis=0).min() >= 1


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_no_finding_stands_alone(split: str) -> None:
    written = labels(split)
    alone = written[:, HEALTHY] == 1
    assert (written[alone].sum(axis=1) == 1).all()
    assert (np.delete(written, HEALTHY, axis=1)[~alone].sum(axis=1) >= 1).all()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Effusion", "Atelectasis"),
        ("Cardiomegaly", "Edema"),
        ("Edema", "Effusion"),
        ("Pneumothorax", "Subcutaneous Emphysema"),
        ("Pneumothorax", "Pneumomediastinum"),
    ],
)
def test_companions_occur_together_more_than_by_chance(first: str, second: str) -> None:
    written = labels("train")
    a, b = written[:, NIH_CLASSES.index(first)], written[:, NIH_CLASSES.index(second)]
    assert (a & b).mean() > 2 * a.mean() * b.mean()


def test_no_patient_is_in_two_splits_and_some_come_again() -> None:
    splits = defaultdict(set)
    for image in catalogue(DEMO):
        splits[image.patient].add(image.split)
    assert all(len(found) == 1 for found in splits.values())
    assert len(splits) < len(catalogue(DEMO))


def test_a_patient_keeps_name_sex_and_does_not_get_younger() -> None:
    seen = {}
    for image in catalogue(DEMO):
        assert image.name == f"{image.patient:08d}_{image.follow_up:03d}.png"
        sex, age, follow_up = seen.get(image.patient, (image.sex, 0, -1))
        assert (image.sex, image.follow_up) == (sex, follow_up + 1)
        assert image.age >= age
        seen[image.patient] = image.sex, image.age, image.follow_up


def test_views_sexes_and_ages_vary() -> None:
    images = catalogue(DEMO)
    assert min(Counter(image.view for image in images).values()) > 400
    assert min(Counter(image.sex for image in images).values()) > 400
    assert np.std([image.age for image in images]) > 10


@pytest.mark.parametrize(("split", "rates"), [("train", DEMO.train_faults), ("test", DEMO.test_faults)])
def test_faults_come_at_the_stated_rates(split: str, rates: FaultRates) -> None:
    planted = [image.planted for image in catalogue(DEMO).split(split)]
    counts = Counter(one.label for one in planted)
    for kind in ("random", "missed", "exchanged"):
        assert counts[kind] == round(getattr(rates, kind) * len(planted))
    assert sum(bool(one.quality) for one in planted) == round(rates.low_quality * len(planted))
    abnormal = [image for image in catalogue(DEMO).split(split) if image.findings]
    assert sum(image.planted.difficult for image in abnormal) == round(rates.difficult * len(abnormal))


def test_kinds_of_wrong_labels_are_what_their_names_say() -> None:
    pairs = {frozenset(pair) for pair in LOOK_ALIKES}
    for image in catalogue(DEMO):
        planted, changed = image.planted, image.planted.flipped
        assert bool(planted.label) == bool(changed)
        assert planted.difficult == (planted.contrast == SUBTLE)
        if planted.label == "missed":
            assert planted.difficult
            assert {name[0] for name in changed} == {"-"}
        if planted.label == "exchanged":
            assert not planted.difficult
            assert [name[0] for name in changed] == ["-", "+"]
            assert frozenset(name[1:] for name in changed) in pairs
        if planted.label == "random":
            assert len(changed) == 1


def test_random_labels_know_nothing_of_the_picture() -> None:
    """The negative control: over many seeds as often on difficult images as elsewhere, and on images with a finding."""
    found = Counter()
    for seed in range(40):
        for image in catalogue(PhantomSpec(seed=seed, train=400, val=0, test=20)).split("train"):
            found[image.planted.label == "random", image.planted.difficult] += 1
            found["finding", image.planted.label == "random", bool(image.findings)] += 1
    hard, clear = (found[True, side] / (found[True, side] + found[False, side]) for side in (True, False))
    assert hard == pytest.approx(clear, abs=0.015)
    with_one, without = (
        found["finding", True, side] / (found["finding", True, side] + found["finding", False, side])
        for side in (True, False)
    )
    assert with_one == pytest.approx(without, abs=0.01)


def test_most_difficult_images_are_labelled_correctly() -> None:
    hard = [image.planted for image in catalogue(DEMO) if image.planted.difficult]
    assert 0.2 < sum(not one.label for one in hard) / len(hard) < 0.9


def test_flips_are_the_difference_between_picture_and_label() -> None:
    for image in catalogue(DEMO):
        written = set(compress(NIH_CLASSES, image.labels)) - {NO_FINDING}
        expected = {f"+{name}" for name in written - set(image.findings)}
        expected |= {f"-{name}" for name in set(image.findings) - written}
        assert set(image.planted.flipped) == expected


def test_without_fault_rates_labels_are_the_truth() -> None:
    clean = FaultRates(0, 0, 0, 0, 0)
    spec = replace(DEMO, train=60, val=0, test=40, train_faults=clean, test_faults=clean)
    for image in catalogue(spec):
        assert tuple(compress(NIH_CLASSES, image.labels)) == (image.findings or (NO_FINDING,))
        assert (image.planted.flipped, image.planted.quality, image.planted.difficult) == ((), "", False)


def test_shares_name_every_class_but_no_finding() -> None:
    assert {*SHARES, NO_FINDING} == set(NIH_CLASSES)
