"""From a finished run to a case set: select, then write both halves."""

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.caseset import CaseSet, CaseSetError, Origin, find_images, write_case_set
from analysis.caseset.files import SEALED_MODE, write_file
from analysis.caseset.leaks import compare
from analysis.caseset.write import Progress, refuse_images
from analysis.endpoints import GROUPS, Groups
from analysis.picture.colour import in_planes
from analysis.selection import Run, Selection, SelectionSpec, read_run, select
from analysis.selection.duplicates import fingerprint, glance_features, near_duplicates
from analysis.selection.validity import judge
from analysis.services.custody import check_custody
from analysis.services.label_noise import of_training_split
from analysis.sweep.data.pixels import read_pixels
from analysis.sweep.errors import DataError
from analysis.sweep.spec import PreprocessSpec

SEEN = PreprocessSpec(size=256, antialias=True, colour="rgb")
"""How images are looked at for near-duplicates."""


def hand_over(
    *, run: Path, spec: SelectionSpec, images: Path, out: Path, key_out: Path,
    shown: Sequence[str] = (), block_size: int = 20, nonce: bytes | None = None,
    terms: Mapping[str, str] | None = None, unchecked: str = "", burned_in_checked: str = "",
    groups: Groups = GROUPS, taken_out: Mapping[str, str] | None = None,
    draws: Sequence[Mapping[str, Any]] = (), progress: Progress = lambda *_: None,
) -> tuple[Selection, CaseSet]:  # fmt: skip
    """Select exemplars and controls from a run and write the blind folder and the sealed key.

    No two chosen images are near-duplicates: whichever is less needed gives way (a control before an exemplar),
    and the selection is made again without it, until none are left. Only the chosen images are compared: looking at
    the whole test split would decode every image of it for pairs that nobody reads.

    Parameters
    ----------
    run: RUN folder.
    spec: every choice of the selection.
    images: folder of the images to read; may be of another format than the sweep's.
    out, key_out, shown, block_size, nonce: see `analysis.caseset.write_case_set`.
    terms: on which people may look at the images, see `analysis.caseset.Origin`.
    unchecked: why the images are handed over without being compared with those that the run evaluated; blank: they
        are compared, and a run whose images cannot be compared is refused.
    burned_in_checked, groups: see `analysis.caseset.write_case_set`.
    taken_out: see `analysis.selection.select`.
    draws: what was drawn from this run on the way here, for provenance.json.
    progress: told the stage, how many images are done, and how many there are.

    Raises
    ------
    SelectionError, CaseSetError, FrameError: see there; nothing is left half-written.
    """
    source = read_run(run)
    picture = love_plot_path(key_out)
    if os.path.lexists(picture):
        raise CaseSetError(
            f"{picture}: already exists; a case set is never overwritten, so give another path"
        )
    look = Look(images, source.views["image"], progress)
    selection = select_distinct(source, spec, look, taken_out)
    files = look.files(selection.rows["image"])
    custody = check_custody(source, files, unchecked)
    described = origin(source, selection, look)
    told = {**described.settings, "draws": list(draws)} if draws else described.settings
    written = write_case_set(
        selection.rows, images=files, out=out, key_out=key_out,
        origin=replace(described, settings=told, terms=terms or {}, custody=custody),
        shown=shown, block_size=block_size, nonce=nonce, burned_in_checked=burned_in_checked, groups=groups,
        progress=progress,
    )  # fmt: skip
    _draw_balance(selection, picture, synthetic=source.synthetic)
    return replace(selection, notes=(*selection.notes, described.settings["validity"])), written


def love_plot_path(key: Path) -> Path:
    """Return where the love plot of a key lies: beside it."""
    return key.with_name(f"{key.stem}.balance.svg")


def _draw_balance(selection: Selection, path: Path, *, synthetic: bool) -> None:
    # Matplotlib takes half a second to load: only when there is something to draw.
    from analysis.figures.balance import draw_love_plot
    from analysis.figures.theme import render

    write_file(path, render(draw_love_plot(selection.balance, synthetic=synthetic)), SEALED_MODE)


class Look:
    """Looks at the images of a folder, each once, square: for copies, and for what could tell the arms."""

    def __init__(self, images: Path, among: Iterable[str], progress: Progress = lambda *_: None) -> None:
        """Look into the folder `images`; `among` names all images of the run, any of which may own a file."""
        self.images, self.among, self._progress = images, list(among), progress
        self.seen: dict[str, npt.NDArray[np.uint8]] = {}

    def files(self, names: Iterable[str]) -> dict[str, Path]:
        """Find the files of images; see `find_images`."""
        return find_images(names, self.images, among=self.among)

    def at(self, names: Sequence[str]) -> None:
        """Decode the images that were not looked at before.

        Raises
        ------
        CaseSetError: images that are missing or cannot be read, all of them.
        """
        new = [name for name in names if name not in self.seen]
        wrong = []
        for number, (name, path) in enumerate(self.files(new).items()):
            self._progress("looking", number, len(new))
            try:
                self.seen[name] = read_pixels(path, SEEN).square
            except DataError as error:
                wrong.append(str(error))
        refuse_images(wrong, len(names))

    def duplicates(self, names: Sequence[str]) -> list[tuple[str, str, float]]:
        """List the near-duplicates among images."""
        self.at(names)
        return near_duplicates(names, np.stack([fingerprint(self.seen[name]) for name in names]))

    def compared(self, rows: pd.DataFrame) -> dict[str, Any]:
        """Compare the arms by what the pixels alone tell; see `analysis.caseset.leaks.compare`.

        Where cases have several images, each kind of them (`role`) is compared with its own.
        """
        if "role" in rows.columns and rows["role"].nunique() > 1:
            by_role = rows.drop(columns="role").groupby(rows["role"], sort=False)
            return {str(role): self.compared(own) for role, own in by_role}
        self.at(list(rows["image"]))
        seen = [self.seen[name] for name in rows["image"]]
        if any(square.ndim == 3 for square in seen):
            seen = [in_planes(square) for square in seen]
        found = pd.DataFrame([glance_features(square) for square in seen])
        arm = rows["arm"].to_numpy(dtype=int)
        return {feature: compare(found[feature].to_numpy(), arm) for feature in found.columns}


def select_distinct(
    run: Run, spec: SelectionSpec, look: Look, taken_out: Mapping[str, str] | None = None
) -> Selection:
    """Select until no images of two cases are near-duplicates; only then take out what somebody took out."""
    excluded: dict[str, str] = {}
    while True:
        selection = select(run, spec, excluded)
        rows = selection.rows
        case = dict(zip(rows["image"], rows.get("case", rows["image"]), strict=True))
        arm = dict(zip(case.values(), rows["arm"], strict=True))
        pairs = look.duplicates(list(case))
        found = [(case[a], case[b], likeness) for a, b, likeness in pairs if case[a] != case[b]]
        if not found:
            return select(run, spec, excluded, taken_out) if taken_out else selection
        for one, other, likeness in found:
            if not {one, other} & set(excluded):
                # The control gives way; of two of one arm, the later name.
                out, kept = sorted((one, other), key=lambda name: (arm[name], name))
                if arm[one] == arm[other]:
                    out, kept = kept, out
                excluded[out] = f"near-duplicate of {kept} (correlation {likeness:.3f})"


def origin(run: Run, selection: Selection, look: Look | None = None) -> Origin:
    """Describe where a selection came from: in the open, as commitments, and sealed.

    With `look`, what the pixels alone tell about the arms is in the sealed report too.
    """
    spec = selection.spec
    # With the seed of the selection, figures in the open would tell it; any fixed one splits the networks as well.
    pair = run.pair(spec.condition, spec.reference)
    # Imported predictions come without a specification: how their images were made is not known.
    reading = run.provenance.get("spec", {}).get("preprocess", {})
    rows, words = judge(run, criterion=spec.criterion, pair=pair, fraction=spec.fraction, seed=0)
    return Origin(
        run_id=run.run_id,
        predictions_sha256=run.predictions_sha256,
        synthetic=run.synthetic,
        window=reading.get("window"),
        colour=reading.get("colour", "grey") == "rgb" if reading else None,
        settings=spec.settings() | {"estimand": spec.estimand, "validity": words},
        committed={"seed": str(spec.seed)},
        sealed={
            "split": "training" if of_training_split(run) else "test",
            "balance": records(selection.balance),
            "weights": records(selection.weights),
            "pixels": look.compared(selection.rows) if look else {},
            "left_out": records(selection.left_out),
            "without_score": records(selection.exemplars.undefined),
            "tied_at_cut": records(selection.exemplars.tied),
            "validity": rows,
            "notes": list(selection.notes),
        },
    )


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Write a frame as JSON rows; what is not a finite number becomes a text or nothing."""
    return [{str(name): _plain(value) for name, value in row.items()} for row in frame.to_dict("records")]


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value
