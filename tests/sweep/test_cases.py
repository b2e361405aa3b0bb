"""A sweep over studies: the score of a case is the mean over its current views, and priors are never scored."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from django.core.management import CommandError, call_command
from PIL import Image

from analysis.caseset import read_blind_half, read_key, verify_case_set
from analysis.frames import NIH_CLASSES
from analysis.imports.importing import import_predictions
from analysis.imports.listing import Choices
from analysis.metrics.ranking import rank_quality
from analysis.selection import Run, SelectionSpec, read_run, select
from analysis.services.findings import Choices as FindingChoices
from analysis.services.findings import analyse_folder
from analysis.sweep.errors import DataError
from analysis.sweep.run.finish import run_sweep
from analysis.sweep.run.prepare import prepare_run
from analysis.sweep.spec import InferSpec, PruneSpec, SweepSpec
from tests.sweep.tiny import TinySweep, make_tiny, write_images

STUDIES = 24
VIEW = {"L": "LL", "F": "PA", "O": "PA"}
"""Of the letter in a name: lateral, frontal, and the frontal one of an older study."""


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> TinySweep:
    """Write 24 studies of three images each; the first has no lateral."""
    tiny = make_tiny(tmp_path_factory.mktemp("studies"))
    names = [f"{study:03d}_{letter}.png" for study in range(STUDIES) for letter in "LFO"][1:]
    write_images(tiny.images, names)
    labels = np.random.default_rng(2).integers(0, 2, (STUDIES, len(NIH_CLASSES)))
    labels[0], labels[1] = 0, 1
    table = pd.DataFrame(labels[[int(name[:3]) for name in names]], columns=list(NIH_CLASSES))
    table.insert(0, "id", names)
    letter = table["id"].str[4]
    table.loc[letter == "O", list(NIH_CLASSES)] = 0  # what was there before is no label of the case
    table["study"], table["view"] = table["id"].str[:3], letter.map(VIEW)
    table["role"] = letter.map({"O": "prior", "F": "", "L": ""})
    table["subj_id"] = "p" + table["study"]
    table.to_csv(tiny.root / "all.csv", index=False)
    return tiny


def spec_of(studies: TinySweep, labels: Path, cases: str) -> SweepSpec:
    spec = studies.spec(
        prune=PruneSpec(sparsities=(0.0, 0.9)), infer=InferSpec(batch_size=1, threads=1, engine="torch")
    )
    data = replace(
        spec.data, layout="manifest", labels_test=labels, columns=("patient=subj_id",), cases=cases
    )
    return replace(spec, data=data)


def swept(studies: TinySweep, out: Path, cases: str, table: pd.DataFrame | None = None) -> Run:
    labels = studies.root / "all.csv"
    if table is not None:
        labels = out.with_suffix(".csv")
        table.to_csv(labels, index=False)
    run_sweep(spec_of(studies, labels, cases), out, cache=studies.root / "cache")
    return read_run(out)


@pytest.fixture(scope="module")
def mean(studies: TinySweep) -> Run:
    return swept(studies, studies.root / "mean", "mean")


def quality(run: Run) -> pd.DataFrame:
    return pd.read_csv(run.folder / "metrics.csv").set_index(["seed", "condition", "class"]).sort_index()


def test_a_case_has_the_mean_probability_of_its_current_views(studies: TinySweep, mean: Run) -> None:
    alone = swept(studies, studies.root / "alone", "image")
    assert list(mean.images["image"]) == [f"{study:03d}_F.png" for study in range(STUDIES)]
    assert sorted(alone.images["image"]) == sorted(n for n in mean.views["image"] if n[4] != "O")
    place = {name: row for row, name in enumerate(mean.views["image"])}
    labels = mean.labels
    for seed in (0, 1):
        for condition in ("dense", "0.90"):
            raw = np.load(mean.predictions[seed, condition])
            assert np.array_equal(raw, np.load(alone.predictions[seed, condition]))
            by_hand = np.stack([raw[place["000_F.png"]]] + [
                (raw[place[f"{study:03d}_L.png"]] + raw[place[f"{study:03d}_F.png"]]) / 2
                for study in range(1, STUDIES)
            ])  # fmt: skip
            np.testing.assert_allclose(mean.scores(seed, condition), by_hand, rtol=1e-6)
            ranked = rank_quality(labels, mean.scores(seed, condition))
            said = quality(mean).loc[(seed, condition)].loc[mean.class_names]
            np.testing.assert_allclose(said["auc"], ranked.auc)
            assert list(said["positives"]) == list((labels == 1).sum(axis=0))
    assert mean.run_id != alone.run_id
    assert not quality(mean).equals(quality(alone))


@pytest.mark.parametrize("cases", ["image", "mean"])
def test_a_prior_changes_nothing(studies: TinySweep, mean: Run, tmp_path: Path, cases: str) -> None:
    table = pd.read_csv(studies.root / "all.csv", dtype=str, keep_default_na=False)
    without = swept(studies, tmp_path / "without", cases, table[table["role"] == ""])
    whole = mean if cases == "mean" else swept(studies, tmp_path / "with", cases)
    assert len(whole.views) == len(without.views) + STUDIES
    assert list(whole.images["image"]) == list(without.images["image"])
    assert quality(whole).equals(quality(without))
    for seed in (0, 1):
        assert np.array_equal(whole.scores(seed, "0.90"), without.scores(seed, "0.90"))


def test_the_order_of_rows_changes_nothing(studies: TinySweep, mean: Run, tmp_path: Path) -> None:
    table = pd.read_csv(studies.root / "all.csv", dtype=str, keep_default_na=False).sample(
        frac=1, random_state=3
    )
    other = swept(studies, tmp_path / "other", "mean", table)
    place = pd.Index(other.images["image"]).get_indexer(mean.images["image"])
    assert set(place) == set(range(STUDIES))
    assert list(place) != sorted(place)
    assert np.array_equal(other.scores(1, "dense")[place], mean.scores(1, "dense"))
    assert quality(other).equals(quality(mean))


def test_imported_scores_are_averaged_too(studies: TinySweep, mean: Run, tmp_path: Path) -> None:
    for (seed, name), file in mean.predictions.items():
        (tmp_path / name).mkdir(exist_ok=True)
        shutil.copy(file, tmp_path / name / f"seed-{seed}.npy")
    places = {name: tmp_path / name for name in mean.conditions}
    runs = []
    for cases in ("mean", "image"):
        data = spec_of(studies, studies.root / "all.csv", cases).data
        import_predictions(places, tmp_path / cases, Choices(data=data))
        runs.append(read_run(tmp_path / cases))
    assert list(runs[0].images["image"]) == list(mean.images["image"])
    assert np.array_equal(runs[0].scores(1, "0.90"), mean.scores(1, "0.90"))
    assert quality(runs[0])[["positives", "ap", "f1"]].equals(quality(mean)[["positives", "ap", "f1"]])
    assert runs[0].run_id != runs[1].run_id


def test_findings_and_experts_are_about_cases(studies: TinySweep, tmp_path: Path) -> None:
    """Experts call the laterals of twelve studies positive and the frontal images, which stand for cases, negative."""
    spec = spec_of(studies, studies.root / "all.csv", "mean")
    read = [f"{study:03d}_{letter}.png" for study in range(1, 13) for letter in "LF"]
    pd.DataFrame({"id": read, "Edema": [1, 0] * 12}).to_csv(tmp_path / "experts.csv", index=False)
    data = replace(spec.data, expert_labels=tmp_path / "experts.csv", expert_classes=("Edema=Edema",))
    run_sweep(replace(spec, data=data), tmp_path / "run", cache=studies.root / "cache")
    found = analyse_folder(tmp_path / "run", FindingChoices(fraction=0.25))
    row = found.findings.frames()["experts"].iloc[0]
    labels = found.run.images.set_index("image")["Edema"].loc[read[1::2]]
    assert row["of_exemplars"] + row["of_others"] == 12
    assert row["exemplars"] + row["others"] == (labels == 1).sum()
    assert {name[4] for name in found.exemplars["image"]} == {"F"}


def test_a_run_over_single_images_is_called_as_before(studies: TinySweep) -> None:
    assert "cases" not in spec_of(studies, studies.root / "all.csv", "image").choices()["data"]
    assert spec_of(studies, studies.root / "all.csv", "mean").choices()["data"]["cases"] == "mean"


@pytest.mark.parametrize("views", [("PRIOR", "LATERAL", "PA"), ("PA", "PRIOR")])
def test_exemplars_are_cases_and_their_priors_are_shown(
    studies: TinySweep, mean: Run, tmp_path: Path, views: tuple[str, ...]
) -> None:
    for path in studies.images.iterdir():  # darker copies: compared with the evaluated pictures, priors too
        (tmp_path / "reading").mkdir(exist_ok=True)
        Image.open(path).point(lambda grey: grey * 0.9).save(tmp_path / "reading" / path.name)
    call_command(
        "write_case_set", str(mean.folder), "--images", str(tmp_path / "reading"), "--out", str(tmp_path / "cases"),
        "--key-out", str(tmp_path / "key.csv"), "--fraction", "0.25", "--exact", "--nearest", "--views", *views,
    )  # fmt: skip
    whole = STUDIES - ("LATERAL" in views)
    key = read_key(tmp_path / "key.csv")
    assert verify_case_set(tmp_path / "cases", tmp_path / "key.csv").cases == len(key.rows) <= whole
    letters = ["LFO"[("LATERAL", "PA", "PRIOR").index(view)] for view in views]
    for _, rows in key.images.groupby("case", sort=False):
        assert list(rows["role"]) == list(views)
        assert [name[4] for name in rows["source"]] == letters
        assert len({name[:3] for name in rows["source"]}) == 1
    blind = read_blind_half(tmp_path / "cases").cases
    labels = pd.read_csv(studies.root / "all.csv").set_index("id")[list(NIH_CLASSES)]
    of_case = dict(zip(key.rows["case"], key.rows["source"], strict=True))
    for case, told in zip(blind["case"], blind["labels"], strict=True):
        positive = labels.loc[f"{of_case[case][:3]}_F.png"] == 1
        expected = "; ".join(positive.index[positive]) or "none of the classes"  # though its prior had none
        assert told == expected
    chosen = select(mean, SelectionSpec(fraction=0.25, exact=(), nearest=(), views=views))
    scored = set(chosen.rows.loc[chosen.rows["arm"] == 1, "case"])
    assert scored
    assert {name[4] for name in scored} == {"F"}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"Edema": "0"}, "row 3: expected images of one study to have the same labels and patient"),
        ({"subj_id": "somebody"}, "row 3: expected images of one study to have the same labels and patient"),
        ({"study": ""}, "expected the study of each image"),
        ({"role": "prior"}, "nothing but priors"),
    ],
)
def test_what_is_no_case_is_refused(
    studies: TinySweep, tmp_path: Path, changes: dict[str, str], says: str
) -> None:
    table = pd.read_csv(studies.root / "all.csv", dtype=str, keep_default_na=False)
    for name, value in changes.items():
        table.loc[3 if name in ("Edema", "subj_id") else table.index, name] = value
    labels = tmp_path / "labels.csv"
    table.to_csv(labels, index=False)
    with pytest.raises(DataError, match=says):
        prepare_run(spec_of(studies, labels, "mean"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_views_whose_study_has_no_scored_image_make_no_cases(
    studies: TinySweep, mean: Run, tmp_path: Path
) -> None:
    with pytest.raises(
        CommandError, match=r"each of the views AP, PRIOR, got none; the run has LATERAL, PA, PRIOR"
    ):
        call_command(
            "write_case_set", str(mean.folder), "--images", str(studies.images), "--out", str(tmp_path / "cases"),
            "--key-out", str(tmp_path / "key.csv"), "--views", "AP", "PRIOR",
        )  # fmt: skip
