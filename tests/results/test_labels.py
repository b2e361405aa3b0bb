"""From answers back to labels: what counts, by hand, and who may have it."""

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from django.core.management import CommandError, call_command

from analysis.caseset.read import report_path
from analysis.experiment.study import plan_study
from readerstudy.results.labels import LabelsError, counted, dawid_skene, judgements, labels_frame, noise_rate
from readerstudy.results.models import Unblinding
from readerstudy.results.values import ReadCase, Reading, Revision
from readerstudy.study.protocol import Protocol
from readerstudy.study.protocol.presets import PRESETS, PUBLISHED_QUESTIONS
from tests.guards import drop_guards
from tests.stock import PASSWORD, Stock
from tests.sweep.tiny import write_images

PROTOCOL = Protocol(questions=PRESETS["follow_ups"].questions).as_json()
CASE = ReadCase("c1", 1, ("Effusion", "Mass"), 1, "", None, "tail", 2)
OTHER = ReadCase("c2", 1, ("Hernia",), 0, "", None, "head", 1)


def reading(reader: str, case: ReadCase, presentation: int = 1, **answers: Any) -> Reading:
    given = {key: {"status": "answered", "value": value} for key, value in answers.items()}
    saved = Revision(given, (), "", 1.0, datetime(2026, 1, 1, tzinfo=UTC))
    return Reading(reader, None, case, presentation, 1, False, (saved,) if answers else ())


def said(*readings: Reading) -> dict[tuple[str, str], tuple[int, int]]:
    rows = judgements(PROTOCOL, readings).to_dict("records")
    return {(row["reader"], row["class"]): (row["shown"], row["value"]) for row in rows}


def test_full_agreement_endorses_every_label_that_was_shown() -> None:
    assert said(reading("R1", CASE, agree=1)) == {("R1", "Effusion"): (1, 1), ("R1", "Mass"): (1, 1)}


def test_a_tick_rejects_its_label_and_leaves_the_others() -> None:
    found = said(reading("R1", CASE, agree=0, wrong_labels=["Mass"], missing_labels=["Nodule"]))
    assert found == {("R1", "Effusion"): (1, 1), ("R1", "Mass"): (1, 0), ("R1", "Nodule"): (0, 1)}


@pytest.mark.parametrize(
    "answers", [{"agree": 0}, {"agree": 0, "wrong_labels": [], "missing_labels": []}, {}, {"quality": 3}]
)
def test_a_reader_who_does_not_say_what_is_wrong_says_nothing_of_labels(answers: dict[str, Any]) -> None:
    assert said(reading("R1", CASE, **answers)) == {}


def test_a_hidden_repeat_and_a_case_that_could_not_be_assessed_do_not_count() -> None:
    unsure = reading("R1", CASE, quality=1)
    unsure.revisions[0].answers["agree"] = {"status": "cannot_assess", "value": None}
    assert said(reading("R2", CASE, 2, agree=1), unsure) == {}


def test_counts_and_shares_by_hand() -> None:
    """Mass: two of three endorse it; Effusion: all; Nodule: one adds it; Hernia: one each way, so no label."""
    readings = [
        reading("R1", CASE, agree=1), reading("R2", CASE, agree=1),
        reading("R3", CASE, agree=0, wrong_labels=["Mass"], missing_labels=["Nodule"]),
        reading("R1", OTHER, agree=1), reading("R2", OTHER, agree=0, wrong_labels=["Hernia"]),
    ]  # fmt: skip
    table = counted(judgements(PROTOCOL, readings), readings).set_index("class")
    assert table.loc["Mass", ["endorse", "reject", "label", "readers", "arm"]].tolist() == [2, 1, 1, 3, 1]
    assert table.loc["Mass", "share"] == pytest.approx(2 / 3)
    assert table.loc["Nodule", ["shown", "endorse", "reject", "label"]].tolist() == [0, 1, 0, 1]
    assert table.loc["Hernia", "share"] == 0.5
    assert pd.isna(table.loc["Hernia", "label"])
    assert table["dawid_skene"].isna().all()  # one case has two readers only


def test_dawid_and_skene_needs_three_readers_and_weighs_them() -> None:
    cases = [ReadCase(f"c{n}", 1, ("Mass",), 1, "", None, "tail", 1) for n in range(12)]
    readings = [
        reading(reader, case, agree=int(right), **({} if right else {"wrong_labels": ["Mass"]}))
        for place, case in enumerate(cases)
        for reader, right in (("R1", place % 3 > 0), ("R2", place % 3 > 0), ("R3", place % 2 > 0))
    ]
    table = counted(judgements(PROTOCOL, readings), readings)
    by_case = table.set_index("case")["dawid_skene"]
    assert (by_case[["c1", "c2", "c4"]] > 0.9).all()
    assert (by_case[["c0", "c3", "c6"]] < 0.1).all()  # R3 stands alone in c3 and does not sway it


def test_dawid_and_skene_of_one_round_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Votes 11, 00: hits (1 + 1) / (1 + 2) = 2/3 each, false alarms 1/3 each, prior one half: odds 4 and 1/4."""
    monkeypatch.setattr("readerstudy.results.labels.ROUNDS", 1)
    assert dawid_skene(np.array([[1.0, 1.0], [0.0, 0.0]])).tolist() == pytest.approx([0.8, 0.2])
    # A reader who did not judge has no say: odds 2 and 1/2 of the one vote, with hits 2/3 and alarms 1/3.
    assert dawid_skene(np.array([[1.0, np.nan], [0.0, np.nan]])).tolist() == pytest.approx([2 / 3, 1 / 3])


def test_the_rate_of_wrong_labels_uses_the_weights_of_the_sample() -> None:
    """Head: 1 of 4 judgements rejects, weight 3; tail: 1 of 2, weight 1: (3 + 1) / (12 + 2). Controls do not count."""
    table = pd.DataFrame({
        "case": ["a", "b", "c"], "arm": [1, 1, 0], "shown": 1, "class_group": ["head", "tail", "tail"],
        "reject": [1, 1, 9], "endorse": [3, 1, 0],
    })  # fmt: skip
    rate, low, high = noise_rate(table, {"head": 3.0, "tail": 1.0})
    assert rate == pytest.approx(4 / 14)
    assert low == pytest.approx(1 / 4)
    assert high == pytest.approx(1 / 2)
    assert noise_rate(table[table["arm"] == 0], {}) is None
    assert noise_rate(table, {"head": 3.0, "medium": 1.0}) is None
    assert noise_rate(table, {}) is None


def test_a_protocol_without_the_question_is_refused() -> None:
    with pytest.raises(LabelsError, match="asks about labels"):
        judgements(
            Protocol(questions=PUBLISHED_QUESTIONS[1:], endpoints=("quality", "difficulty")).as_json(), []
        )


@pytest.mark.django_db
def test_nothing_is_told_before_the_key_is_open(client: Any, closed: Stock, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="its key is not open"):
        call_command("export_labels", "chest", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    client.login(email=closed.alice.email, password=PASSWORD)
    assert client.get("/results/chest/labels.csv").status_code == 302


@pytest.mark.django_db
def test_the_page_and_the_command_give_the_same_labels(
    client: Any, opened: Stock, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    client.login(email=opened.alice.email, password=PASSWORD)
    page = client.get("/results/chest/labels.csv")
    call_command("export_labels", "chest", out=tmp_path / "out", key=opened.case_set.key)
    assert (tmp_path / "out" / "labels.csv").read_bytes() == page.content
    table = labels_frame(opened.study)
    assert len(table) == len(list(csv.DictReader(io.StringIO(page.content.decode())))) > 5
    assert (table["reject"] == 0).all()  # nobody was asked which label is wrong
    told = capsys.readouterr().out
    assert "of the split 'unknown'" in told
    assert "nan" not in told
    assert "no rate of rejected labels of PIEs: none was judged, or a class group has no weight" in told
    (named,) = (tmp_path / "out").glob("unknown_labels.csv")
    by_image = pd.read_csv(named)
    assert by_image["image"].str.startswith("SOURCE").all()
    assert set(by_image.columns) - {"image"} == set(table["class"])
    assert "SOURCE" not in page.content.decode()
    assert report_path(opened.case_set.key).is_file()


@pytest.mark.django_db
def test_the_rate_is_told_of_the_group_by_the_name_that_its_study_gives(
    opened: Stock, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    groups = {"one": "flipped image", "ones": "flipped images", "other": "image", "others": "images"}
    drop_guards()
    Unblinding.objects.filter(study=opened.study).update(groups=groups)
    call_command("export_labels", "chest", out=tmp_path / "out", key=opened.case_set.key)
    told = capsys.readouterr().out
    assert "rejected labels of flipped images" in told
    assert "PIE" not in told
    assert "exemplar" not in told


@pytest.mark.django_db
def test_exported_labels_are_those_of_the_relabelled_arms(opened: Stock, tmp_path: Path) -> None:
    """A blank leaves a label as it was, be it ignored; a class that never came up has no column and stays too."""
    call_command("export_labels", "chest", out=tmp_path / "out", key=opened.case_set.key)
    given = pd.read_csv(tmp_path / "out" / "unknown_labels.csv", index_col="image")
    assert given.isna().any(axis=None)
    classes = [*given.columns, "Mass"]
    train = pd.DataFrame(1, index=[*given.index, "a.png", "b.png"], columns=classes).astype("Int64")
    train.iloc[::2, -1], train.iloc[1, -1] = 0, pd.NA
    train.to_csv(tmp_path / "train.csv", index_label="id")
    write_images(tmp_path / "images", ["t0.png", "t1.png"], seed=1)
    for role in ("val", "test"):
        pd.DataFrame(1, index=["t0.png", "t1.png"], columns=classes).to_csv(
            tmp_path / f"{role}.csv", index_label="id"
        )
    marked = list(given.index[: len(given) // 2])
    pd.DataFrame({"image": marked, "exemplar": 1}).to_csv(tmp_path / "list.csv", index=False)
    (tmp_path / "sweep.toml").write_text(
        f'[data]\nname = "x"\nimages = "images"\nlabels_train = "train.csv"\nlabels_val = "val.csv"\n'
        f'labels_test = "test.csv"\nclasses = {json.dumps(classes)}\nblank = "ignore"\nhead = 90\ntail = 90\n'
        "[train]\nseeds = [0]\n"
    )
    (tmp_path / "study.toml").write_text(
        '[study]\nname = "x"\nspec = "sweep.toml"\nlists = ["list.csv"]\nactions = ["relabel"]\nseeds = 2\n'
        'better_labels = "out/unknown_labels.csv"\ntest_labels = "true"\ntest_sample = "unselected"\n'
    )
    plan_study(tmp_path / "study.toml", tmp_path / "study")
    arm = pd.read_csv(tmp_path / "study" / "arms" / "relabel-exemplars_seed-1000.csv", index_col="image")
    expected = given.reindex(columns=classes).fillna(train.astype(float)).loc[marked]
    assert arm["Mass"].isna().any()
    pd.testing.assert_frame_equal(
        arm.sort_index(), expected.sort_index(), check_dtype=False, check_names=False
    )
