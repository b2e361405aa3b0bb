"""Power of a planned study by formula and by simulation, and the fewest cases for a wanted power."""

from argparse import ArgumentParser
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from django.core.management.base import CommandError

from analysis.durable import write_whole
from analysis.endpoints import FILE, PAPER, Aim, read_endpoints
from analysis.errors import RefusedError
from analysis.figures.theme import render
from analysis.stats.plan import MULTIPLICITY, endpoints_named
from analysis.stats.planning import DESIGNS, Plan
from analysis.terminal import progress_bar
from readerstudy.commands import SiteCommand
from readerstudy.planning import power
from readerstudy.planning.power import OPTIONS, Assumptions, Outlook, outlook, pictures, with_simulation


class Command(SiteCommand):
    help = "Report the power of a planned study, by formula and by simulation from the latent model."
    refused = (RefusedError,)

    def add_arguments(self, parser: ArgumentParser) -> None:
        def option(name: str, note: str = "Default: %(default)s.", **more: Any) -> None:
            told = f"{OPTIONS[name]['help']} {note}"
            parser.add_argument(f"--{name.replace('_', '-')}", help=told.strip(), **more)

        option("design", choices=DESIGNS, default=DESIGNS[0])
        for name, each in OPTIONS.items():
            if "usual" in each:
                option(name, type=type(each["low"]), default=each["usual"])
        option("aim", "Default: as the question has it.", choices=get_args(Aim))
        option("margin", "Default: as the question has it.", type=float)
        option("endpoint", metavar="NAME", default=Assumptions().endpoint.name)
        option("tested", "", metavar="NAME", nargs="+")
        option("multiplicity", choices=MULTIPLICITY, default=MULTIPLICITY[0])
        parser.add_argument(
            "--endpoints", type=Path, metavar=FILE,
            help="The questions to choose from, as an export has them. Default: the published study's three.",
        )  # fmt: skip
        parser.add_argument(
            "--studies", type=int, default=2_000,
            help="Studies to simulate; 0 for the formula alone. Default: %(default)s.",
        )  # fmt: skip
        parser.add_argument(
            "--out", type=Path, help="Also draw the curves, and beside them what half and twice of each assumption do "
            "(NAME-sensitivity): a new .svg, .png or .pdf file.",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        plan = Plan(**{name: options[name] for name in Plan.__dataclass_fields__})
        known = read_endpoints(options["endpoints"]) if options["endpoints"] else PAPER
        declared = {name: options[name] for name in ("aim", "margin") if options[name] is not None}
        names = options["tested"] or [options["endpoint"]]
        if options["endpoint"] not in names:
            raise CommandError(f"--tested: expected {options['endpoint']} among them, got {', '.join(names)}")
        tested = {
            each.name: replace(each, **declared) if each.name == options["endpoint"] else each
            for each in endpoints_named(names, known)
        }
        tested[options["endpoint"]].check()
        values = {name: options[name] for name in Assumptions.__dataclass_fields__}
        values |= {"endpoint": tested[options["endpoint"]], "tested": tuple(tested.values())}
        assumed = Assumptions(**values)
        found = outlook(plan, assumed)
        if options["studies"] > 0:
            with progress_bar("simulating") as progress:
                found = with_simulation(
                    found, assumed, studies=options["studies"], seconds=float("inf"), progress=progress
                )
        self._tell(found, assumed)
        if options["out"] is not None:
            self._draw(found, assumed, options["out"])

    def _tell(self, found: Outlook, assumed: Assumptions) -> None:
        plan = found.plan
        meant, _ = power.effect_in_answers(assumed, found.theta, sets=plan.ratio > 0)
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
        if found.power is not None:
            self.stdout.write(f"in words             {power.result_in_words(found, assumed)}")
        self.stdout.write(f"several endpoints    {power.several_in_words(assumed)}")
        for each in found.together:
            self.stdout.write(
                f"power of {each.endpoint.name:11} {each.alone:.3f} alone; with the others {each.apart:.3f} "
                f"(independent answers) to {each.alike:.3f} (answers that go together)"
            )
        for name, (half, twice) in found.varied.items():
            self.stdout.write(f"with {name:15} {half:.3f} at half of it, {twice:.3f} at twice")
        if found.fewest and plan.design != "overlapping blocks":
            for readers, cases in found.fewest:
                enough = f"{cases} cases" if cases else "more than 400 cases"
                self.stdout.write(f"power {assumed.wanted:.2f} with {readers} readers: {enough}")
            self.stdout.write(power.smallest_in_words(found, assumed.wanted))

    def _draw(self, found: Outlook, assumed: Assumptions, path: Path) -> None:
        kind = path.suffix.lstrip(".")
        if kind not in {"svg", "png", "pdf"} or path.exists():
            raise CommandError(f"expected a new file ending in .svg, .png or .pdf, got {path}")
        for name, figure in pictures(found, assumed.wanted, theme="light").items():
            place = path if name == "power" else path.with_stem(f"{path.stem}-{name}")
            write_whole(place, render(figure, kind))
