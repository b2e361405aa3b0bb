"""Scripts and style sheets without their comments, and compressed: what a browser is sent.

The sources are read by people and explain themselves; a reading room on a slow line need not fetch that. A static
files finder puts small copies under HOME/small and finds them first; whitenoise sends the .gz beside each.
whitenoise alone compresses without taking the comments out: the 38 modules of the reading page then weigh 62.1 kB
instead of 38.9 kB.
"""

import gzip
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import rjsmin
from django.conf import settings
from django.contrib.staticfiles.finders import AppDirectoriesFinder, BaseFinder
from django.core.files.storage import FileSystemStorage

from readerstudy.durable import write_whole

KINDS = (".mjs",)


class AdminFiles(AppDirectoriesFinder):
    """Finds the files of Django's admin site alone: scripts of other packages are not served."""

    def __init__(self, app_names: Iterable[str] | None = None, *args: Any, **kwargs: Any) -> None:
        """Look nowhere else, whatever is asked for."""
        super().__init__(["django.contrib.admin"], *args, **kwargs)


class SmallFiles(BaseFinder):
    """Finds small copies of the project's own scripts; everything else is found by the finders after it."""

    def __init__(self) -> None:
        """Take the project's static folder and the place of the copies from the settings."""
        self.sources = Path(settings.STATICFILES_DIRS[0])
        self.copies = Path(settings.HOME) / "small"
        self.storage = FileSystemStorage(location=self.copies)

    def find(self, path: str, find_all: bool = False, **kwargs: Any) -> Any:
        """Return where the small copy of a script lies, made again if its source has changed."""
        source = self.sources / path
        if source.suffix not in KINDS or ".." in source.parts or not source.is_file():
            return []
        small = str(self._copy(source, path))
        return [small] if find_all else small

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterator[tuple[str, FileSystemStorage]]:
        """Yield every script, its compressed form, and the storage that holds both."""
        for source in sorted(self.sources.rglob("*")):
            if source.suffix in KINDS:
                path = source.relative_to(self.sources).as_posix()
                self._copy(source, path)
                yield path, self.storage
                yield f"{path}.gz", self.storage  # whitenoise looks for it among what is listed

    def _copy(self, source: Path, path: str) -> Path:
        target = self.copies / path
        changed = source.stat().st_mtime_ns
        if not (target.is_file() and target.stat().st_mtime_ns == changed):
            target.parent.mkdir(parents=True, exist_ok=True)
            small = rjsmin.jsmin(source.read_text(encoding="utf-8")).encode()
            # Several server processes may begin together: each writes the whole file.
            packed = gzip.compress(small, 9, mtime=0)
            write_whole(target.with_name(target.name + ".gz"), packed, changed=changed)
            write_whole(target, small, changed=changed)
        return target
