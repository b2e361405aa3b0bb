"""The export: everything about an unblinded study that somebody needs to redo its analysis."""

import hashlib
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

from analysis.durable import whole_folder
from readerstudy.results.bundle import SIMULATED, bundle_files
from readerstudy.results.computed import Computed, computed
from readerstudy.study.models import Study

ZIP_DATE = (1980, 1, 1, 0, 0, 0)


def export_files(study: Study) -> Iterator[tuple[str, bytes]]:
    """Yield each file of the export, name and bytes; the manifest of SHA-256 digests comes last.

    Raises
    ------
    SealedError: the key is not open.
    """
    return with_manifest(computed(study))


def with_manifest(made: Computed) -> Iterator[tuple[str, bytes]]:
    """Yield each file of a computed study, the manifest last."""
    # sha256sum -c passes over lines that begin with a hash sign.
    digests = [f"# {SIMULATED}"] if made.study.simulated_readers else []
    for name, data in bundle_files(made):
        digests.append(f"{hashlib.sha256(data).hexdigest()}  {name}\n")
        yield name, data
    yield "MANIFEST.sha256", "".join(digests).encode()


def export_zip(study: Study) -> bytes:
    """Return the export as one zip; the same study gives the same bytes but for the audit trail."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in export_files(study):
            archive.writestr(zipfile.ZipInfo(f"{study.slug}/{name}", ZIP_DATE), data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def write_export(study: Study, out: Path) -> None:
    """Write the export into a new folder, whole or not at all.

    Raises
    ------
    FileExistsError: the folder is there already.
    SealedError: the key is not open.
    """
    if out.exists():
        raise FileExistsError(f"{out}: expected a new folder, it already exists; choose another --out")
    files = list(export_files(study))
    with whole_folder(out, mode=0o700) as folder:
        for name, data in files:
            _write_durably(folder / name, data)


def _write_durably(path: Path, data: bytes) -> None:
    """Write a file of a folder that `whole_folder` pushes to the disk before it has a name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
