"""How long work reports itself, and how a terminal shows it: bars with rate and time left, or lines in a log file."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[str, int, int], None]
"""Called as progress(stage, done, total)."""

SECONDS_BETWEEN_LINES = 5.0
SECONDS_BETWEEN_BARS = 0.1
WIDE = 30
"""Characters of a whole bar."""


@contextmanager
def progress_bars() -> Iterator[Progress]:
    """Show each stage while the block runs: a bar in a line of its own, or lines where there is no terminal."""
    shown = Lines(sys.stderr.isatty())
    try:
        yield shown.show
    finally:
        shown.end_line()


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """Show one stage while the block runs; call what is yielded with (done, total)."""
    with progress_bars() as show:
        yield lambda done, total: show(title, done, total)


class Lines:
    """Progress as text: one line every few seconds for each stage and one at its end, or one that is written over."""

    def __init__(self, on_terminal: bool = False) -> None:
        self._on_terminal, self._open = on_terminal, ""
        # Of each stage: when it began and with how many done, how many are and when it was last shown, and of how many.
        self._stages: dict[str, tuple[float, int, int, float, int]] = {}

    def show(self, stage: str, done: int, total: int) -> None:
        """Print where a stage is; the same stage of another part, such as another split, starts over."""
        now = time.monotonic()
        began, before, latest, last, whole = self._stages.get(
            stage, (now, done, done, -SECONDS_BETWEEN_LINES, total)
        )
        if done < latest or total != whole:
            began, before = now, done
        pause = SECONDS_BETWEEN_BARS if self._on_terminal else SECONDS_BETWEEN_LINES
        due = done >= total or now - last >= pause
        self._stages[stage] = began, before, done, now if due else last, total
        if not due:
            return
        rate = (done - before) / (now - began) if now > began and done > before else 0.0
        left = f", {rate:.1f}/s, {in_words((total - done) / rate)} left" if rate and done < total else ""
        text = f"  {stage}: {done} of {total}{left}"
        if self._on_terminal:
            if self._open != stage:
                self.end_line()
            self._open = stage if done < total else ""
            full = WIDE * done // max(1, total)
            text = f"\r\x1b[K  {'━' * full}{'─' * (WIDE - full)}{text}"
        print(text, end="" if self._open else "\n", file=sys.stderr, flush=True)

    def end_line(self) -> None:
        """End a line that was to be written over."""
        if self._open:
            print(file=sys.stderr)
        self._open = ""


def in_words(seconds: float) -> str:
    """Return a duration as people say it: 40 s, 3 min 20 s, 3.5 h."""
    whole = max(1, round(seconds))
    minutes, left = divmod(whole, 60)
    if not minutes:
        return f"{left} s"
    if minutes >= 100:
        return f"{seconds / 3600:.1f} h"
    return f"{minutes} min" + (f" {left} s" if left else "")
