"""What the ratings do not say about a study: its title, protocol, readers and history. All of it may be absent."""

from dataclasses import dataclass

from analysis.figures.described import Described


@dataclass(frozen=True)
class ReaderCourse:
    """One reader's way through the study; `planned` and `read` count first readings.

    `withdrawn` says when and why, `replaces` names the reader whose place was taken.
    """

    pseudonym: str
    planned: int
    read: int
    withdrawn: str = ""
    replaces: str = ""


@dataclass(frozen=True)
class Background:
    """What only the site knows. `protocol`, `course` and `origin` are names and values to be printed.

    `questions` are the texts as the readers saw them with their answers; `codes` names the facts whose values
    are digests; `estimand` says in words what was compared with what; `remarks` are things a reader of the
    report must know, such as an admin who had seen the sweep; `described` are the answers to what is not tested.
    """

    title: str = "Reader study"
    questions: tuple[tuple[str, str], ...] = ()
    protocol: tuple[tuple[str, str], ...] = ()
    course: tuple[tuple[str, str], ...] = ()
    origin: tuple[tuple[str, str], ...] = ()
    codes: frozenset[str] = frozenset()
    readers: tuple[ReaderCourse, ...] = ()
    estimand: str = ""
    remarks: tuple[str, ...] = ()
    synthetic_images: bool = False
    described: tuple[Described, ...] = ()
