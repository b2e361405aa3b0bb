"""Folds keep patients together and spread rare labels; random sets are like the list they are compared with."""

import numpy as np
import pandas as pd
import pytest

from analysis.experiment.crossfit import folds_by_patient
from analysis.experiment.study import matched_set
from analysis.selection.exemplars import rank_exemplars, within_folds
from analysis.sweep.errors import DataError


def test_a_patient_is_in_one_fold_and_rare_labels_in_all() -> None:
    rng = np.random.default_rng(0)
    patients = pd.Series([f"p{n // 3}" for n in range(300)])  # 100 patients of three images
    labels = (rng.random((300, 3)) < (0.4, 0.1, 0.0)).astype(np.int8)
    labels[[0, 30, 60, 90, 120], 2] = 1  # five patients with the rarest class, for five folds
    fold = folds_by_patient(labels, patients, 5, seed=1)
    assert pd.Series(fold).groupby(patients).nunique().max() == 1
    assert sorted(fold[[0, 30, 60, 90, 120]]) == [0, 1, 2, 3, 4]
    counts = np.array([labels[fold == one].sum(axis=0) for one in range(5)])
    assert np.ptp(counts[:, 1]) <= 3
    assert np.ptp(np.bincount(fold)) <= 6
    assert not np.array_equal(fold, folds_by_patient(labels, patients, 5, seed=2))


def test_a_rare_label_goes_where_it_lacks_though_the_fold_is_large() -> None:
    patients = pd.Series([*["a1"] * 10, "a2", "b1", "b2", "b2"])
    labels = np.zeros((14, 2), np.int8)
    labels[[0, 10], 0] = 1
    labels[11:, 1] = 1
    fold = folds_by_patient(labels, patients, 2, seed=0)
    assert fold[0] != fold[10]
    assert fold[11] != fold[12]


def test_images_without_a_patient_are_patients_of_their_own() -> None:
    fold = folds_by_patient(np.zeros((4, 1), np.int8), pd.Series(["", "", None, "a"]), 4, seed=0)
    assert sorted(fold) == [0, 1, 2, 3]
    with pytest.raises(DataError, match="expected patients for 3 folds, got 1"):
        folds_by_patient(np.zeros((2, 1), np.int8), pd.Series(["a", "a"]), 3, seed=0)


def test_a_random_set_has_the_labels_of_the_list() -> None:
    labels = np.array([[1, 0], [0, 1], [1, 0], [1, 0], [0, 1], [0, 0]], np.int8)
    chosen = np.array([0, 1])
    drawn = {tuple(matched_set(labels, chosen, np.arange(6), seed)) for seed in range(20)}
    assert drawn == {(2, 4), (3, 4)}
    # Only image 5 is left for the second positive of the first class: the nearest there is.
    assert matched_set(labels, np.array([0, 2]), np.array([3, 5]), 0).tolist() == [3, 5]
    with pytest.raises(DataError, match="expected 2 images to draw a random set from, got 1"):
        matched_set(labels, chosen, np.array([0, 1, 5]), 0)


def test_agreements_are_ranked_within_their_fold_before_the_cut() -> None:
    """The networks of fold 1 agree less on every image, which is not what makes an exemplar."""
    agreement = np.array([0.9, 0.8, 0.95, 0.99, 0.1, 0.2, 0.3, np.nan])
    fold = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    assert within_folds(agreement, np.arange(8), fold).tolist() == [0.5, 0.25, 0.75, 1, 0.25, 0.5, 0.75, 1]
    names = list("abcdefgh")
    found = rank_exemplars(names, agreement, criterion="spearman", fraction=0.25, seed=0, folds=fold)
    assert set(found.images) == {"b", "e"}
    assert found.cut == 0.8
    assert found.undefined["image"].tolist() == ["h"]
    alike = rank_exemplars(names[:4], np.ones(4), criterion="spearman", fraction=0.5, seed=0, folds=fold[:4])
    assert alike.images == []  # in full agreement
    one = rank_exemplars(names, agreement, criterion="spearman", fraction=0.15, seed=0, folds=fold)
    assert set(one.tied["image"]) == {"b", "e"}  # the lowest of both folds, and one of them came in
