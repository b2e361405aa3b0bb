"""What a page asks for is prepared and done by a worker, and is what the command makes."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from analysis.models import PREPARE, DataSet, Ensemble, Run, RunKind, UnitState
from analysis.services import control
from analysis.services.data_sets import InputError, register_data_set
from analysis.services.ensembles import register_ensemble
from analysis.services.orders import order_sweep, order_training
from analysis.services.progress import progress_of, state_of
from analysis.services.work import Worker
from analysis.sweep.run.finish import run_sweep
from analysis.sweep.toml import spec_from
from analysis.sweep.training.train import train_ensemble
from tests.ledger.inputs import ARCHITECTURE, INFER, PRUNE, RECIPE, Inputs
from tests.ledger.test_worker import files

pytestmark = pytest.mark.django_db


@pytest.fixture
def data_set(inputs: Inputs) -> DataSet:
    return register_data_set(slug="tiny", section=inputs.section, roots=inputs.roots)


@pytest.fixture
def ensemble(inputs: Inputs, data_set: DataSet) -> Ensemble:
    return register_ensemble(
        slug="nets", data_set=data_set, architecture=ARCHITECTURE, checkpoints="trained_models",
        preprocess={"size": 32}, roots=inputs.roots,
    )  # fmt: skip


def sweep(ensemble: Ensemble, **changes: object) -> Run:
    choices = {"seeds": [], "prune": PRUNE, "infer": INFER, **changes}
    return order_sweep(ensemble=ensemble, actor_id=None, **choices)  # type: ignore[arg-type]


def state(run: Run) -> str:
    run.refresh_from_db()
    return state_of(run, progress_of(run))


def worker(inputs: Inputs, **choices: object) -> Worker:
    return Worker(lease_seconds=60, runs=inputs.root.parent / "runs", **choices)  # type: ignore[arg-type]


def test_an_ordered_sweep_is_the_same_as_a_run_from_files(inputs: Inputs, ensemble: Ensemble) -> None:
    run = sweep(ensemble)
    asked = run.run_id
    assert (state(run), [unit.key for unit in run.units.all()]) == ("preparing", [PREPARE])
    worker(inputs).work()
    assert state(run) == "finished"
    assert run.run_id != asked
    assert run.requested_as == asked
    assert Path(run.folder) == inputs.root.parent / "runs" / run.run_id
    assert run.units.count() == 4
    alone = run_sweep(spec_from(run.full_spec, base=Path("/")), inputs.root / "alone")
    assert alone.run_id == run.run_id
    assert files(Path(run.folder)) == files(inputs.root / "alone")


def test_the_same_choices_are_the_same_sweep(inputs: Inputs, ensemble: Ensemble) -> None:
    first, second = sweep(ensemble), sweep(ensemble)
    worker(inputs).work()
    first.refresh_from_db()
    second.refresh_from_db()
    assert second.same_as == first
    assert first.units.count() == 4
    assert second.units.count() == 0
    other = sweep(ensemble, seeds=[1])
    worker(inputs).work()
    other.refresh_from_db()
    assert other.same_as is None
    assert other.units.count() == 2


def test_input_that_must_be_fixed_fails_the_preparation_at_once(inputs: Inputs, ensemble: Ensemble) -> None:
    run = sweep(ensemble)
    checkpoint = next((inputs.root / "trained_models").glob("*seed-1*/chkpt.pt"))
    content = checkpoint.read_bytes()
    checkpoint.write_bytes(b"no checkpoint")
    worker(inputs).work()
    unit = run.units.get()
    assert (unit.key, unit.state, unit.attempts) == (PREPARE, UnitState.FAILED, 1)
    assert "CheckpointError" in unit.error
    assert "expected" in unit.error
    assert state(run) == "stopped"
    checkpoint.write_bytes(content)
    control.retry(run=run, key=PREPARE)
    worker(inputs).work()
    assert state(run) == "finished"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"seeds": [0, 7]}, "seeds"),
        ({"infer": {"precision": "fp16"}}, "precision"),
        ({"prune": {"sparsities": [0.0, 1.5]}}, "sparsities"),
        ({"prune": {"method": "int8", "sparsities": [0.0, 0.9]}}, "sparsities"),
        ({"prune": {"method": "magic", "sparsities": [0.0, 0.9]}}, "method"),
    ],
)
def test_an_impossible_sweep_is_refused_at_its_field(
    ensemble: Ensemble, changes: dict[str, object], field: str
) -> None:
    with pytest.raises(InputError, match="expected") as refused:
        sweep(ensemble, **changes)
    assert refused.value.field == field
    assert not Run.objects.exists()


def training(inputs: Inputs, data_set: DataSet, **changes: object) -> Run:
    return order_training(
        slug="toys", data_set=data_set, architecture=ARCHITECTURE, preprocess={"size": 32},
        train={**RECIPE, **changes}, folder=inputs.root.parent / "ensembles", roots=inputs.roots, actor_id=None,
    )  # fmt: skip


def weights(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.glob("*/chkpt.pt")}


def test_a_training_stopped_by_a_cancel_ends_with_the_same_bytes(inputs: Inputs, data_set: DataSet) -> None:
    run = training(inputs, data_set)
    assert run.kind == RunKind.TRAINING
    asked = []

    def stop_in_the_second_epoch() -> bool:
        asked.append(1)
        (last,) = [*Path(run.folder).glob("*/last.pt"), None][:1]
        return last is not None and len(asked) > 3

    worker(inputs, stopped=stop_in_the_second_epoch).work()
    assert list(Path(run.folder).glob("*/last.pt"))
    assert not weights(Path(run.folder))
    control.cancel(run=run)
    assert worker(inputs).work() == 0
    control.resume(run=run)
    worker(inputs).work()
    assert state(run) == "finished"
    assert [unit.key for unit in run.units.all()] == ["seed-0", "seed-3"]
    spec = spec_from(run.full_spec, base=Path("/"))
    train_ensemble(replace(spec), inputs.root.parent / "undisturbed")
    assert weights(Path(run.folder)) == weights(inputs.root.parent / "undisturbed")
    made = Ensemble.objects.get(slug="toys")
    assert (made.training, made.seeds, made.preprocess["size"]) == (run, [0, 3], 32)


@pytest.mark.skipif(torch.cuda.is_available(), reason="[gpu] this host has the device")
def test_work_for_a_gpu_is_left_to_a_host_that_has_one(
    inputs: Inputs, data_set: DataSet, ensemble: Ensemble
) -> None:
    runs = [
        training(inputs, data_set, device="cuda"),
        sweep(ensemble, infer={"device": "cuda", "precision": "fp16"}),
    ]
    assert worker(inputs).work() == 0
    for run in runs:
        unit = run.units.get()
        assert (unit.state, unit.attempts) == (UnitState.TODO, 0)
        assert "expected a working CUDA device" in unit.error


def test_work_on_own_code_is_left_to_a_host_that_lists_it(
    inputs: Inputs, data_set: DataSet, ensemble: Ensemble
) -> None:
    ensemble.architecture = "factory:nobodys_nets:build"
    ensemble.save()
    run = sweep(ensemble)
    assert worker(inputs).work() == 0
    unit = run.units.get()
    assert (unit.state, unit.attempts) == (UnitState.TODO, 0)
    assert "FACTORY_MODULES lists, got 'nobodys_nets'; it lists none on this host" in unit.error


def test_a_trained_ensemble_can_be_swept(inputs: Inputs, data_set: DataSet) -> None:
    run = training(inputs, data_set, seeds=[3], epochs=1, loss="focal", class_weights="none")
    worker(inputs).work()
    assert state(run) == "finished"
    swept = sweep(Ensemble.objects.get(slug="toys"))
    worker(inputs).work()
    assert state(swept) == "finished"
    assert swept.units.count() == 2


def test_a_pruned_ensemble_is_fine_tuned_and_compared(
    inputs: Inputs, data_set: DataSet, ensemble: Ensemble
) -> None:
    chosen = {"seeds": [0, 1], "epochs": 2, "method": "layer_l1", "level": 0.9}
    recipe = {**RECIPE, **chosen}
    tune = {
        "data_set": data_set,
        "preprocess": {},
        "folder": inputs.root.parent / "ensembles",
        "actor_id": None,
    }

    def order(**changes: object) -> Run:
        given = {"slug": "tuned", "architecture": ARCHITECTURE, "start": ensemble, "train": recipe, **changes}
        return order_training(**tune, roots=inputs.roots, **given)  # type: ignore[arg-type]

    for bad, field in (
        ({"start": None}, "start"),
        ({"train": RECIPE}, "start"),
        ({"architecture": "resnet18"}, "start"),
        ({"train": {**recipe, "method": "int8", "level": 0.75}}, "method"),
    ):
        with pytest.raises(InputError) as refused:
            order(**bad)
        assert refused.value.field == field
    run = order()
    calls = iter(range(10**6))
    worker(inputs, stopped=lambda: next(calls) > 12).work()
    assert state(run) != "finished"
    worker(inputs).work()
    assert state(run) == "finished"
    spec = spec_from(run.full_spec, base=Path("/"))
    train_ensemble(spec, inputs.root / "whole")
    assert weights(Path(run.folder)) == weights(inputs.root / "whole")
    tuned = Ensemble.objects.get(slug="tuned")
    swept = sweep(ensemble, others=[tuned])
    worker(inputs).work()
    assert state(swept) == "finished"
    assert list(dict.fromkeys(swept.units.values_list("condition", flat=True))) == ["dense", "0.90", "tuned"]
    assert swept.units.get(key="seed-1_tuned").artefacts.keys() == {"seed-1_tuned.npy"}
    Ensemble.objects.filter(slug="tuned").update(preprocess={"size": 64})
    tuned.refresh_from_db()
    with pytest.raises(
        InputError, match="expected ensembles of the same data set, preprocessing and reading"
    ):
        sweep(ensemble, others=[tuned])


def test_a_damaged_checkpoint_is_trained_again_before_the_ensemble_is_published(
    inputs: Inputs, data_set: DataSet
) -> None:
    run = training(inputs, data_set, seeds=[0], epochs=1)
    worker(inputs).work()
    good = weights(Path(run.folder))
    Ensemble.objects.all().delete()
    Run.objects.filter(pk=run.pk).update(finished_at=None)
    next(Path(run.folder).glob("*/chkpt.pt")).write_bytes(b"damaged")
    while state(run) != "finished":
        worker(inputs).work()
    assert weights(Path(run.folder)) == good
    assert Ensemble.objects.filter(slug="toys").exists()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"pretrained": "/etc/passwd"}, "pretrained"),
        ({"loss": "hinge"}, "loss"),
        ({"precision": "fp16"}, "precision"),
        ({"seeds": []}, "seeds"),
    ],
)
def test_an_impossible_training_is_refused_at_its_field(
    inputs: Inputs, data_set: DataSet, changes: dict[str, object], field: str
) -> None:
    with pytest.raises(InputError, match="expected") as refused:
        training(inputs, data_set, **changes)
    assert refused.value.field == field
    assert not Run.objects.exists()
