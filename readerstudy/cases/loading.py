"""Tell the admin's page how loading is going: images decoded, time left, and which were refused and why."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from readerstudy.cases.models import Loading

PROBLEMS = {
    "CaseSetError": "The case set is incomplete: expected cases.csv, images and provenance.json as they were "
    "written, but at least one is missing or was changed. Ask the researcher to copy it again, or to write it again.",
    "FrameError": "A table in the case set contains something that is not allowed there. Ask the researcher to "
    "check the set with verify_case_set and to write it again.",
    "StorageError": "The images could not be stored. Ask the person who runs the server whether the disk is "
    "full, then load the case set again.",
    "AlreadyLoadedError": "The study already has its cases. Tick that the new ones take their place.",
    "StudyError": "The study cannot use this case set: it is both its cases and its practice cases, the key of the "
    "set has been opened, the orders of enrolled readers cannot be drawn from it, or practice cases have other images "
    "(number or roles) than the cases.",
    "PhaseError": "The study is locked: its cases can no longer change.",
}
"""What ended a load, in words for an admin without a shell. No text of a file is told: it could name a person."""
OTHER_PROBLEM = (
    "Loading failed with a server error ({}). Ask the person who runs the server to look at the log."
)

TOLD_EVERY = 0.5
"""Seconds between two words about a load: the page asks no more often, and a row is written each time."""
Progress = Callable[[int, int], None]
"""Told how many images are done, and how many there are."""
SILENT_FOR = timedelta(minutes=2)
"""An image takes 30 seconds at most: a load that has said nothing for so long was killed."""


class LoadingReport:
    """What a running load says about itself."""

    def __init__(self, study: UUID, also: Progress) -> None:
        """Speak for the load of one study; `also` is called for each image too."""
        self._study, self._also, self._last = study, also, 0.0

    def tick(self, done: int, total: int) -> None:
        """Note how many images are decoded; most calls write nothing."""
        self._also(done, total)
        now = time.monotonic()
        if done < total and now - self._last < TOLD_EVERY:
            return
        self._last = now
        Loading.objects.filter(study=self._study).update(done=done, total=total, told_at=timezone.now())

    def refused(self, refusals: Sequence[tuple[str, str]]) -> None:
        """Note every image that cannot be read, by case, with its reason."""
        Loading.objects.filter(study=self._study).update(refusals=[list(each) for each in refusals])


@transaction.atomic
def announce(study: UUID) -> bool:
    """Tell of a load that is about to begin; where one is running or announced, change nothing and return False."""
    row, is_new = Loading.objects.select_for_update().get_or_create(study=study, defaults=_begun())
    if not is_new and _state_of(row) == Loading.State.RUNNING:
        return False
    Loading.objects.filter(study=study).update(**_begun())
    return True


@contextmanager
def reported(study: UUID, also: Progress = lambda *_: None) -> Iterator[LoadingReport]:
    """Report one load from its beginning to its end; an error ends it as refused, and goes on its way."""
    Loading.objects.update_or_create(study=study, defaults=_begun())
    try:
        yield LoadingReport(study, also)
    except BaseException as error:
        _end(study, Loading.State.REFUSED, type(error).__name__)
        raise
    _end(study, Loading.State.DONE, "")


@transaction.atomic
def _end(study: UUID, state: Loading.State, problem: str) -> None:
    Loading.objects.filter(study=study).update(state=state, problem=problem, told_at=timezone.now())


def _begun() -> dict[str, Any]:
    now = timezone.now()
    begun = {"state": Loading.State.RUNNING, "done": 0, "total": 0, "refusals": [], "problem": ""}
    return {**begun, "began_at": now, "told_at": now}


def _state_of(row: Loading) -> str:
    if row.state == Loading.State.RUNNING and timezone.now() - row.told_at > SILENT_FOR:
        return "silent"
    return str(row.state)


def loading_json(*studies: UUID) -> dict[str, Any]:
    """Return the state of the last load under these keys, for the page; state "none" where there was none.

    seconds_left is an estimate from the images so far, None while there is nothing to go by.
    """
    found = Loading.objects.filter(study__in=studies).order_by("-began_at").first()
    row, state = (Loading(), "none") if found is None else (found, _state_of(found))
    left = None
    if state == Loading.State.RUNNING and row.done:
        left = round((row.told_at - row.began_at).total_seconds() / row.done * (row.total - row.done))
    return {
        "state": state,
        "done": row.done,
        "total": row.total,
        "refusals": row.refusals,
        "problem": PROBLEMS.get(row.problem, OTHER_PROBLEM.format(row.problem)) if row.problem else "",
        "seconds_left": left,
    }
