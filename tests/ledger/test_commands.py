"""The ledger from the command line: sweeps resumed, folders and inputs registered, curves drawn."""

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from analysis.models import DataSet, Ensemble, Run, RunKind, UnitState
from analysis.services import control, ledger
from analysis.services.progress import progress_of, state_of
from analysis.sweep.run.finish import run_sweep
from readerstudy.accounts.services import grant_researcher
from tests.ledger.inputs import ARCHITECTURE, Inputs
from tests.stock import person
from tests.sweep.tiny import make_tiny

pytestmark = pytest.mark.django_db


def said(*command: str) -> str:
    out = io.StringIO()
    call_command(*command, stdout=out)
    return out.getvalue()


@pytest.fixture
def spec_file(inputs: Inputs) -> Path:
    """A specification over the data folder."""
    file = inputs.root / "sweep.toml"
    file.write_text(
        f"""[data]
name = "tiny"
images = "images"
labels_test = "labels/miccai2023_nih-cxr-lt_labels_test.csv"
labels_train = "labels/train.csv"
labels_val = "labels/val.csv"
synthetic = true
[preprocess]
size = 32
[models]
architecture = "{ARCHITECTURE}"
checkpoints = "trained_models"
[prune]
sparsities = [0.0, 0.9]
[infer]
batch_size = 3
threads = 1
engine = "torch"
[train]
seeds = [0]
epochs = 1
batch_size = 4
threads = 1
"""
    )
    return file


def test_a_cancelled_sweep_is_resumed_by_the_command_that_began_it(spec_file: Path, tmp_path: Path) -> None:
    assert "is queued" in said("run_sweep", str(spec_file), "--out", str(tmp_path / "run"), "--queue")
    run = Run.objects.get()
    claim = ledger.claim_next(worker="host:1:2", lease_seconds=60)
    assert claim
    control.cancel(run=run)
    assert ledger.claim_next(worker="host:1:2", lease_seconds=60) is None
    ledger.fail(claim, error="boom", final=True)
    assert str(run.folder) in said("run_sweep", str(spec_file), "--out", str(tmp_path / "run"))
    run.refresh_from_db()
    assert state_of(run, progress_of(run)) == "finished"


def test_a_folder_that_is_not_there_is_refused() -> None:
    with pytest.raises(CommandError, match="expected"):
        said("register_run", "/nowhere")


def test_a_run_made_without_a_database_is_registered_once(tmp_path: Path) -> None:
    tiny = make_tiny(tmp_path, seeds=(0,))
    made = run_sweep(tiny.spec(), tiny.out)
    assert "3 score files" in said("register_run", str(tiny.out))
    said("register_run", str(tiny.out))
    run = Run.objects.get()
    assert (run.run_id, run.kind) == (made.run_id, RunKind.SWEEP)
    assert run.finished_at is not None
    assert {unit.state for unit in run.units.all()} == {UnitState.DONE}


@pytest.mark.parametrize("damage", ["flip", "lose", "no provenance"])
def test_a_damaged_folder_is_not_registered(tmp_path: Path, damage: str) -> None:
    tiny = make_tiny(tmp_path, seeds=(0,))
    run_sweep(tiny.spec(), tiny.out)
    victim = next(tiny.out.glob("predictions/*.npy"))
    if damage == "flip":
        victim.write_bytes(victim.read_bytes()[:-1] + b"\7")
    elif damage == "lose":
        victim.unlink()
    else:
        (tiny.out / "provenance.json").write_text(json.dumps({"run_id": "x"}))
    with pytest.raises(CommandError, match="expected"):
        said("register_run", str(tiny.out))
    assert not Run.objects.exists()


def test_the_inputs_of_a_specification_are_registered(spec_file: Path) -> None:
    spec_file.write_text(spec_file.read_text().replace("[models]\n", '[models]\noutput = "softmax"\n'))
    told = said("register_inputs", str(spec_file), "--ensemble", "nets")
    assert "seeds 0, 1" in told
    assert "\n  Hernia: positive in train " in told
    assert "note: no metadata file: view, sex and age are unknown\n" in told
    assert Ensemble.objects.get().reading["output"] == "softmax"
    assert DataSet.objects.get().synthetic
    assert Ensemble.objects.get().preprocess["size"] == 32
    with pytest.raises(CommandError, match="already registered"):
        said("register_inputs", str(spec_file), "--ensemble", "nets")


@pytest.mark.parametrize("command", ["run_sweep", "train_ensemble"])
def test_a_place_that_cannot_be_written_is_named(spec_file: Path, command: str) -> None:
    with pytest.raises(
        CommandError, match="expected a place that can be read and written, got the error 'Not a directory'"
    ):
        said(command, str(spec_file), "--out", str(spec_file / "below"))


def test_a_run_from_the_command_line_decodes_into_this_hosts_cache(
    spec_file: Path, tmp_path: Path, settings: Any
) -> None:
    settings.RUNS_ROOT, settings.IMAGE_CACHE = tmp_path / "runs", tmp_path / "elsewhere"
    said("run_sweep", str(spec_file), "--queue")
    settings.IMAGE_CACHE = tmp_path / "here"
    said("run_sweep", str(spec_file))
    assert len(list((tmp_path / "here").glob("*.u8"))) == 1


def test_the_page_of_a_run_from_the_command_line_names_the_engine_that_was_chosen(
    spec_file: Path, tmp_path: Path, settings: Any, client: Client
) -> None:
    settings.RUNS_ROOT, settings.IMAGE_CACHE = tmp_path / "runs", None
    spec_file.write_text(spec_file.read_text().replace('engine = "torch"\n', ""))
    said("run_sweep", str(spec_file), "--queue")
    run = Run.objects.get()
    frozen = json.loads((Path(run.folder) / "plan.json").read_text())["infer"]
    assert run.spec["infer"] == frozen
    assert frozen["engine"] != "auto"
    rita = person("Rita")
    grant_researcher(user=rita, actor=None)
    client.force_login(rita)
    page = client.get(f"/runs/{run.run_id}/provenance/").content.decode()
    assert re.search(rf"<dt>{frozen['engine']}</dt><dd>taken, \S+ images/s: a score differs by ", page)


def test_training_draws_its_curves(spec_file: Path, tmp_path: Path) -> None:
    assert "curves:" in said("train_ensemble", str(spec_file), "--out", str(tmp_path / "nets"))
    assert (tmp_path / "nets" / "curves.svg").read_bytes().startswith(b"<?xml")
    assert (tmp_path / "nets" / "curves.png").read_bytes().startswith(b"\x89PNG")
