"""Every engine predicts what plain torch predicts, for any checkpoint and level in any order."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from analysis.sweep.engines import fusion
from analysis.sweep.engines.backend import Network, normalisation_table, normalised
from analysis.sweep.engines.fusion import JoinedConv, fuse
from analysis.sweep.engines.static import MAKERS
from analysis.sweep.errors import SpecError
from analysis.sweep.networks.architectures import build_classifier
from analysis.sweep.networks.folding import fold_norms
from analysis.sweep.run import choose
from analysis.sweep.run.acceptance import engine_notes
from analysis.sweep.run.choose import choose_engine
from analysis.sweep.run.engine import Engine
from analysis.sweep.run.prepare import open_run, prepare_run
from analysis.sweep.run.units import Workspace, list_units, run_unit
from analysis.sweep.spec import ENGINES_OF, InferSpec, PreprocessSpec, PruneSpec
from tests.sweep.tiny import SMALL, random_state

LEVELS = PruneSpec(sparsities=(0.0, 0.9))
EXACT = 1e-5


def joined_count(module):
    return sum(isinstance(part, JoinedConv) for part in module.modules())


def images(n, size=32, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, size, size)).astype(np.uint8)


def predicted(engine, infer, architecture=SMALL, size=32, n=5):
    """Predict two levels of two checkpoints, back and forth, so that anything left behind shows."""
    runner = Engine(architecture, 20, replace(infer, engine=engine), PreprocessSpec(size=size))
    scores = {}
    for seed in (0, 1, 0):
        runner.load(random_state(architecture, 20, seed), LEVELS, seed)
        for level in (0.0, 0.9):
            again = runner.predict(level, images(n, size))
            assert scores.setdefault((seed, level), again).tobytes() == again.tobytes()
    return np.stack(list(scores.values()))


@pytest.fixture(scope="module")
def plain():
    scores = predicted("torch", InferSpec(batch_size=2, threads=1))
    assert np.abs(scores[0] - scores[1]).max() > 1e-3  # the levels differ, so that a stuck engine shows
    assert np.abs(scores[0] - scores[2]).max() > 1e-3
    return scores


@pytest.mark.parametrize("engine", ["torch", "fused"])
def test_bf16_is_near_and_not_the_same(plain, engine):
    scores = predicted(engine, InferSpec(batch_size=2, threads=1, precision="bf16"))
    assert scores.dtype == np.float32
    assert np.abs(scores - plain).max() < 0.05
    assert np.abs(scores - plain).max() > 0


def static(kind, architecture=SMALL, batch_size=2, size=32):
    folded = fold_norms(build_classifier(architecture, 20))
    infer = InferSpec(batch_size=batch_size, threads=1)
    return folded, MAKERS[kind](Network(folded.network, 20, (size, size)), infer)


@pytest.mark.parametrize("kind", ["graph", "fused"])
@pytest.mark.parametrize("n", [1, 2, 5])
def test_static_engine_fills_up_the_last_batch(kind, n):
    folded, backend = static(kind)
    state, seen = random_state(SMALL, 20, 3), []
    backend.write(folded.folded(state))
    scores = backend.scores(torch.from_numpy(images(n)), lambda *said: seen.append(said))
    model = build_classifier(SMALL, 20)
    model.load_state_dict(state)
    with torch.inference_mode():
        wanted = torch.sigmoid(model(normalised(torch.from_numpy(images(n)), normalisation_table())))
    assert np.abs(scores - wanted.numpy()).max() <= EXACT
    assert seen == [(min(end, n), n) for end in range(2, n + 2, 2)]
    assert backend.uploaded == 0


def test_static_engine_counts_what_it_must_upload():
    folded, backend = static("graph")
    backend.write(folded.folded(random_state(SMALL, 20, 3)))
    backend.scores(images(5))
    assert backend.uploaded == 5


def test_static_engine_stops_where_it_is_told():
    folded, backend = static("graph")
    backend.write(folded.folded(random_state(SMALL, 20, 3)))

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        backend.scores(images(5), stop)
    assert backend.scores(images(1)).shape == (1, 20)


@pytest.mark.parametrize(
    ("architecture", "joined"), [("resnet18", 17), ("resnet50", 49), ("squeezenet1_1", 26)]
)
@torch.inference_mode()
def test_fusion_joins_convolutions_and_changes_nothing(architecture, joined):
    state = random_state(architecture, 20, 0)
    folded = fold_norms(build_classifier(architecture, 20))
    names = list(folded.network.state_dict())
    fused = fuse(folded.network)
    assert joined_count(fused) == joined
    assert sorted(fused.state_dict()) == sorted(names)
    fused.load_state_dict(folded.folded(state), strict=False)
    model = build_classifier(architecture, 20)
    model.load_state_dict(state)
    batch = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(fused(batch), model(batch), rtol=1e-3, atol=1e-3)


def test_a_convolution_that_two_read_is_not_joined():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 1)

        def forward(self, x):
            y = self.conv(x)
            return torch.relu(y) + y

    assert joined_count(fuse(torch.fx.symbolic_trace(Twice()))) == 0


class Sums(nn.Module):
    """Sums of a convolution and what came before it; `after` says who else reads that."""

    def __init__(self, after):
        super().__init__()
        self.first, self.second, self.third = (nn.Conv2d(3, 3, 3, padding=1) for _ in range(3))
        self.after = after

    def forward(self, x):
        y = self.first(x)
        flat = y.flatten(1) if self.after == "view" else None
        z = torch.relu(self.second(y) + y)
        if flat is not None:
            return z.flatten(1) + flat
        if self.after == "input":
            return torch.relu(self.third(z) + x) + x
        return self.third(z) + (y if self.after == "sum" else 0)


@pytest.mark.parametrize(("after", "over"), [("nobody", [1]), ("sum", []), ("view", []), ("input", [1])])
@torch.inference_mode()
def test_a_sum_takes_a_place_only_where_nobody_reads_it_again(after, over):
    torch.manual_seed(0)
    plain = Sums(after)
    x = torch.randn(2, 3, 8, 8)
    wanted, before = plain(x), x.clone()
    fused = fuse(torch.fx.symbolic_trace(Sums(after)))
    fused.load_state_dict(plain.state_dict(), strict=False)  # one that is not used was not traced
    places = [getattr(fused, name, None) for name in ("first", "second", "third")]
    assert [n for n, part in enumerate(places) if getattr(part, "overwrites", False)] == over
    assert torch.allclose(fused(x), wanted, atol=1e-6)
    assert torch.equal(x, before)


@pytest.mark.parametrize("onednn", [True, False])
def test_fused_engine_of_a_processor_with_and_without_onednn(plain, monkeypatch, onednn):
    assert fusion.ONEDNN  # this torch has it, so that the test above is of it
    monkeypatch.setattr(fusion, "ONEDNN", onednn)
    scores = predicted("fused", InferSpec(batch_size=2, threads=1))
    assert np.abs(scores - plain).max() <= EXACT


def test_auto_measures_the_engines_and_freezes_one(tiny, monkeypatch):
    monkeypatch.setitem(choose.SECONDS, "cpu", 0.0)
    spec = tiny.spec(infer=InferSpec(batch_size=3, threads=1))
    run = prepare_run(spec, tiny.out)
    measured = run.plan["engine"]
    assert set(measured["rates"]) == {"torch", "fused"}
    assert all(rate > 0 for rate in measured["rates"].values())
    assert run.spec.infer.engine == measured["engine"] != "auto"
    monkeypatch.setattr(choose, "_measured", None)  # opening again measures nothing
    assert prepare_run(spec, tiny.out).spec.infer.engine == measured["engine"]
    again = open_run(tiny.out)
    run_unit(again, list_units(again)[0])
    assert again.spec.shown()["infer"]["engine"] == measured["engine"]


def test_auto_takes_the_fastest_that_agrees(tiny, monkeypatch):
    spec, pixels = tiny.spec(infer=InferSpec(threads=1)), images(4)
    rates = {"torch": 10.0, "fused": 20.0, "graph": 30.0}
    monkeypatch.setitem(ENGINES_OF, ("cpu", "fp32"), tuple(rates))
    off, broken = {"graph": 1e-3}, []
    script_measurements(monkeypatch, lambda name, size: rates[name], off, broken)
    choice = choose_engine(spec, tiny.checkpoint(0), pixels)
    assert (choice.engine, choice.taken, choice.batch_size) == ("fused", "fused", 32)
    assert "a score differs by 0.001" in choice.refused["graph"]
    broken.append("fused")
    choice = choose_engine(spec, tiny.checkpoint(0), pixels)
    assert choice.engine == "torch"
    assert choice.refused["fused"] == "RuntimeError: no such kernel"
    off.clear()
    broken.clear()
    rates |= {"graph": 10.4, "fused": 9.0}
    assert choose_engine(spec, tiny.checkpoint(0), pixels).engine == "torch"  # noise does not decide


def script_measurements(monkeypatch, rate, off=(), broken=()):
    """Put numbers in the place of what the engines of this host are measured at; say which were tried."""
    tried = []

    def another(self, infer):
        tried.append((infer.engine, infer.batch_size))
        if infer.engine in broken:
            raise RuntimeError("no such kernel\nsecond line")
        return infer

    def measured(infer, weights, batch, device):
        found = np.full((2, len(batch), 20), 0.5 + dict(off).get(infer.engine, 0), np.float32)
        return rate(infer.engine, infer.batch_size), found

    monkeypatch.setattr(Engine, "another", another)
    monkeypatch.setattr(choose, "_measured", measured)
    monkeypatch.setattr(
        choose, "_scores", lambda backend, weights, batch: np.full((2, len(batch), 20), 0.5, np.float32)
    )
    return tried


@pytest.fixture
def on_gpu(tiny, monkeypatch):
    """A specification for a GPU whose engines are made on this processor: what is measured is scripted."""
    monkeypatch.setattr(
        Engine, "of", lambda spec, infer: Engine(SMALL, 20, InferSpec(threads=1, engine="torch"))
    )
    return tiny.spec(infer=InferSpec(device="cuda", precision="fp16", batch_size=128))


class TestAutoOnAGpu:
    """Which batch sizes are measured, and when it compiles."""

    def choose(self, tiny, spec, count=600, predictions=0):
        return choose_engine(spec, tiny.checkpoint(0), images(count, 8), predictions)

    def test_larger_batches_are_measured_and_the_fastest_frozen(self, tiny, on_gpu, monkeypatch):
        tried = script_measurements(monkeypatch, lambda name, size: size * (2 if name == "fused" else 1))
        choice = self.choose(tiny, on_gpu)
        assert tried == [(name, size) for size in (128, 256, 512) for name in ("graph", "fused")]
        assert (choice.engine, choice.batch_size, choice.taken) == ("fused", 512, "fused, batches of 512")
        assert choice.rates[choice.taken] == 1024
        notes = dict(engine_notes({"engine": vars(choice)}))
        assert notes["fused, batches of 512"].startswith("taken, 1024 images/s")
        assert notes["fused"].startswith("as good, not faster")

    def test_no_more_than_there_are_images(self, tiny, on_gpu, monkeypatch):
        tried = script_measurements(monkeypatch, lambda name, size: 1.0)
        assert self.choose(tiny, on_gpu, 300).batch_size == 128
        assert {size for _, size in tried} == {128, 256}
        tried.clear()
        assert self.choose(tiny, on_gpu, 20).batch_size == 128  # the run's own, whatever could be measured
        assert {size for _, size in tried} == {20}

    def test_smaller_batches_than_its_own_are_measured_too(self, tiny, on_gpu, monkeypatch):
        tried = script_measurements(monkeypatch, lambda name, size: 1000.0 / size)
        spec = replace(on_gpu, infer=replace(on_gpu.infer, batch_size=400))
        assert self.choose(tiny, spec).batch_size == 256
        assert tried == [(name, size) for size in (400, 256, 512) for name in ("graph", "fused")]

    def test_memory_that_does_not_suffice_refuses_a_size_alone(self, tiny, on_gpu, monkeypatch):
        def rate(name, size):
            if size == 512:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return float(size)

        script_measurements(monkeypatch, rate)
        choice = self.choose(tiny, on_gpu)
        assert choice.batch_size == 256
        assert choice.refused["graph, batches of 512"] == "OutOfMemoryError: CUDA out of memory"

    @pytest.mark.parametrize(("predictions", "compiles"), [(129_000, False), (131_000, True)])
    def test_it_compiles_where_the_run_is_worth_it(self, tiny, on_gpu, monkeypatch, predictions, compiles):
        tried = script_measurements(monkeypatch, lambda name, size: 1000.0)  # 130 s are 130,000 images
        choice = self.choose(tiny, on_gpu, predictions=predictions)
        assert (("compiled", 128) in tried) == compiles
        assert compiles or choice.refused["compiled"].startswith(
            "not tried: compiling does not pay in a run of less than 130 s"
        )
        assert ("compiled", 256) not in tried


def test_every_engine_of_the_specification_can_be_made():
    named = {name for names in ENGINES_OF.values() for name in names}
    assert named == set(MAKERS)


def test_an_engine_of_another_precision_is_refused():
    with pytest.raises(SpecError, match="auto, torch, fused"):
        InferSpec(precision="bf16", engine="graph")
    with pytest.raises(SpecError, match="auto, graph, fused, compiled"):
        InferSpec(device="cuda", engine="torch")


def test_the_cache_of_this_host_is_used(tiny):
    run = prepare_run(tiny.spec(), tiny.out)
    elsewhere = tiny.root / "here"
    run_unit(run, list_units(run)[0], Workspace(run, elsewhere))
    assert len(list(elsewhere.glob("*.u8"))) == 1


@pytest.mark.gpu
@pytest.mark.parametrize("engine", ["graph", "fused", "compiled"])
@pytest.mark.parametrize(("precision", "near"), [("fp32", 1e-4), ("tf32", 5e-3), ("fp16", 5e-3)])
def test_engines_of_a_gpu_agree_with_plain_torch(plain, engine, precision, near):
    infer = InferSpec(device="cuda", precision=precision, batch_size=2)
    assert np.abs(predicted(engine, infer) - plain).max() <= near


@pytest.mark.gpu
def test_images_go_to_the_gpu_once(tiny):
    spec = tiny.spec(infer=InferSpec(device="cuda", batch_size=3, engine="graph", precision="fp16"))
    run = prepare_run(spec, tiny.out)
    workspace = Workspace(run)
    units = list_units(run)
    assert [unit.key for unit in units] == ["seed-0", "seed-1"]
    for unit in units:
        run_unit(run, unit, workspace)
    assert workspace.pixels().is_cuda
    assert workspace.member(1, "dense")[0].backend.uploaded == 0


@pytest.mark.gpu
def test_no_batch_waits_for_the_gpu():
    engine = Engine(
        "resnet18", 20, InferSpec(device="cuda", batch_size=2, precision="fp16"), PreprocessSpec(size=32)
    )
    engine.load(random_state("resnet18", 20, 0), LEVELS, 0)
    pixels = torch.from_numpy(images(31)).cuda()

    def step(done, total):
        torch.cuda.set_sync_debug_mode("error" if done < total else "default")

    try:
        engine.predict(0.9, pixels, step)
    finally:
        torch.cuda.set_sync_debug_mode("default")
