"""Progress bars in the terminal, with the time left; plain lines where there is no terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

Report = Callable[[int, int], None]


@contextmanager
def terminal_progress(title: str, console: Console | None = None) -> Iterator[Report]:
    """Show one bar; call the yielded function with (done, total)."""
    console = console or Console()
    columns = (
        TextColumn("  {task.description:28}"), BarColumn(40), MofNCompleteColumn(),
        TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
    )  # fmt: skip
    if not console.is_terminal:
        yield _plain(title, console)
        return
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(title, total=None)

        def report(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        yield report


def _plain(title: str, console: Console) -> Report:
    """Print a line at each tenth: a log file is no place for a moving bar."""
    shown = -1

    def report(done: int, total: int) -> None:
        nonlocal shown
        tenth = 10 * done // max(total, 1)
        if tenth > shown:
            shown = tenth
            console.print(f"  {title}: {done} of {total}", highlight=False)

    return report


def in_words(seconds: float) -> str:
    """Return a duration as a person says it: 40 s, 3 min 20 s."""
    whole = max(1, round(seconds))
    minutes, left = divmod(whole, 60)
    if not minutes:
        return f"{left} s"
    return f"{minutes} min" + (f" {left} s" if left else "")
