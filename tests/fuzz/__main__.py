"""Fuzz whatever reads bytes from outside: `python -m tests.fuzz TARGET [--seconds N]`, or `all` in turn.

Coverage-guided (atheris, requirements-fuzz.txt), seeded with the hostile corpus and honest files. A target
may refuse its bytes by one of its named errors; anything else that leaves it is a finding, and the bytes are
kept in the folder that is printed. Images are decoded in this process here, not in the confined child, so that
the code itself is tried.
"""

import argparse
import contextlib
import logging
import os
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import tests.environment  # noqa: F401 - a throw-away site

Target = Callable[[bytes], object]


def _image(data: bytes) -> object:
    from analysis.picture.refusals import ImageRefusedError
    from readerstudy.cases.decoder import decode_image
    from readerstudy.cases.window import WindowRule

    with tempfile.TemporaryFile() as file, contextlib.suppress(ImageRefusedError, _SlowError), _hurried():
        file.write(data)
        file.seek(0)
        return decode_image(file, WindowRule.DICOM)


class _SlowError(Exception):
    """Decoding took too long. On the site the limit on the child's computing time ends it."""


@contextlib.contextmanager
def _hurried(seconds: float = 3) -> Iterator[None]:
    def end(number: int, frame: object) -> None:
        raise _SlowError

    signal.signal(signal.SIGVTALRM, end)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def _handed_over(data: bytes) -> object:
    from analysis.caseset import CaseSetError
    from analysis.caseset.sources import reencode

    with tempfile.NamedTemporaryFile() as file, contextlib.suppress(CaseSetError, _SlowError), _hurried():
        file.write(data)
        file.flush()
        return reencode(Path(file.name))


def _pickle(data: bytes) -> object:
    from analysis.imports.errors import PredictionsError
    from analysis.imports.pickled import read_pickle

    with contextlib.suppress(PredictionsError):
        return read_pickle(data, images=3)


def _frame(data: bytes) -> object:
    from readerstudy.cases.frame import FrameFormatError, decode_frame

    with contextlib.suppress(FrameFormatError):
        return decode_frame(data, 9, 14, 12)


def _protocol(data: bytes) -> object:
    from readerstudy.study.design.protocol_file import from_toml
    from readerstudy.study.protocol import ProtocolError

    with contextlib.suppress(ProtocolError):
        return from_toml(data)


def _by_input(name: str) -> Target:
    def target(data: bytes) -> object:
        from tests.hostile import tables

        reader = getattr(tables, name)
        with tempfile.NamedTemporaryFile(suffix=f".{reader.ending}") as file:
            file.write(data)
            file.flush()
            with contextlib.suppress(*reader.errors):
                return reader.open(Path(file.name))

    return target


TARGETS: dict[str, Target] = {
    "image": _image,
    "handover": _handed_over,
    "pickle": _pickle,
    "frame": _frame,
    "labels": _by_input("LABELS"),
    "specification": _by_input("SPEC"),
    "ratings": _by_input("RATINGS"),
    "key": _by_input("KEY"),
    "checkpoint": _by_input("CHECKPOINT"),
    "metadata": _by_input("METADATA"),
    "results": _by_input("RESULTS"),
    "VIA": _by_input("VIA"),
    "protocol": _protocol,
}


def seeds(name: str, trap: Path) -> Iterator[bytes]:
    """Yield files for a target to start from."""
    from analysis.picture import read_picture, write_neutral
    from tests.cases.images import dicom, greys, png
    from tests.hostile import dicoms, neutral, raster, tables
    from tests.picture import drawn

    if name in {"image", "handover"}:
        yield from (
            data for _, data in [*raster.files(), *dicoms.files(), *neutral.files()] if len(data) < 20_000
        )
        yield from (dicom(greys()), png(greys(bits=8)), raster.jpeg(greys(bits=8)))
        yield from (write_neutral(read_picture(data)) for _, data in drawn.files())
    elif name == "frame":
        from readerstudy.cases.frame import encode_frame

        yield encode_frame(greys(), 12)
    elif name == "protocol":
        from readerstudy.study.design.protocol_file import as_toml
        from readerstudy.study.protocol import Protocol
        from tests.hostile import uploads

        yield as_toml("A title", Protocol()).encode()
        yield from (data for _, data in uploads.protocols() if len(data) < 20_000)
    else:
        wanted = {"pickle": "predictions"}.get(name, name)
        yield from (
            data for _, reader, data in tables.files(trap) if reader.name == wanted and len(data) < 20_000
        )


def fuzz(name: str, corpus: Path, seconds: int) -> None:
    """Fuzz one target in this process until the time is over or something is found."""
    import atheris
    import django

    warnings.simplefilter("ignore")
    logging.disable()
    sys.setrecursionlimit(3_000)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "readerstudy.settings")
    with atheris.instrument_imports(include=["analysis", "readerstudy", "pydicom", "PIL"]):
        django.setup()
        TARGETS[name](b"")
    for number, data in enumerate(seeds(name, corpus / "trap")):
        (corpus / f"seed-{number}").write_bytes(data)
    options = [
        f"-max_total_time={seconds}",
        "-max_len=20000",
        "-rss_limit_mb=2048",
        "-timeout=30",
        "-verbosity=1",
    ]
    findings = corpus.with_name(f"{corpus.name}-findings")
    findings.mkdir(exist_ok=True)
    atheris.Setup([sys.argv[0], *options, f"-artifact_prefix={findings}/", str(corpus)], TARGETS[name])
    atheris.Fuzz()


def main() -> int:
    """Fuzz one target here, or each in a process of its own, and print a line for each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("target", choices=[*TARGETS, "all"])
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--corpus", type=Path, help="where files are kept from one time to the next")
    asked = parser.parse_args()
    corpus = asked.corpus or Path(tempfile.mkdtemp(prefix="fuzz-"))
    if asked.target != "all":
        corpus.mkdir(parents=True, exist_ok=True)
        fuzz(asked.target, corpus, asked.seconds)
        return 0
    found = 0
    for name in TARGETS:
        command = [
            sys.executable,
            "-m",
            "tests.fuzz",
            name,
            f"--seconds={asked.seconds}",
            f"--corpus={corpus / name}",
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        runs = [line for line in done.stderr.splitlines() if "exec/s" in line or line.startswith("Done")]
        print(
            f"{name:14} {'clean' if done.returncode == 0 else 'FOUND'}  {runs[-1] if runs else ''}",
            flush=True,
        )
        if done.returncode:
            found += 1
            print(done.stderr[-3000:])
    print(f"kept in {corpus}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
