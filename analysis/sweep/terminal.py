"""Progress in a terminal: one bar per stage with its rate and the time left; plain lines without rich."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from analysis.sweep.progress import Progress as Callback

SECONDS_BETWEEN_LINES = 5.0


@contextmanager
def progress_bars() -> Iterator[Callback]:
    """Show bars while the block runs; the callback makes a bar for each new stage."""
    try:
        import rich  # noqa: F401
    except ImportError:
        yield Lines().show
        return
    with _rich_bars() as show:
        yield show


@dataclass
class Lines:
    """Progress as lines of text, at most one every few seconds for each stage, and one at its end."""

    _began: dict[str, tuple[float, int]] = field(default_factory=dict)
    _last: dict[str, float] = field(default_factory=dict)

    def show(self, stage: str, done: int, total: int) -> None:
        """Print where a stage is."""
        now = time.monotonic()
        began, before = self._began.setdefault(stage, (now, done))
        if done < total and now - self._last.get(stage, -SECONDS_BETWEEN_LINES) < SECONDS_BETWEEN_LINES:
            return
        self._last[stage] = now
        rate = (done - before) / (now - began) if now > began and done > before else 0.0
        left = f", {rate:.1f}/s, {in_words((total - done) / rate)} left" if rate and done < total else ""
        print(f"{stage} {done}/{total}{left}", file=sys.stderr, flush=True)


def in_words(seconds: float) -> str:
    """Write a time to come as people read it: 48 s, 12 min, 3.5 h."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


@contextmanager
def _rich_bars() -> Iterator[Callback]:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TaskID,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class RateColumn(ProgressColumn):
        """Steps per second, or seconds per step where that reads better."""

        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            if not speed:
                return Text("")
            return Text(f"{speed:.1f}/s" if speed >= 1 else f"{1 / speed:.1f} s each")

    columns = (
        TextColumn("{task.description:<12}"),
        BarColumn(),
        MofNCompleteColumn(),
        RateColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns) as bars:
        known: dict[str, TaskID] = {}
        last: dict[str, tuple[int, int]] = {}

        def show(stage: str, done: int, total: int) -> None:
            if stage not in known:
                known[stage] = bars.add_task(stage, total=total, completed=done)
            elif done < last[stage][0] or total != last[stage][1]:
                # The same stage of the next part, such as the decode of another split: its clock starts anew.
                bars.reset(known[stage], total=total, completed=done)
            last[stage] = (done, total)
            bars.update(known[stage], completed=done)

        yield show
