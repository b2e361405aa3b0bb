"""Power of a planned study by formula and by simulation, and the fewest cases for a wanted power."""

from argparse import ArgumentParser
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from django.core.management.base import CommandError
from rich.progress import Progress

from analysis.endpoints import FILE, PAPER, Aim, EndpointError, read_endpoints
from analysis.stats import StatsError
from analysis.stats.plan import endpoints_named
from analysis.stats.planning import DESIGNS, Plan
from readerstudy.commands import SiteCommand
from readerstudy.planning.power import Assumptions, Outlook, outlook, picture, with_simulation
from readerstudy.planning.words import EXPLAINED, effect_in_answers, result_in_words

NUMBERS = ("effect", "reader", "case", "rest", "reader_by_arm", "alpha", "wanted")


class Command(SiteCommand):
    help = "Report the power of a planned study, by formula and by simulation from the latent model."
    refused = (StatsError, EndpointError)

    def add_arguments(self, parser: ArgumentParser) -> None:
        assumed = Assumptions()

        def option(name: str, **more: Any) -> None:
            told = f"{EXPLAINED[name]} Default: %(default)s."
            parser.add_argument(f"--{name.replace('_', '-')}", help=told, **more)

        option("design", choices=DESIGNS, default=DESIGNS[0])
        for name, usual in (("readers", 6), ("cases", 40), ("blocks", 3), ("anchors", 0), ("ratio", 0)):
            option(name, type=int, default=usual)
        option("correlation", type=float, default=Plan.correlation)
        as_asked = "Default: as the question has it."
        parser.add_argument("--aim", choices=get_args(Aim), help=f"{EXPLAINED['aim']} {as_asked}")
        parser.add_argument("--margin", type=float, help=f"{EXPLAINED['margin']} {as_asked}")
        option("endpoint", metavar="NAME", default=assumed.endpoint.name)
        parser.add_argument(
            "--endpoints", type=Path, metavar=FILE,
            help="The questions to choose from, as an export has them. Default: the published study's three.",
        )  # fmt: skip
        for name in NUMBERS:
            option(name, type=float, default=getattr(assumed, name))
        option("tested", type=int, default=1)
        parser.add_argument(
            "--studies", type=int, default=2_000,
            help="Studies to simulate; 0 for the formula alone. Default: %(default)s.",
        )  # fmt: skip
        parser.add_argument("--out", type=Path, help="Also draw the curves: a new .svg, .png or .pdf file.")

    def handle(self, *args: Any, **options: Any) -> None:
        plan = Plan(
            *(
                options[name]
                for name in ("design", "readers", "cases", "blocks", "anchors", "ratio", "correlation")
            )
        )
        known = read_endpoints(options["endpoints"]) if options["endpoints"] else PAPER
        (endpoint,) = endpoints_named([options["endpoint"]], known)
        declared = {name: options[name] for name in ("aim", "margin") if options[name] is not None}
        endpoint = replace(endpoint, **declared)
        endpoint.check()
        if options["tested"] < 1:
            raise CommandError(f"--tested: expected at least 1 endpoint, got {options['tested']}")
        numbers = {name: options[name] for name in NUMBERS}
        assumed = Assumptions(endpoint, **{**numbers, "alpha": numbers["alpha"] / options["tested"]})
        found = outlook(plan, assumed)
        if options["studies"] > 0:
            found = self._simulated(found, assumed, options["studies"])
        self._tell(found, assumed)
        if options["out"] is not None:
            self._draw(found, assumed, options["out"])

    def _simulated(self, found: Outlook, assumed: Assumptions, studies: int) -> Outlook:
        with Progress(transient=True) as bar:
            task = bar.add_task("simulating", total=studies)
            return with_simulation(
                found, assumed, studies=studies, seconds=float("inf"),
                progress=lambda done, _: bar.update(task, completed=done),
            )  # fmt: skip

    def _tell(self, found: Outlook, assumed: Assumptions) -> None:
        plan = found.plan
        meant = effect_in_answers(assumed, found.theta, sets=plan.ratio > 0).sentence
        self.stdout.write(f"difference           {meant}")
        sets = f", {plan.sets} matched sets of 1 and {plan.ratio}" if plan.ratio else ""
        self.stdout.write(
            f"{plan.design}, {plan.readers} readers, {plan.cases} cases of each{sets}; theta {found.theta:.3f}"
        )
        if found.own is not None:
            self.stdout.write(f"power by formula     {found.own.power:.3f} (df {found.own.df:.1f})")
        if found.simulated is not None:
            drawn = found.simulated
            second = drawn.obuchowski_rockette
            self.stdout.write(
                f"power by simulation  {drawn.primary:.3f} +- {drawn.error:.3f} "
                f"(primary test, {drawn.studies} studies)"
                + ("" if second is None else f"; Obuchowski-Rockette {second:.3f}")
            )
        if found.own is not None or found.simulated is not None:
            self.stdout.write(f"in words             {result_in_words(found, assumed)}")
        if found.fewest and plan.design != "overlapping blocks":
            for readers, cases in found.fewest:
                enough = f"{cases} cases" if cases else "more than 400 cases"
                self.stdout.write(f"power {assumed.wanted:.2f} with {readers} readers: {enough}")

    def _draw(self, found: Outlook, assumed: Assumptions, path: Path) -> None:
        kind = path.suffix.lstrip(".")
        if kind not in {"svg", "png", "pdf"} or path.exists():
            raise CommandError(f"expected a new file ending in .svg, .png or .pdf, got {path}")
        path.write_bytes(picture(found, assumed.wanted, theme="light", kind=kind))
