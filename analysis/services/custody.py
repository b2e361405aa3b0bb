"""Are the images that readers will see those that the networks evaluated? Checked before a case set is written.

Names alone cannot tell: a folder whose contents are rotated by one name, or mirrored, has every name.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.caseset import CaseSetError
from analysis.caseset.errors import listed
from analysis.picture.colour import in_planes
from analysis.picture.custody import DEFINITION, fine_structure, tint
from analysis.selection import Run
from analysis.sweep.data.pixels import read_pixels
from analysis.sweep.errors import DataError, SweepError

SIDE, WIDE = 64, 9
"""Blocks of a fingerprint here: coarse enough that another size, resampling or compression changes little."""

ALIKE = 0.88
"""Correlation of two fingerprints from which another file is a copy of the evaluated picture. Measured on 24 phantoms
at 64 and 256 pixels: an equalised, downsized JPEG copy has 0.97 or more (drawn again at another size with other noise:
0.96), a mirror image at most 0.78, 4 % cropped away 0.80, shifted by 2 % 0.65. Another image has up to 0.90,
and is refused because it is more like its own; at 32 pixels a mirror image has up to 0.91.
"""


def check_custody(run: Run, files: Mapping[str, Path], unchecked: str = "") -> dict[str, Any]:
    """Compare the files to be read with the images that a run evaluated.

    Equal stored values are the same image. Otherwise a file, decoded as the run decoded its own, must have the
    structure of the evaluated picture, and of no other picture of the run more.

    Parameters
    ----------
    run: as `read_run` gives it.
    files: the file to be read of each chosen image.
    unchecked: why nothing is to be compared; blank: compare.

    Returns
    -------
    `definition` of the digest, and how many images are `equal` and how many `alike`; or `unchecked`: the reason.

    Raises
    ------
    CaseSetError: an image that is not the one of its name, an image that cannot be read, or a run that cannot be
        compared with.
    """
    if unchecked.strip():
        return {"unchecked": unchecked.strip()}
    wanted = _evaluated(run)
    other: dict[str, NDArray[np.uint8]] = {}
    if missing := sorted(set(files) - set(wanted)):
        raise CaseSetError(f"expected images of the run, {missing[0]!r} is not among them")
    from analysis.sweep.run.prepare import open_run  # with torch, which the web process does without

    opened = open_run(run.folder)
    for name, path in files.items():
        try:
            pixels = read_pixels(path, opened.spec.preprocess)
        except DataError as error:
            raise CaseSetError(str(error)) from error
        if pixels.stored != wanted[name]:
            other[name] = pixels.square
    if other:
        _refuse_strangers(_likeness(run, other), files)
    return {"definition": DEFINITION, "equal": len(files) - len(other), "alike": len(other)}


def _evaluated(run: Run) -> dict[str, str]:
    """Return the digest of the stored values of each image of a run."""
    path = run.folder / "custody.csv"
    said = run.provenance.get("images") or {}
    if path.name not in run.provenance["tables"] or said.get("stored") != DEFINITION:
        raise CaseSetError(
            f"run {run.run_id} cannot be checked: it has no digests of its images, like imported runs and runs of "
            "version 0.1.0; give the reason with --unchecked-images REASON, or run the sweep again"
        )
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    return dict(table[["image", "stored_sha256"]].to_numpy().tolist())


def _likeness(run: Run, given: Mapping[str, NDArray[np.uint8]]) -> dict[str, tuple[float, str, float]]:
    """Return for each image: its likeness to its own picture, and the nearest other picture with its likeness.

    An image is as like its own picture as its structure is; where the colours are others, as those are.
    """
    from analysis.sweep.run.prepare import open_run
    from analysis.sweep.run.units import run_cache

    try:
        squares = run_cache(open_run(run.folder)).pixels()
    except (SweepError, OSError) as error:
        raise CaseSetError(
            f"run {run.run_id} cannot be checked: the images that it evaluated are gone and cannot be decoded again "
            f"({error}); restore its images, or give the reason with --unchecked-images REASON"
        ) from error
    names = list(run.views["image"])
    chosen = np.stack([fine_structure(square, SIDE, WIDE) for square in given.values()])
    places = {name: place for place, name in enumerate(given)}
    own, best = np.zeros(len(given)), np.full(len(given), -np.inf)
    nearest = np.zeros(len(given), dtype=int)
    for number, (name, square) in enumerate(zip(names, squares, strict=True)):
        likeness = chosen @ fine_structure(square, SIDE, WIDE)
        if name in places:
            own[places[name]], likeness[places[name]] = likeness[places[name]], -np.inf
            if (
                square.ndim == 3
                and (colours := tint(square, SIDE) @ tint(in_planes(given[name]), SIDE)) < ALIKE
            ):
                own[places[name]] = colours
        nearer = likeness > best
        best[nearer], nearest[nearer] = likeness[nearer], number
    return {name: (float(own[at]), names[nearest[at]], float(best[at])) for name, at in places.items()}


def _refuse_strangers(found: Mapping[str, tuple[float, str, float]], files: Mapping[str, Path]) -> None:
    wrong = []
    for name, (own, nearest, best) in found.items():
        if own < ALIKE:
            like = f"; it is like the evaluated {nearest!r} ({best:.2f})" if best >= ALIKE else ""
            wrong.append(f"{files[name]}: expected the image that was evaluated as {name!r}, got something else "
                         f"(likeness {own:.2f}, expected {ALIKE} or more){like}")  # fmt: skip
        elif best > own:
            wrong.append(f"{files[name]}: expected the image that was evaluated as {name!r}, got one that is more like "
                         f"{nearest!r} ({best:.3f} against {own:.3f})")  # fmt: skip
    if wrong:
        raise CaseSetError(
            f"{len(wrong)} of {len(files)} images are not the ones that the networks evaluated; nothing was written. "
            "Check that each file has the name of its own image.\n" + listed(wrong)
        )
