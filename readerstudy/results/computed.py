"""Results and figures of an unblinded study: computed once, then kept by the digest of what they came from.

That is its data, the source files behind an import, and all that is installed. The export shares the latter two, so
that neither can forget a module that the other knows.
"""

import fcntl
import hashlib
import json
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import metadata
from modulefinder import ModuleFinder
from pathlib import Path
from typing import Any, get_args

import pandas as pd
from django.conf import settings

import analysis
from analysis.durable import write_whole
from analysis.endpoints import GROUPS, Groups, groups_from
from analysis.figures.theme import ThemeName, render
from analysis.report import Background, report_figures
from analysis.stats import Plan, Results, analyse
from analysis.stats.plan import VERSIONS
from readerstudy.commands import start_apart
from readerstudy.endpoints import endpoints_of, tested
from readerstudy.results.background import background_of
from readerstudy.results.ratings import cases_frame, planned_frame, ratings_frame, subgroups_frame
from readerstudy.results.snapshot import snapshot
from readerstudy.results.values import EnrolledReader, Reading, readers_of, readings_of, unblinding_of
from readerstudy.study.design.locking import locked_document
from readerstudy.study.models import Study
from readerstudy.study.protocol import Protocol, digest

ANALYSIS_SEED = 20230814
"""Of the permutation tests; a fixed number, so that the same ratings always give the same report."""


THEMES: tuple[ThemeName, ...] = get_args(ThemeName)
AT_ONCE = 200
"""Readings of a study whose results a request may wait for: some seconds."""
BEGUN = "begun"
"""A file whose lock the process that computes holds for as long as it lives."""
ENDS = (".py", ".csv", ".json")
"""Of files that a module of the analysis may have: itself, and its definitions beside it."""


@dataclass(frozen=True)
class Computed:
    """Everything that a report or an export of a study is written from, read from one snapshot.

    Results and figures are computed when they are first asked for, and kept in `folder`.
    """

    slug: str
    title: str
    simulated: bool
    protocol: Mapping[str, Any]
    readings: list[Reading]
    readers: tuple[EnrolledReader, ...]
    ratings: pd.DataFrame
    planned: pd.DataFrame
    plan: Plan
    cases: pd.DataFrame
    subgroups: pd.DataFrame | None
    background: Background
    folder: Path

    @cached_property
    def results(self) -> Results:
        """The results; with too few answers for any comparison, what can be counted."""

        def compute() -> bytes:
            found = analyse(
                self.ratings, seed=ANALYSIS_SEED, simulated=self.simulated, subgroups=self.subgroups,
                plan=self.plan, partial=True, planned=self.planned,
            )  # fmt: skip
            return found.to_json().encode()

        kept = json.loads(_kept(self.folder / "results.json", compute))
        return Results(**{name: value for name, value in kept.items() if name not in {"format", "warning"}})

    def figures(self, theme: ThemeName) -> dict[str, bytes]:
        """Return every figure as SVG, drawn once."""

        def draw() -> bytes:
            drawn = report_figures(self.results, self.background, theme=theme)
            return json.dumps({name: render(figure).decode() for name, figure in drawn.items()}).encode()

        kept = json.loads(_kept(self.folder / f"figures-{theme}.json", draw))
        return {name: svg.encode() for name, svg in kept.items()}

    @property
    def parts_done(self) -> int:
        """How many of the three files are there: results, and figures for the page and for paper."""
        names = ("results.json", *(f"figures-{theme}.json" for theme in THEMES))
        return sum((self.folder / name).exists() for name in names)

    @property
    def at_hand(self) -> bool:
        """Whether a request can show the report without making somebody wait."""
        return len(self.readings) <= AT_ONCE or self.parts_done == 1 + len(THEMES)

    def begin(self, *, again: bool = False) -> bool:
        """Have everything computed by a process of its own, and return whether one is at it.

        One that ended without results has failed: it would fail again, and is begun again only when that is asked.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        mark = self.folder / BEGUN
        first = not mark.exists()
        with mark.open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            if first or again:
                start_apart("compute_results", self.slug, holding=(file.fileno(),))
            return first or again


def computed(study: Study) -> Computed:
    """Read what a study's results are computed from.

    Raises
    ------
    SealedError: the key is not open.
    """
    with snapshot() as using:
        study = Study.objects.using(using).get(pk=study.pk)
        readings = readings_of(study, using)
        readers = readers_of(study, readings, using)
        background = background_of(study, readings, readers, using)
        ratings, cases = ratings_frame(study.protocol, readings), cases_frame(readings)
        plan = plan_of(study, groups_from(unblinding_of(study, using).groups))
    groups, planned = subgroups_frame(study.protocol, cases), planned_frame(readings, readers)
    stamp = digest(
        {
            "ratings": ratings.to_csv(index=False),
            "planned": planned.to_csv(index=False),
            "groups": "" if groups is None else groups.to_csv(index=False),
            "background": repr(background),
            "plan": plan.as_row(),
            "seed": ANALYSIS_SEED,
            "code": code_digest(),
        }
    )
    folder = settings.EXPORTS_ROOT / str(study.key) / stamp
    return Computed(
        study.slug, study.title, study.simulated_readers, study.protocol,
        readings, readers, ratings, planned, plan, cases, groups, background, folder,
    )  # fmt: skip


def kept_figure(study: Study, stamp: str, name: str, theme: ThemeName) -> bytes | None:
    """Return a figure that was drawn before, or None; `stamp` is the digest that `computed` gave it.

    Raises
    ------
    SealedError: the key is not open.
    """
    unblinding_of(study)
    path = settings.EXPORTS_ROOT / str(study.key) / stamp / f"figures-{theme}.json"
    if not path.exists():
        return None
    svg = json.loads(path.read_bytes()).get(name)
    return None if svg is None else str(svg).encode()


def plan_of(study: Study, groups: Groups = GROUPS) -> Plan:
    """Return the analysis that the study was locked with, of groups by the names that its key gives."""
    protocol = study.protocol
    asked = Protocol.from_json(protocol)
    return Plan(
        endpoints=tested(asked),
        others=tuple(each for key, each in endpoints_of(asked).items() if key not in asked.endpoints),
        primary=protocol.get("primary_method", Plan().primary),
        alpha=protocol["alpha"],
        multiplicity=protocol["multiplicity"],
        shortest=protocol.get("shortest_s", 0.0) or None,
        longest=protocol.get("longest_s", 0.0) or None,
        version=locked_document(study).get("analysis", VERSIONS[0]),
        groups=groups,
    )


@cache
def code_digest() -> str:
    """Return the SHA-256 over all that can change a result or a figure beside its data: our code and the versions."""
    total = hashlib.sha256(environment().encode())
    for name, path in sources("analysis.stats", "analysis.report").items():
        total.update(f"{name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()


def _kept(path: Path, make: Callable[[], bytes]) -> bytes:
    """Return a file's bytes, made first when it is missing; whole or not at all."""
    if path.exists():
        return path.read_bytes()
    data = make()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_whole(path, data, mode=0o600)
    return data


class _OfTheAnalysis(ModuleFinder):
    """Python's own finder of what a module imports, which leaves every other package where it is."""

    def find_module(self, name: str, path: Any, parent: Any = None) -> Any:
        """Find a module of the analysis."""
        if path is None and name != analysis.__name__:
            raise ImportError(name)
        return super().find_module(name, path, parent)


def sources(*modules: str) -> dict[str, Path]:
    """Return the files of the analysis that importing `modules` can ever load, by their name in the package's parent.

    Imports within functions count too. They are read from the files' text, so nothing is loaded that is not needed.
    """
    root = Path(analysis.__path__[0]).parent
    finder = _OfTheAnalysis(path=[str(root)])
    for name in modules:
        finder.import_hook(name)
    modules_found: dict[str, Any] = finder.modules
    paths = [Path(each.__file__).with_suffix(end) for each in modules_found.values() for end in ENDS]
    return {path.relative_to(root).as_posix(): path for path in sorted(paths) if path.is_file()}


@cache
def environment() -> str:
    """Return Python's version, the kind of machine and every installed package with its version, a line each.

    Looked up once: a process computes with what it has loaded, whatever is installed meanwhile.
    """
    packages = sorted({f"{each.name}=={each.version}" for each in metadata.distributions()}, key=str.lower)
    machine = f"{platform.system()} {platform.machine()}"
    return "\n".join([f"Python {platform.python_version()}", machine, *packages, ""])
