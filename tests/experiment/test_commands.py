"""Cross-fitting and retraining from the command to the answer, through the ledger."""

import io
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from analysis.experiment import crossfit
from analysis.experiment.plan import open_plan
from analysis.experiment.results import lists_alike
from analysis.experiment.study import plan_study
from analysis.models import Run, RunKind
from analysis.selection import find_in_run, read_run
from analysis.sweep.networks.checkpoints import read_checkpoint
from tests.stock import grant_researcher, person

pytestmark = pytest.mark.django_db


def said(*command: str) -> str:
    out = io.StringIO()
    call_command(*command, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def pages_of(client: Client, run: Run) -> list[str]:
    """Return the pages of an experiment as a researcher sees them: the run, where it came from, its figure."""
    rita = person("Rita")
    grant_researcher(user=rita, actor=None)
    client.force_login(rita)
    page = client.get(f"/runs/{run.run_id}/").content.decode()
    linked = re.findall(rf'(?:href|src)="(/runs/{run.run_id}/[^"]+)"', page)
    answers = [client.get(one) for one in linked]
    assert [answer.status_code for answer in answers] == [200] * len(linked), linked
    return [page, *linked]


STUDY = """
[study]
name = "toy"
spec = "sweep.toml"
lists = ["list.csv"]
actions = ["remove", "upweight", "relabel"]
better_labels = "better.csv"
seeds = 2
first_seed = 7
groups = ["head"]
test_labels = "true"
test_sample = "unselected"
"""


def write_study(site: Path, text: str = STUDY) -> Path:
    """Name two exemplars, and give better labels of eight images, one exemplar among them."""
    marks = {
        "image": [f"train{n:02}.png" for n in range(24)],
        "exemplar": [int(n in (0, 3)) for n in range(24)],
    }
    pd.DataFrame(marks).to_csv(site / "list.csv", index=False)
    better = pd.DataFrame({"image": [f"train{n:02}.png" for n in range(8) if n != 3], "Common": 0, "Rare": 1})
    better.to_csv(site / "better.csv", index=False)
    (site / "study.toml").write_text(text)
    return site / "study.toml"


def test_cross_fitting(site: Path, monkeypatch: pytest.MonkeyPatch, client: Client) -> None:
    monkeypatch.setattr(crossfit, "FOLDS", 2)
    monkeypatch.chdir(site)  # relative names, as in the guide
    command = ("cross_fit", "sweep.toml", "--out", "fit", "--fraction", "0.25", "--sparsity", "0.3")
    told = said(*command)
    assert (
        told.index("frozen as ")
        < told.index("6 networks, each trained on 24 images; about")
        < told.index("exemplars")
    )
    plan = open_plan(site / "fit")
    assert [job.key for job in plan.jobs] == [f"fold-{f}_seed-{s}" for f in (0, 1) for s in (0, 1, 2)]
    folds = pd.read_csv(site / "fit" / "folds.csv")
    joined = read_run(site / "fit" / "run")
    assert list(joined.images["image"]) == list(folds["image"])
    for job in plan.jobs:  # every image has the scores of the networks that have not seen its patient
        own, number = plan.run(job), int(job.arm[-1])
        assert list(own.images["image"]) == list(folds.loc[folds["fold"] == number, "image"])
        weights = pd.read_csv(job.spec.train.sample_weights)
        assert set(weights["image"]) == set(own.images["image"])
        assert set(weights["weight"]) == {0}
        here = (folds["fold"] == number).to_numpy()
        for level in ("dense", "0.30"):
            assert np.array_equal(joined.scores(job.seed, level)[here], own.scores(job.seed, level))
    table = pd.read_csv(site / "fit" / "exemplars.csv")
    assert table["exemplar"].sum() <= 6
    assert {"image", "fold", "agreement", "rank", "exemplar"} == set(table)
    again = find_in_run(
        joined, criterion="spearman", condition=0.3, fraction=0.25
    )  # as every page finds them
    assert set(again.images) == set(table.loc[table["exemplar"] == 1, "image"])
    assert list(joined.folds) == list(folds["fold"])
    run = Run.objects.get(kind=RunKind.RETRAIN)
    assert run.finished_at is not None
    assert Run.objects.get(kind=RunKind.IMPORT).folder == str(site / "fit" / "run")
    pages_of(client, run)
    before = {file: file.stat().st_mtime_ns for file in (site / "fit").rglob("*.pt")}
    assert "exemplars of 24 training images" in said(*command)  # again: nothing is trained
    assert before == {file: file.stat().st_mtime_ns for file in (site / "fit").rglob("*.pt")}


def test_cross_fitting_ranks_single_images_and_no_prior(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crossfit, "FOLDS", 2)
    people = pd.read_csv(site / "people.csv")
    people["study"], people["role"] = people["patient"], ""
    people.loc[5, "role"] = "PRIOR"
    people.to_csv(site / "people.csv", index=False)
    columns = 'columns = ["study=study", "role=role"]\ncases = "mean"\n'
    spec = (
        (site / "sweep.toml")
        .read_text()
        .replace('metadata = "people.csv"\n', f'metadata = "people.csv"\n{columns}')
    )
    (site / "sweep.toml").write_text(spec)
    said(
        "cross_fit",
        str(site / "sweep.toml"),
        "--out",
        str(site / "fit"),
        "--fraction",
        "0.25",
        "--sparsity",
        "0.3",
    )
    run, table = read_run(site / "fit" / "run"), pd.read_csv(site / "fit" / "exemplars.csv")
    assert len(table) == len(run.views) == 24
    assert set(table["image"]) - set(run.images["image"]) == {people["image"][5]}
    chosen = set(find_in_run(run, criterion="spearman", condition=0.3, fraction=0.25).images)
    assert chosen == set(table.loc[table["exemplar"] == 1, "image"])
    assert table.loc[table["image"] == people["image"][5], "agreement"].isna().all()
    for _, fold in table.groupby("fold"):
        assert sorted(fold["rank"] * len(fold)) == pytest.approx(range(1, len(fold) + 1))


def test_cross_fitting_refuses(site: Path) -> None:
    (site / "few.toml").write_text((site / "sweep.toml").read_text().replace("[0, 1, 2]", "[0, 1]"))
    with pytest.raises(CommandError, match=r"expected 3 or more for each fold, got 2"):
        said("cross_fit", str(site / "few.toml"), "--out", str(site / "fit"))
    (site / "none.toml").write_text((site / "sweep.toml").read_text().replace('metadata = "people.csv"', ""))
    with pytest.raises(CommandError, match="expected patients"):
        said("cross_fit", str(site / "none.toml"), "--out", str(site / "fit"))
    with pytest.raises(CommandError, match="expected one that compares mean scores"):
        said("cross_fit", str(site / "sweep.toml"), "--out", str(site / "fit"), "--criterion", "modal-labels")


def test_retraining(site: Path, monkeypatch: pytest.MonkeyPatch, client: Client) -> None:
    study, home = write_study(site), site / "study"
    monkeypatch.chdir(site)
    frozen = said("retrain", study.name, "--out", home.name, "--only-cost")
    assert "14 networks, each trained on 24 images" in frozen
    assert not (home / "networks").exists()
    told = said("retrain", study.name, "--out", home.name)
    plan = open_plan(home)
    assert f"frozen as {plan.said['digest']}" in frozen
    assert f"frozen as {plan.said['digest']}" in told
    assert [job.key for job in plan.jobs[:7]] == [
        f"{arm}_seed-7"
        for arm in (
            "baseline", "remove-exemplars", "remove-random", "upweight-exemplars", "upweight-random",
            "relabel-exemplars", "relabel-random",
        )
    ]  # fmt: skip
    labels = pd.read_csv(site / "train.csv", index_col="id")

    def arm(name: str) -> pd.DataFrame:
        return pd.read_csv(home / "arms" / f"{name}.csv", index_col="image")

    assert arm("remove-exemplars_seed-7")["weight"].to_dict() == {"train00.png": 0, "train03.png": 0}
    assert arm("upweight-exemplars_seed-8")["weight"].to_dict() == {"train00.png": 2, "train03.png": 2}
    drawn = [arm(f"remove-random_seed-{seed}").index for seed in (7, 8)]
    assert sorted(map(tuple, labels.loc[drawn[0]].to_numpy())) == [(0, 0), (1, 1)]  # those of the exemplars
    assert list(drawn[0]) != list(drawn[1])
    assert arm("relabel-exemplars_seed-7").to_dict("index") == {"train00.png": {"Common": 0, "Rare": 1}}
    other = arm("relabel-random_seed-7")
    assert len(other) == 1
    assert set(other.index) <= {f"train{n:02}.png" for n in (1, 2, 4, 5, 6, 7)}
    states = [
        read_checkpoint(
            home / "networks" / job.arm / "tiny_resnet8_ce_lr-0.001_bs-8_seed-8" / "chkpt.pt"
        ).state
        for job in plan.jobs
        if job.seed == 8
    ]
    assert len({state["0.weight"].numpy().tobytes() for state in states}) == 7  # every arm learned otherwise
    results = json.loads((home / "report" / "results.json").read_text())
    primary = [row for row in results["contrasts"] if row["role"] == "primary"]
    assert [row["action"] for row in primary] == ["remove", "upweight", "relabel"]
    networks = pd.read_csv(home / "report" / "networks.csv")
    tail = networks[networks["group"] == "tail"].set_index(["arm", "seed"])["ap"]
    by_hand = np.mean([tail["remove-exemplars", s] - tail["remove-random", s] for s in (7, 8)])
    assert primary[0]["estimate"] == pytest.approx(by_hand)
    assert {row["group"] for row in results["contrasts"]} == {"tail", "head"}
    assert "No verdict: 2 seeds of at least 20" in told
    assert "Synthetic images" in told
    assert (home / "report" / "figures" / "contrasts.svg").stat().st_size > 1000
    run = Run.objects.get(kind=RunKind.RETRAIN)
    assert run.run_id == f"retrain-{plan.said['digest'][:12]}"
    assert str(site) not in json.dumps(run.spec)
    shown = pages_of(client, run)
    assert "No verdict: 2 seeds of at least 20" in shown[0]
    assert "/figures/contrasts.svg" in shown[0]


def test_it_is_told_how_many_images_lists_share(site: Path) -> None:
    study = write_study(site, STUDY.replace('["list.csv"]', '["list.csv", "more.csv"]'))
    pd.DataFrame({"image": [f"train{n:02}.png" for n in (0, 3, 6, 9)], "exemplar": [1, 0, 1, 1]}).to_csv(
        site / "more.csv", index=False
    )
    assert lists_alike(plan_study(study, site / "two")) == [
        "Images in both of two lists, of those in either (Jaccard): 0.25. Only lists of cross-fittings of their own "
        "are independent."
    ]
    assert lists_alike(plan_study(write_study(site), site / "one")) == []


def test_a_frozen_study_is_not_changed(site: Path) -> None:
    study = write_study(site)
    said("retrain", str(study), "--out", str(site / "study"), "--only-cost")
    before = {path: path.read_bytes() for path in (site / "study").rglob("*") if path.is_file()}
    assert len(before) > 10
    for old, new in (
        ("first_seed = 7", "first_seed = 8"),
        ('["remove", "upweight", "relabel"]', '["relabel"]'),
    ):
        study.write_text(STUDY.replace(old, new))
        with pytest.raises(CommandError, match="which was frozen before its first training"):
            said("retrain", str(study), "--out", str(site / "study"), "--only-cost")
    study.write_text(STUDY)
    table = pd.read_csv(site / "list.csv")
    table.loc[5, "exemplar"] = 1
    table.to_csv(site / "list.csv", index=False)
    with pytest.raises(CommandError, match="which was frozen"):
        said("retrain", str(study), "--out", str(site / "study"), "--only-cost")
    assert {path: path.read_bytes() for path in (site / "study").rglob("*") if path.is_file()} == before


def test_marks_and_labels_that_are_none_are_refused_before_anything_is_frozen(site: Path) -> None:
    study = write_study(site)
    for file, text, words in (
        ("list.csv", "image,exemplar\ntrain00.png,yes\n", "column 'exemplar': expected 0 or 1, got 'yes'"),
        ("list.csv", "image,exemplar\ntrain00.png,\n", "column 'exemplar': expected 0 or 1, got a blank"),
        ("better.csv", "image,Common\ntrain00.png,2\n", "column 'Common': expected 0 or 1, got 2"),
    ):
        whole = (site / file).read_text()
        (site / file).write_text(text)
        with pytest.raises(CommandError, match=words):
            said("retrain", str(study), "--out", str(site / "study"), "--only-cost")
        (site / file).write_text(whole)
    assert not (site / "study").exists()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('test_sample = "unselected"', 'test_sample = "read by readers"', "a sample of all images"),
        ('test_labels = "true"', 'test_labels = "corrected"', "test_labels: expected true or expert"),
        ('better_labels = "better.csv"', "", "with relabel, not without"),
        ('["list.csv"]', '["list.csv", "list.csv"]', "got the same images twice"),
        ('"list.csv"', '"better.csv"', "missing: exemplar"),
        ("seeds = 2", "seeds = 1", "2 or more"),
        ('name = "toy"', 'nam = "toy"', "did you mean 'name'"),
    ],
)  # fmt: skip
def test_studies_that_answer_nothing_are_refused(site: Path, old: str, new: str, words: str) -> None:
    study = write_study(site, STUDY.replace(old, new))
    with pytest.raises(CommandError, match=words):
        said("retrain", str(study), "--out", str(site / "study"), "--only-cost")
    assert not (site / "study" / "plan.json").exists()
