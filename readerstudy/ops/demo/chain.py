"""The demo's chain, step by step; each step that was finished before is skipped."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
from django.conf import settings

from analysis.caseset import find_images, write_case_set
from analysis.models import DataSet, Ensemble, Run
from analysis.phantoms import draw_files, write_data_set
from analysis.phantoms.catalogue import catalogue
from analysis.selection import Selection, read_run, select
from analysis.services import control
from analysis.services.custody import check_custody
from analysis.services.data_sets import register_data_set
from analysis.services.ensembles import register_ensemble
from analysis.services.findings import Choices
from analysis.services.findings_files import make_set
from analysis.services.handover import origin
from analysis.services.phantom_study import demo_words, sweep_toml
from analysis.services.progress import progress_of
from analysis.services.runs import create_run
from analysis.sweep.toml import load_spec
from analysis.tasks import ring
from readerstudy.ops.demo import plan
from readerstudy.ops.demo.plan import PHANTOMS, SELECTION, DemoFolder
from readerstudy.ops.serve.supervisor import Process, Supervisor, worker_command
from readerstudy.refusals import RefusedError

Report = Callable[[int, int], None]
POLL_SECONDS = 0.5


class DemoError(RefusedError):
    """The demo cannot go on: what was found, and what to do."""


def make_phantoms(folder: DemoFolder, report: Report) -> None:
    """Draw the data set; files that are there are kept."""
    folder.sealed.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_data_set(PHANTOMS, folder.phantoms, folder.truth, progress=report)


def train(folder: DemoFolder, report: Report) -> None:
    """Train the toy ensemble; finished members are kept."""
    from analysis.sweep.training.train import train_ensemble

    if not folder.spec.exists():
        folder.spec.write_text(sweep_toml(plan.SEEDS), encoding="utf-8")
    spec = load_spec(folder.spec)
    seeds, done_of = list(spec.train.seeds), {}

    def progress(stage: str, done: int, total: int) -> None:
        if stage.startswith("train"):
            done_of[stage] = done / total
            report(round(1000 * sum(done_of.values())), 1000 * len(seeds))

    train_ensemble(spec, folder.ensemble, cache=settings.RUNS_ROOT / ".image-cache", progress=progress)


def sweep(folder: DemoFolder, report: Report) -> Run:
    """Prepare the run and let the embedded worker do it, as `serve` would.

    Raises
    ------
    DemoError: a unit failed five times.
    """
    run = create_run(spec=load_spec(folder.spec), out=None, runs=settings.RUNS_ROOT)
    control.resume(run=run)
    if run.finished_at:
        return run
    ring()
    with Supervisor([Process("worker", worker_command())]) as supervisor:
        while run.finished_at is None:
            supervisor.restart_dead()
            now = progress_of(run)
            report(now.done, now.total)
            if now.failed:
                unit = run.units.exclude(error="").first()
                raise DemoError(f"unit {unit and unit.key} of the sweep failed: {unit and unit.error}")
            time.sleep(POLL_SECONDS)
            run.refresh_from_db()
    report(now.total, now.total)
    return run


def analyse(run: Run, report: Report) -> None:
    """Answer the four questions for the run, so that its page has something to show, once."""
    report(0, 1)
    make_set(run=run, choices=Choices(fraction=SELECTION.fraction))
    report(1, 1)


def show_inputs(folder: DemoFolder, run: Run) -> None:
    """Let the researcher's pages show the data set and the ensemble behind the sweep, once."""
    spec = load_spec(folder.spec)
    content = spec.as_dict()
    data_set = DataSet.objects.filter(slug=plan.DATA_SET).first()
    if data_set is None:
        section = {name: value for name, value in content["data"].items() if name != "name" and value}
        data_set = register_data_set(slug=plan.DATA_SET, section=section, roots=None)
    ensemble = Ensemble.objects.filter(slug=plan.ENSEMBLE).first()
    ensemble = ensemble or register_ensemble(
        slug=plan.ENSEMBLE, data_set=data_set, architecture=spec.models.architecture,
        checkpoints=str(folder.ensemble / "*" / "chkpt.pt"), preprocess=content["preprocess"], roots=None,
    )  # fmt: skip
    Run.objects.filter(pk=run.pk).update(data_set=data_set, ensemble=ensemble)


def choose(run: Run) -> tuple[Selection, dict[str, pd.DataFrame]]:
    """Select exemplars and matched controls, and deal the pairs out to the demo's two studies.

    The studies share no image: the key of the finished one is open and must tell nothing about the live one.
    """
    selection = select(read_run(Path(run.folder)), SELECTION)
    pairs = sorted(selection.rows["pair"].unique())
    halves = {plan.LIVE: set(pairs[0::2]), plan.FINISHED: set(pairs[1::2])}
    return selection, {
        slug: selection.rows[selection.rows["pair"].isin(half)] for slug, half in halves.items()
    }


def findings_in_words(folder: DemoFolder, run: Run, selection: Selection) -> list[str]:
    """Say in three sentences what the demo found: its exemplars' validity, and which planted faults are among them."""
    return demo_words(read_run(Path(run.folder)), selection.exemplars.images, pd.read_csv(folder.truth))


def develop(folder: DemoFolder, slug: str, rows: pd.DataFrame, report: Report) -> None:
    """Draw the chosen radiographs of one study at reading size; films that are there are kept."""
    films, images = folder.films(slug), {image.name: image for image in catalogue(PHANTOMS)}
    films.mkdir(parents=True, exist_ok=True)
    files = [(images[name], films / f"{Path(name).stem}.dcm") for name in rows["image"]]
    # One depth for all: a depth that differs from case to case could tell where a case comes from.
    draw_files(PHANTOMS, files, plan.SIZES[slug], bits=plan.BITS, progress=report)


def hand_over(folder: DemoFolder, slug: str, run: Run, selection: Selection, rows: pd.DataFrame) -> None:
    """Write both halves of one study's case set, once."""
    if folder.cases(slug).exists():
        return
    folder.cases(slug).parent.mkdir(parents=True, exist_ok=True)
    folder.key(slug).unlink(missing_ok=True)
    folder.key(slug).with_name(f"{slug}-key.report.json").unlink(missing_ok=True)
    source, films = read_run(Path(run.folder)), find_images(rows["image"], folder.films(slug))
    write_case_set(
        rows,
        images=films,
        out=folder.cases(slug),
        key_out=folder.key(slug),
        origin=replace(origin(source, selection), custody=check_custody(source, films)),
        block_size=10,
    )
