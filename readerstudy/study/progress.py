"""How much of a study has been read, in counts only."""

from dataclasses import dataclass

from readerstudy.study.models import Assignment, Study


@dataclass(frozen=True)
class Progress:
    """Saved and planned readings of a study, hidden repeats included, and how many readers have begun."""

    saved: int
    planned: int
    begun: int
    readers: int

    @property
    def complete(self) -> bool:
        """Whether everything planned was read."""
        return self.saved == self.planned

    def __str__(self) -> str:
        readers = "1 reader" if self.readers == 1 else f"{self.readers} readers"
        return f"{readers}, {self.begun} of them began; {self.saved} of {self.planned} readings saved"


def progress_of(study: Study) -> Progress:
    """Count what was saved; says nothing of any answer."""
    planned = Assignment.objects.filter(study=study.pk)
    saved = planned.filter(revision__gt=0)
    return Progress(
        saved=saved.count(),
        planned=planned.count(),
        begun=saved.values("reader").distinct().count(),
        readers=study.readers.count(),
    )
