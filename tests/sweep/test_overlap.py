"""While one condition is predicted, the last one's scores are written and the next checkpoint is read."""

import threading
from dataclasses import replace

import numpy as np
import pytest

from analysis.sweep.errors import CheckpointError, DataError, UnitError
from analysis.sweep.run import prepare, units
from analysis.sweep.run.engine import Engine
from analysis.sweep.run.prepare import prepare_run
from analysis.sweep.run.units import Unit, Workspace, find_artefact, list_units, run_unit
from tests.sweep.tiny import make_tiny

PATIENCE = 20.0


@pytest.fixture
def run(tmp_path):
    """A run of three seeds, prepared."""
    tiny = make_tiny(tmp_path, seeds=(0, 1, 2))
    return prepare_run(tiny.spec(), tiny.out)


@pytest.mark.parametrize("ahead", [True, None])
def test_the_engine_is_chosen_while_images_are_decoded_where_no_decoding_disturbs_it(tmp_path, ahead):
    """A GPU is idle while images are decoded; a processor would be measured beside its own decoding."""
    tiny = make_tiny(tmp_path, seeds=(0,))
    auto = replace(tiny.spec(), infer=replace(tiny.spec().infer, engine="auto"))
    chosen, real = [], prepare.choose_engine

    def choose(*given):
        chosen.append((threading.current_thread().name.partition("_")[0], len(given[2])))
        return real(*given)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(prepare, "choose_engine", choose)
        plan = prepare_run(auto, tiny.out, ahead=ahead).plan
    assert chosen == [("beside" if ahead else "MainThread", len(tiny.names))]
    assert plan["infer"]["engine"] in plan["engine"]["rates"]
    other = prepare_run(auto, tmp_path / "other", ahead=not ahead).plan
    assert [plan[key] for key in ("cache", "images", "digests")] == [
        other[key] for key in ("cache", "images", "digests")
    ]


def test_the_first_member_is_predicted_while_images_are_decoded(tmp_path, monkeypatch):
    """Image by image here; the scores are those of a unit, and are written after the plan."""
    monkeypatch.setattr(units, "AHEAD_BATCHES", 1)
    tiny = make_tiny(tmp_path, seeds=(0, 1))
    single = replace(tiny.spec(), infer=replace(tiny.spec().infer, batch_size=1))
    waiting, predicted = threading.Event(), []
    predict = Engine.predict

    def predicts(*given):
        predicted.append(len(given[2]))
        waiting.set()
        return predict(*given)

    def progress(stage, done, total):
        if stage == "decode" and done == total:  # the last image comes after the first was predicted
            assert waiting.wait(PATIENCE)
            assert not (tiny.out / "plan.json").exists()

    monkeypatch.setattr(Engine, "predict", predicts)
    monkeypatch.setattr(prepare, "BATCHES", (1,))
    run = prepare_run(single, tiny.out, progress=progress, meanwhile=units.predict_first, ahead=True)
    assert predicted == [1] * (len(tiny.names) * len(run.spec.axis))
    plain = prepare_run(single, tmp_path / "plain")
    for condition in run.spec.axis:
        assert find_artefact(run, 0, condition)
        assert not find_artefact(run, 1, condition)
        (made,) = run_unit(plain, Unit(0, (condition,)))
        assert made.path.read_bytes() == run.paths.prediction(0, condition).read_bytes()
    assert all(one.reused for one in run_unit(run, whole(run, 0)))


def test_what_is_cancelled_is_not_predicted(tmp_path, monkeypatch):
    tiny, begun = make_tiny(tmp_path, seeds=(0,)), threading.Event()
    monkeypatch.setattr(prepare, "BATCHES", (1,))
    left = []

    def count(run, rows):
        assert begun.wait(PATIENCE)
        left.append(len(list(rows)))
        return lambda: None

    def progress(stage, done, total):
        if stage == "decode" and done == 3:
            threading.Timer(1.0, begun.set).start()  # the work goes on when all of this has ended
            raise KeyboardInterrupt

    single = replace(tiny.spec(), infer=replace(tiny.spec().infer, batch_size=1))
    with pytest.raises(KeyboardInterrupt):
        prepare_run(single, tiny.out, progress=progress, meanwhile=count, ahead=True)
    assert left == [1]
    assert not (tiny.out / "plan.json").exists()
    # The images that are there already are not handed over again.
    resumed = prepare_run(single, tiny.out, meanwhile=lambda run, rows: left.append(1), ahead=True)
    assert left == [1]
    assert resumed.plan["infer"]["engine"] == "torch"


def test_a_fault_of_the_prediction_is_told_by_the_unit(tmp_path, monkeypatch):
    tiny = make_tiny(tmp_path, seeds=(0,))
    real = Engine.predict
    monkeypatch.setattr(Engine, "predict", lambda *given: np.full_like(real(*given), np.nan))
    run = prepare_run(tiny.spec(), tiny.out, meanwhile=units.predict_first, ahead=True)
    assert not find_artefact(run, 0, run.spec.axis[0])
    with pytest.raises(UnitError, match="expected finite scores"):
        run_unit(run, whole(run, 0))


def test_an_image_that_cannot_be_read_is_named_while_the_engine_is_chosen(tmp_path):
    tiny = make_tiny(tmp_path, seeds=(0,))
    bad = sorted(file for file in tiny.root.rglob("*.png"))[0]
    bad.write_bytes(b"no image")
    with pytest.raises(DataError, match=f"image . of .: .*{bad.name}"):
        prepare_run(tiny.spec(), tiny.out, ahead=True)
    assert not (tiny.out / "plan.json").exists()


def whole(run, seed):
    """A unit as a GPU has it: one seed in all conditions."""
    return Unit(seed, run.spec.axis)


def test_scores_are_those_of_units_one_after_the_other(run, tmp_path):
    workspace = Workspace(run, ahead=True)
    made = [one for seed in (0, 1, 2) for one in run_unit(run, whole(run, seed), workspace)]
    assert not any(one.reused for one in made)
    plain = prepare_run(replace(run.spec), tmp_path / "plain")
    for unit in list_units(plain):
        run_unit(plain, unit)
    for one in made:
        assert one.path.read_bytes() == (plain.paths.predictions / one.path.name).read_bytes()
    assert [one.path.name for one in made[:3]] == [
        run.paths.prediction(0, name).name for name in run.spec.axis
    ]


def test_a_score_file_is_written_while_the_next_condition_is_predicted(run, monkeypatch):
    """The writer waits for the prediction that comes after it, which would never begin if it were waited for."""
    begun, waited = [], []
    changed = threading.Condition()
    predict, write = Engine.predict, units.write_whole

    def predicted(*given):
        with changed:
            begun.append(given[1])
            changed.notify()
        return predict(*given)

    def written(path, content):
        if path.suffix == ".npy" and len(waited) < 2:  # nothing comes after the third
            with changed:
                waited.append(changed.wait_for(lambda: len(begun) > len(waited) + 1, PATIENCE))
        write(path, content)

    monkeypatch.setattr(Engine, "predict", predicted)
    monkeypatch.setattr(units, "write_whole", written)
    run_unit(run, whole(run, 0), Workspace(run))
    assert waited == [True, True]


def test_the_next_checkpoint_is_read_by_another_thread(run, monkeypatch):
    read = []
    real = Workspace._read

    def reading(workspace, wanted, condition):
        read.append((wanted[0], threading.current_thread().name.partition("_")[0]))
        return real(workspace, wanted, condition)

    monkeypatch.setattr(Workspace, "_read", reading)
    workspace = Workspace(run, ahead=True)
    for seed in (0, 1, 2):
        run_unit(run, whole(run, seed), workspace)
    assert read == [(0, "MainThread"), (1, "read"), (2, "read")]
    assert workspace._coming == {}


def test_a_processor_reads_nothing_ahead(run):
    workspace = Workspace(run)
    run_unit(run, whole(run, 0), workspace)
    assert workspace._coming == {}


def test_what_was_read_for_a_seed_that_another_worker_took_is_forgotten(run):
    workspace = Workspace(run, ahead=True)
    run_unit(run, whole(run, 0), workspace)
    assert [wanted[0] for wanted in workspace._coming] == [1]
    run_unit(run, whole(run, 2), workspace)
    assert workspace._coming == {}


def test_a_checkpoint_that_changed_fails_its_own_unit(run):
    file, _ = run.checkpoint(1)
    file.write_bytes(file.read_bytes() + b"more")
    workspace = Workspace(run, ahead=True)
    run_unit(run, whole(run, 0), workspace)
    with pytest.raises(CheckpointError, match="the file has changed"):
        run_unit(run, whole(run, 1), workspace)
    assert not find_artefact(run, 1, run.spec.axis[0])
    assert len(run_unit(run, whole(run, 2), workspace)) == 3


def test_a_file_that_cannot_be_written_fails_the_unit_and_keeps_the_others(run, monkeypatch):
    write = units.write_whole

    def written(path, content):
        if path == run.paths.prediction(0, 0.5):
            raise OSError(28, "No space left on device", str(path))
        write(path, content)

    monkeypatch.setattr(units, "write_whole", written)
    with pytest.raises(OSError, match="No space left"):
        run_unit(run, whole(run, 0), Workspace(run))
    assert [bool(find_artefact(run, 0, name)) for name in run.spec.axis] == [True, False, True]
    monkeypatch.undo()
    assert [one.reused for one in run_unit(run, whole(run, 0), Workspace(run))] == [True, False, True]


def test_a_worker_that_lost_its_unit_publishes_no_more(run):
    """The ledger is asked in the thread of the work, right before each file is handed over."""
    asked = []

    def guard():
        asked.append(threading.current_thread() is threading.main_thread())
        if len(asked) == 2:
            raise RuntimeError("the unit was taken away")

    with pytest.raises(RuntimeError, match="taken away"):
        run_unit(run, whole(run, 0), Workspace(run), guard=guard)
    assert asked == [True, True]
    there = [find_artefact(run, 0, name) for name in run.spec.axis]
    assert [bool(one) for one in there] == [True, False, False]
    assert np.load(there[0].path).shape == (4, 20)
