"""Draw the chosen phantoms at reading size. No Django: spawned processes import this module."""

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from analysis.phantoms import PhantomSpec, write_dicom

PROCESSES = 2
BITS = 12


def develop(
    spec: PhantomSpec,
    names: Sequence[str],
    films: Path,
    size: tuple[int, int],
    report: Callable[[int, int], None],
) -> None:
    """Write one DICOM per name, `size` in rows and columns; films that are there are kept."""
    films.mkdir(parents=True, exist_ok=True)
    wanted = [name for name in names if not _film(films, name).exists()]
    ready = len(names) - len(wanted)
    report(ready, len(names))
    if not wanted:
        return
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        drawing = [pool.submit(_draw, spec, name, _film(films, name), size) for name in wanted]
        for done, film in enumerate(drawing, 1):
            film.result()
            report(ready + done, len(names))


def _film(films: Path, name: str) -> Path:
    return films / f"{Path(name).stem}.dcm"


def _draw(spec: PhantomSpec, name: str, path: Path, size: tuple[int, int]) -> None:
    # One depth for all: a depth that differs from case to case could tell where a case comes from.
    write_dicom(spec, name, path, *size, bits_stored=BITS)
