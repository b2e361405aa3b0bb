"""How long work reports itself, and how a terminal shows it: bars with rate and time left, or lines in a log file."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

Progress = Callable[[str, int, int], None]
"""Called as progress(stage, done, total)."""

SECONDS_BETWEEN_LINES = 5.0


@contextmanager
def progress_bars() -> Iterator[Progress]:
    """Show bars while the block runs, one for each stage; lines where there is no terminal or no rich."""
    try:
        import rich  # noqa: F401
    except ImportError:
        bars = False
    else:
        bars = sys.stderr.isatty()
    if not bars:
        yield Lines().show
        return
    with _rich_bars() as show:
        yield show


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """Show one bar while the block runs; call what is yielded with (done, total)."""
    with progress_bars() as show:
        yield lambda done, total: show(title, done, total)


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
        print(f"  {stage}: {done} of {total}{left}", file=sys.stderr, flush=True)


def in_words(seconds: float) -> str:
    """Return a duration as people say it: 40 s, 3 min 20 s, 3.5 h."""
    whole = max(1, round(seconds))
    minutes, left = divmod(whole, 60)
    if not minutes:
        return f"{left} s"
    if minutes >= 100:
        return f"{seconds / 3600:.1f} h"
    return f"{minutes} min" + (f" {left} s" if left else "")


@contextmanager
def _rich_bars() -> Iterator[Progress]:
    from rich import progress as shown
    from rich.console import Console
    from rich.text import Text

    class RateColumn(shown.ProgressColumn):
        """Steps per second, or seconds per step where that reads better."""

        def render(self, task: shown.Task) -> Text:
            speed = task.finished_speed or task.speed
            if not speed:
                return Text("")
            return Text(f"{speed:.1f}/s" if speed >= 1 else f"{1 / speed:.1f} s each")

    columns = (
        shown.TextColumn("  {task.description:12}"), shown.BarColumn(), shown.MofNCompleteColumn(), RateColumn(),
        shown.TimeElapsedColumn(), shown.TextColumn("left"), shown.TimeRemainingColumn(),
    )  # fmt: skip
    with shown.Progress(*columns, console=Console(stderr=True)) as bars:
        known: dict[str, shown.TaskID] = {}
        last: dict[str, tuple[int, int]] = {}

        def show(stage: str, done: int, total: int) -> None:
            if stage not in known:
                known[stage] = bars.add_task(stage, total=total, completed=done)
            elif done < last[stage][0] or total != last[stage][1]:
                # The same stage of the next part, such as the decode of another split: its clock starts again.
                bars.reset(known[stage], total=total, completed=done)
            last[stage] = (done, total)
            bars.update(known[stage], completed=done)

        yield show
