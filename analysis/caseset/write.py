"""Writing the handover: both halves appear whole and together, or not at all."""

import os
import secrets
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from analysis import frames
from analysis.caseset import files as layout
from analysis.caseset.errors import CaseSetError, ColouredError, listed
from analysis.caseset.keys import check_nonce, commitment, new_nonce
from analysis.caseset.leaks import leak_report
from analysis.caseset.plan import plan_cases
from analysis.caseset.read import (
    GROUPS_COLUMN,
    check_record,
    check_terms,
    format_of,
    groups_text,
    report_path,
)
from analysis.caseset.roles import named
from analysis.caseset.sources import reencode
from analysis.caseset.verify import verify_case_set
from analysis.durable import json_bytes, sha256_bytes, sync, whole_folder
from analysis.endpoints import GROUPS, Groups

Progress = Callable[[str, int, int], None]
"""Told the stage, how many images are done, and how many there are."""


@dataclass(frozen=True)
class Origin:
    """Where a selection came from.

    `settings` go into provenance.json and must be safe for a blinded admin. `committed` (a name to a text,
    such as a seed) go there only as salted commitments and are in the clear in the sealed report, as do
    `sealed` (balance, unmatched exemplars). `terms` (text in markdown, credential, ethics: `TERMS`) say on which
    terms people may look at the images; they go into provenance.json, and anyone who reads confirms them first.
    `custody` says how the images were compared with those that the networks saw, or why not (`check_record`); it
    goes into provenance.json and is shown before the lock. `window` holds the percentiles between which the networks
    were given DICOM images, where that is known. `colour`: whether the networks were given colour; None: as most of the
    images are.
    """

    run_id: str
    predictions_sha256: str
    synthetic: bool
    settings: Mapping[str, Any] = field(default_factory=dict)
    committed: Mapping[str, str] = field(default_factory=dict)
    sealed: Mapping[str, Any] = field(default_factory=dict)
    terms: Mapping[str, str] = field(default_factory=dict)
    window: Sequence[float] | None = None
    custody: Mapping[str, Any] = field(default_factory=dict)
    colour: bool | None = None


@dataclass(frozen=True)
class CaseSet:
    """What was written: the blind folder, the key, its report, the key's SHA-256, and counts."""

    folder: Path
    key: Path
    report: Path
    key_sha256: str
    cases: int
    blocks: int


def write_case_set(
    selection: pd.DataFrame,
    *,
    images: Mapping[str, Path],
    out: Path,
    key_out: Path,
    origin: Origin,
    shown: Sequence[str] = (),
    block_size: int = 20,
    nonce: bytes | None = None,
    burned_in_checked: str = "",
    groups: Groups = GROUPS,
    progress: Progress = lambda *_: None,
) -> CaseSet:
    """Write the blind half as a folder and the sealed half as a file elsewhere.

    Given the same nonce, exchanging the arms changes nothing in the blind half but the key's digest in
    provenance.json, which is of constant length and tells nothing while the nonce is sealed.

    Parameters
    ----------
    selection: rows of frames.SELECTION, both arms.
    images: file of each image name (`find_images`); all of one format.
    out: the folder to create.
    key_out: the key to make, outside `out`; its report goes beside it. Both get mode 0600.
    origin: run, settings and seeds. shown: which of view, sex and age are in cases.csv, for all cases.
    block_size: target number of cases in a block, at least 8.
    nonce: 256 bits; drawn by default.
    burned_in_checked: who looked for text in the pixels of images whose header lets expect some, and how; blank:
        such images are refused by name.
    groups: what the cases with arm 1 and those with arm 0 are called; the key alone says so.
    progress: told "writing", how many images are written, and how many there are.

    Raises
    ------
    CaseSetError: a file exists, the key lies inside the folder, a name of a group that no key can hold, a blank
        shown value, images that are missing, unreadable, of mixed formats or may show text (all are named).
    FrameError: a row that frames.SELECTION does not allow.
    """
    nonce = check_nonce(new_nonce() if nonce is None else nonce)
    _check_targets(out, key_out, report_out := report_path(key_out))
    plan = plan_cases(selection, shown=shown, block_size=block_size, nonce=nonce)
    plan, origin = _with_owners(plan, origin)
    mark = secrets.token_hex(4)
    folder = out.with_name(f".{out.name}.{mark}.tmp")
    sealed = {path: path.with_name(f".{path.name}.{mark}.tmp") for path in (key_out, report_out)}
    try:
        plan, origin = _fill(folder, plan, images, origin, burned_in_checked, progress)
        key = layout.csv_bytes(_key_rows(plan, nonce, groups))
        layout.write_file(sealed[key_out], key, layout.SEALED_MODE)
        layout.write_file(sealed[report_out], json_bytes(_report(plan, origin)), layout.SEALED_MODE)
        committed = {name: commitment(nonce, text) for name, text in origin.committed.items()}
        provenance = _provenance(plan, origin, shown, _one_each(plan)) | {"commitments": committed}
        _write_tables(plan, folder, provenance, sha256_bytes(key))
        _publish({**{made: target for target, made in sealed.items()}, folder: out})
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        for made in sealed.values():
            made.unlink(missing_ok=True)
    return CaseSet(out, key_out, report_out, sha256_bytes(key), provenance["cases"], provenance["blocks"])


def write_blind_half(
    plan: pd.DataFrame, *, images: Mapping[str, Path], out: Path, origin: Origin, key_sha256: str,
    one_each: bool, shown: Sequence[str] = (), burned_in_checked: str = "", progress: Progress = lambda *_: None,
) -> None:  # fmt: skip
    """Write the blind half of cases that somebody has named and planned, whose key is nowhere here.

    Parameters
    ----------
    plan: one row per image with case, labels, block, separation_group, the shown columns and, where a case has
        several images, role, as `plan_cases` makes them.
    images: file of each image, by its name in the set (`image_stems`).
    key_sha256: of the key, which its maker holds.
    one_each: whether each matched set has one case with arm 1, as the maker says.
    out, origin, shown, burned_in_checked, progress: see `write_case_set`.

    Raises
    ------
    CaseSetError, FrameError: as `write_case_set`, or what was named and planned is no blind half.
    """
    with whole_folder(out, mode=layout.FOLDER_MODE) as folder:
        plan = plan.assign(source=layout.image_stems(plan["case"]))
        plan, origin = _fill(folder, plan, images, origin, burned_in_checked, progress)
        _write_tables(plan, folder, _provenance(plan, origin, shown, one_each), key_sha256)
        verify_case_set(folder)


def _fill(
    folder: Path, plan: pd.DataFrame, images: Mapping[str, Path], origin: Origin, checked: str,
    progress: Progress,
) -> tuple[pd.DataFrame, Origin]:  # fmt: skip
    (folder / layout.IMAGES_FOLDER).mkdir(parents=True)
    plan, colour = _write_images(plan, images, folder / layout.IMAGES_FOLDER, progress, origin.colour)
    origin = replace(origin, colour=colour)
    return plan, _looked_at(plan, images, origin, checked.strip())


def _write_tables(plan: pd.DataFrame, folder: Path, provenance: dict[str, Any], key_sha256: str) -> None:
    told = ("image", *_BLIND, *provenance["shown"])
    cases = layout.csv_bytes(
        plan[[name for name in frames.CASES.names if name in told and name in plan.columns]]
    )
    layout.write_file(folder / layout.CASES_FILE, cases, layout.FILE_MODE)
    digests = {"cases_sha256": sha256_bytes(cases), "key_sha256": key_sha256}
    layout.write_file(folder / layout.PROVENANCE_FILE, json_bytes(provenance | digests), layout.FILE_MODE)
    layout.settle(folder)


_BLIND = ("case", "role", "sha256", "labels", "block", "separation_group")


def _check_targets(out: Path, key_out: Path, report_out: Path) -> None:
    for path in (out, key_out, report_out):
        if os.path.lexists(path):
            raise CaseSetError(
                f"{path}: already exists; a case set is never overwritten, so give another path"
            )
    folder = out.resolve()
    if key_out.resolve().is_relative_to(folder):
        raise CaseSetError(f"{key_out}: expected the key outside the blind folder {out}")
    for path in (out, key_out):
        if not path.parent.is_dir():
            raise CaseSetError(f"{path}: expected an existing folder {path.parent}")


def _write_images(
    plan: pd.DataFrame, images: Mapping[str, Path], folder: Path,
    progress: Progress, colour: bool | None,
) -> tuple[pd.DataFrame, bool]:  # fmt: skip
    """Write the images in the order of the case keys, so that not even the disk tells another order.

    Returns
    -------
    The plan with what was written, and whether that is colour.
    """
    rows: list[dict[str, Any]] = []
    first: tuple[str, Path] | None = None
    wrong: list[str] = []
    coloured = 0
    stems = layout.image_stems(plan["case"])
    for number, (stem, source) in enumerate(zip(stems, plan["source"], strict=True)):
        progress("writing", number, len(plan))
        try:
            path = images.get(source)
            if path is None:
                raise CaseSetError(f"expected an image file for {source!r}, got none")
            made = reencode(path, colour=bool(colour))
            first = first or (made.format, path)
            if made.format != first[0]:
                raise CaseSetError(
                    f"{path}: expected {first[0]} as {first[1]}, got {made.format}; "
                    "a set has one source format, for a mix could tell the arms"
                )
        except CaseSetError as error:  # the others are looked at all the same, so that one attempt names all
            wrong.append(str(error))
            coloured += isinstance(error, ColouredError)
            continue
        name = f"{stem}.png"
        layout.write_file(folder / name, made.data, layout.FILE_MODE)
        told = {"image": f"{layout.IMAGES_FOLDER}/{name}", "sha256": sha256_bytes(made.data)}
        features = {feature: value for feature, value in vars(made).items() if feature != "data"}
        rows.append({**told, "file_bytes": len(made.data), **features})
    if colour is None and 2 * coloured > len(plan):
        for path in folder.iterdir():
            path.unlink()
        return _write_images(plan, images, folder, progress, True)
    refuse_images(wrong, len(plan))
    return plan.join(pd.DataFrame(rows)), bool(colour)


def refuse_images(wrong: Sequence[str], total: int) -> None:
    """Refuse a set of `total` images if some cannot be handed over, with what is wrong with each.

    Raises
    ------
    CaseSetError: if there are such images; it names the first of them.
    """
    if wrong:
        raise CaseSetError(
            f"{len(wrong)} of {total} images cannot be handed over; nothing was written.\n{listed(sorted(wrong))}"
        )


def _looked_at(plan: pd.DataFrame, images: Mapping[str, Path], origin: Origin, checked: str) -> Origin:
    """Hold back images that may show a name, unless somebody looked; then note it, with names in the sealed half."""
    told = list(plan.loc[plan["burned_in"], "source"])
    if not told and not checked:
        return origin
    if not checked:
        raise CaseSetError(
            f"{len(told)} of {len(plan)} images may show text that is part of the picture: the header says "
            "BurnedInAnnotation YES, or they are secondary captures (of a screen, a film, another program). Look at "
            "each, leave out those with a name, and say who looked with --burned-in-checked REASON. Nothing was "
            f"written.\n{listed(sorted(str(images[source]) for source in told))}"
        )
    record = {"images": len(told), "checked": checked}
    return replace(
        origin,
        custody={**origin.custody, "burned_in": record},
        sealed={**origin.sealed, "burned_in": sorted(told)},
    )


def _key_rows(plan: pd.DataFrame, nonce: bytes, groups: Groups) -> pd.DataFrame:
    rows = plan.assign(nonce=_in_first_row(nonce.hex(), plan))
    rows = frames.check_table(rows[[name for name in frames.KEY.names if name in rows.columns]], frames.KEY)
    return (
        rows if groups == GROUPS else rows.assign(**{GROUPS_COLUMN: _in_first_row(groups_text(groups), plan)})
    )


def _with_owners(plan: pd.DataFrame, origin: Origin) -> tuple[pd.DataFrame, Origin]:
    """Number patients in the order of the cases, which says nothing, and note how many where one has several.

    A case of nobody's has a number of its own.
    """
    if "patient" not in plan.columns:
        return plan, origin
    numbers, patients = pd.factorize(named(plan, "patient", "\0" + plan["case"]))
    if len(patients) < plan["case"].nunique():
        origin = replace(origin, custody={**origin.custody, "patients": len(patients)})
    return plan.assign(patient=numbers + 1), origin


def _in_first_row(text: str, plan: pd.DataFrame) -> list[str]:
    return [text] + [""] * (len(plan) - 1)


def _report(plan: pd.DataFrame, origin: Origin) -> dict[str, Any]:
    return {
        "format": format_of(plan),
        "kind": "sealed report",
        "synthetic": origin.synthetic,
        "settings": dict(origin.settings),
        "committed": dict(origin.committed),
        "custody": dict(origin.custody),
        "leaks": leak_report(plan),
        **origin.sealed,
    }


def _provenance(plan: pd.DataFrame, origin: Origin, shown: Sequence[str], one_each: bool) -> dict[str, Any]:
    return {
        **({"terms": check_terms(origin.terms, "terms")} if origin.terms else {}),
        "format": format_of(plan),
        "kind": "case set",
        "synthetic": origin.synthetic,
        "cases": plan["case"].nunique(),
        "blocks": int(plan["block"].max()),
        **({"colour": True} if origin.colour else {}),
        "image_format": str(plan["format"].iloc[0]),
        "shown": list(shown),
        "run": {
            "run_id": origin.run_id,
            "predictions_sha256": origin.predictions_sha256,
            **({} if origin.window is None else {"window": list(origin.window)}),
        },
        **({"custody": check_record(origin.custody, "custody")} if origin.custody else {}),
        "selection": dict(origin.settings),
        "one_each": one_each,
    }


def _one_each(plan: pd.DataFrame) -> bool:
    """Whether there are matched sets, each with one case of arm 1: what an analysis of sets needs to know of them."""
    members = plan[~plan["case"].duplicated()].groupby("pair")["arm"].agg(["size", "sum"])
    sums = members.loc[members["size"] > 1, "sum"]
    return bool(len(sums) and (sums == 1).all())


def _publish(renames: Mapping[Path, Path]) -> None:
    """Rename each made path to its target, the folder last; on an error take back what was renamed."""
    done: list[Path] = []
    try:
        for made, target in renames.items():
            if os.path.lexists(target):
                raise CaseSetError(
                    f"{target}: appeared while the case set was being written; nothing was kept"
                )
            made.rename(target)
            done.append(target)
            sync(target.parent)
    except BaseException:
        for target in done:
            target.unlink() if target.is_file() else shutil.rmtree(target)
        raise
