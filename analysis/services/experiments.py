"""Experiments of many trainings in the ledger: one unit for each network, and the results of all at the end."""

from collections.abc import Callable, Mapping
from pathlib import Path

from analysis.durable import text_of, write_whole
from analysis.experiment import crossfit, results, study
from analysis.experiment.plan import Plan, open_plan
from analysis.models import Run, RunKind, Unit
from analysis.services.control import register_folder, register_run

ANSWER = "answer.txt"
FINISH: Mapping[str, Callable[[Plan], list[str]]] = {
    crossfit.KIND: crossfit.finish_cross_fit,
    study.KIND: results.finish_study,
}


def register_experiment(*, plan: Plan) -> Run:
    """Write a frozen experiment into the ledger; one that is there is returned as it is."""
    shown = {"digest": plan.said["digest"], "images": plan.said["images"]["count"], **plan.said["choices"]}
    return register_run(
        run_id=plan.run_id, kind=RunKind.RETRAIN, name=plan.said["name"], folder=plan.folder.absolute(),
        spec={"experiment": shown, "data": plan.jobs[0].spec.shown()["data"]}, synthetic=plan.said["synthetic"],
        units=[Unit(key=job.key, member=job.seed, condition=job.arm) for job in plan.jobs],
    )  # fmt: skip


def finish_experiment(run: Run) -> None:
    """Compute what all networks together say, note it for the page, and put joined predictions into the ledger."""
    plan = open_plan(Path(run.folder))
    told = FINISH[plan.said["kind"]](plan)
    write_whole(plan.folder / ANSWER, "".join(f"{line}\n" for line in told).encode())
    if plan.said["kind"] == crossfit.KIND:
        register_folder(folder=plan.folder / "run")


def answer_of(run: Run) -> list[str]:
    """Return the sentences of a finished experiment; none for another run."""
    return text_of(Path(run.folder) / ANSWER).splitlines() if run.kind == RunKind.RETRAIN else []
