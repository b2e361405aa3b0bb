"""Histories beside checkpoints: ours and the published study's are read, anything else is refused by name."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from django.test import Client

from analysis.services import histories
from analysis.services.histories import HistoryError, begun_in, beside, history_of, members_of
from tests.ledger.inputs import ARCHITECTURE, Inputs
from tests.ledger.test_inputs import ensemble, register
from tests.ledger.test_pages import page, rita  # noqa: F401 - fixtures
from tests.sweep.tiny import write_checkpoint

OURS = "epoch,train_loss,val_loss,val_map,best,seconds\n1,0.5,0.4,0.1,1,3.5\n2,0.3,0.45,,0,3.25\n3,0.2,0.35,0.3,1,3\n"
PUBLISHED = """epoch,phase,loss,auc,mAP,f1
1,train,0.5,0.6,0.05,0
1,val,0.4,0.6,0.1,0
2,train,0.3,0.7,0.1,0
2,val,0.45,0.65,0.2,0
3,train,0.2,0.8,0.2,0
3,val,0.35,0.7,0.3,0
"""


def history(folder: Path, content: str, name: str = "nets") -> Path:
    file = folder / name / "history.csv"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content, encoding="utf-8")
    return file


@pytest.mark.parametrize("content", [OURS, PUBLISHED])
def test_both_kinds_tell_the_same(tmp_path: Path, content: str) -> None:
    read = history_of({4: history(tmp_path, content)})
    assert tuple(read.columns) == histories.COLUMNS
    assert read["seed"].tolist() == [4, 4, 4]
    assert read["epoch"].tolist() == [1, 2, 3]
    assert read["train_loss"].tolist() == [0.5, 0.3, 0.2]
    assert read["val_loss"].tolist() == [0.4, 0.45, 0.35]
    assert read["best"].tolist() == [1, 0, 1]
    assert members_of([4, 5], read) == [
        {"seed": 4, "epochs": 3, "kept": 3, "loss": 0.35, "map": 0.3},
        {"seed": 5, "epochs": None},
    ]


def test_an_epoch_that_was_not_validated_and_a_training_that_has_just_begun(tmp_path: Path) -> None:
    begun = history(tmp_path, PUBLISHED.splitlines()[0] + "\n", "begun")
    cut = history(tmp_path, "\n".join(PUBLISHED.splitlines()[:4]) + "\n", "cut")
    read = history_of({0: begun, 1: cut})
    assert read["epoch"].tolist() == [1, 2]
    assert np.isnan(read["val_loss"][1])
    assert read["best"].tolist() == [1, 0]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (",".join(f"c{i}" for i in range(3000)) + "\n", "at most 2,000 columns, got 3,000"),
        (
            "epoch,loss\n1,0.5\n",
            "expected the columns epoch, train_loss, val_loss, best; train_loss is missing",
        ),
        ("epoch,phase,loss\n1,val,0.5\n", "expected the columns epoch, phase, loss, mAP; mAP is missing"),
        (OURS.replace("0.45", "a secret"), "expected numbers in the column val_loss, got something else"),
        (OURS.replace("\n2,", "\n1,"), "expected epochs as whole numbers from 1, each once"),
        (OURS.replace("\n2,", "\n2.5,"), "expected epochs as whole numbers from 1, each once"),
        (PUBLISHED.replace("2,train", "1,train"), "expected epochs as whole numbers from 1, each once"),
        (OURS + "4,1,1,1,1,1,1,1\n", "expected a CSV file in UTF-8"),
        ("", "expected a CSV file in UTF-8"),
        ("\0" * 50, "expected"),
    ],
)
def test_anything_else_is_refused_by_name(tmp_path: Path, content: str, words: str) -> None:
    with pytest.raises(HistoryError, match=words) as refused:
        history_of({0: history(tmp_path, content)})
    assert str(refused.value).startswith("nets/history.csv: ")
    assert "secret" not in str(refused.value)


def test_a_file_that_would_keep_a_page_waiting_is_not_opened(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="at most 4,194,304 bytes"):
        history_of({0: history(tmp_path, OURS + "3,0.2,0.35,0.3,1,3\n" * 250_000)})


def test_only_the_file_beside_a_checkpoint_of_its_own_counts(tmp_path: Path) -> None:
    mine, other = history(tmp_path, OURS, "a_seed-3"), history(tmp_path, OURS, "b_seed-4")
    (tmp_path / "c_seed-5").mkdir()
    (tmp_path / "c_seed-5" / "history.csv").symlink_to(mine)
    checkpoints = {
        seed: tmp_path / f"{n}_seed-{seed}" / "chkpt.pt" for seed, n in ((3, "a"), (4, "b"), (5, "c"))
    }
    assert beside(checkpoints) == {3: mine, 4: other}
    assert beside({0: tmp_path / "a_seed-3" / "one.pt", 1: tmp_path / "a_seed-3" / "two.pt"}) == {}
    assert set(begun_in(tmp_path, [3, 5, 9])) == {3, 5}


@pytest.mark.django_db
def test_the_page_of_an_ensemble_of_the_published_layout(page: Client, inputs: Inputs) -> None:  # noqa: F811
    made = ensemble(inputs, register(inputs), "trained_models")
    mine = next(f for f in (inputs.root / "trained_models").iterdir() if "seed" not in f.name)
    history(mine.parent, PUBLISHED, mine.name)
    # Another data set's networks are beside ours, as the published study left them.
    stranger = mine.with_name(f"other_{ARCHITECTURE}_ce_lr-0.0001_bs-256")
    write_checkpoint(stranger / "chkpt.pt", 0)
    history(stranger.parent, OURS.replace("0.35", "0.01"), stranger.name)
    shown = page.get(f"/ensembles/{made.slug}/").content.decode()
    assert "0.3500" in shown
    assert "0.0100" not in shown
    assert page.get(f"/ensembles/{made.slug}/curves.svg")["Content-Type"] == "image/svg+xml"
    (mine / "history.csv").write_text("epoch\n1\n", encoding="utf-8")
    answer = page.get(f"/ensembles/{made.slug}/")
    assert answer.status_code == 200
    assert f"{mine.name}/history.csv: expected the columns epoch, train_loss" in answer.content.decode()
    assert page.get(f"/ensembles/{made.slug}/curves.svg").status_code == 404


def test_columns_of_a_history_that_a_training_wrote(tmp_path: Path) -> None:
    from analysis.sweep.training.train import _history

    rows = [
        {"epoch": 1, "train_loss": 0.5, "val_loss": float("nan"), "val_map": None, "best": 0, "seconds": 1.0}
    ]
    read = history_of({0: history(tmp_path, _history(rows).decode())})
    assert pd.isna(read["val_loss"][0])
    assert members_of([0], read) == [{"seed": 0, "epochs": 1}]
