"""The phases of a study as a table of allowed transitions; the diagram in the docs is drawn from it."""

from enum import StrEnum

from readerstudy.refusals import RefusedError


class Phase(StrEnum):
    """The phase of a study."""

    DRAFT = "draft"
    LOCKED = "locked"
    READING = "reading"
    CLOSED = "closed"
    UNBLINDED = "unblinded"
    ARCHIVED = "archived"


BEFORE_CLOSE = frozenset({Phase.DRAFT, Phase.LOCKED, Phase.READING})
"""Phases in which somebody may still join, or look at images."""


class PhaseError(RefusedError):
    """A step is not allowed in the study's phase."""


TRANSITIONS: dict[tuple[Phase, str], Phase] = {
    (Phase.DRAFT, "lock"): Phase.LOCKED,
    (Phase.LOCKED, "start"): Phase.READING,
    (Phase.READING, "close"): Phase.CLOSED,
    (Phase.CLOSED, "unblind"): Phase.UNBLINDED,
    (Phase.CLOSED, "archive"): Phase.ARCHIVED,
    (Phase.UNBLINDED, "archive"): Phase.ARCHIVED,
}


def next_phase(phase: str, step: str) -> Phase:
    """Return the phase after a step.

    Raises
    ------
    PhaseError: the step is not allowed now; the message says in which phase it is.
    """
    try:
        return TRANSITIONS[Phase(phase), step]
    except KeyError:
        allowed = [source.value for source, name in TRANSITIONS if name == step]
        raise PhaseError(
            f"'{step}' is possible in the phase {' or '.join(allowed)}; the study is {phase}"
        ) from None


def allowed_steps(phase: str) -> list[str]:
    """List the steps that are allowed in a phase."""
    return [step for source, step in TRANSITIONS if source == phase]


class StudyError(RefusedError):
    """A study cannot be changed as asked: what was expected, what was found, what to do."""


class NotThisPersonError(StudyError):
    """The person cannot read in this study. The words are about the person only, so that the person may see them."""
