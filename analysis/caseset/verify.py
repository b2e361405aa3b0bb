"""Verify a written case set: every digest, every name, and the key against the blind half."""

from dataclasses import dataclass
from pathlib import Path

from analysis.caseset.errors import CaseSetError
from analysis.caseset.files import CASES_FILE, IMAGES_FOLDER, PROVENANCE_FILE, image_stems
from analysis.caseset.keys import commitment, separation_group
from analysis.caseset.plan import MINIMUM_BLOCK
from analysis.caseset.read import BlindHalf, read_blind_half, read_key, read_report, report_path
from analysis.durable import sha256_file


@dataclass(frozen=True)
class Verified:
    """What was found whole: cases, blocks, the key's digest, and whether the key was checked too."""

    cases: int
    blocks: int
    key_sha256: str
    key_checked: bool


def verify_case_set(folder: Path, key: Path | None = None) -> Verified:
    """Check the digests, names and blocks of a blind half and, where it may be read, its key.

    Raises
    ------
    CaseSetError: with every fault found, one per line.
    FrameError: a cell that frames.CASES or frames.KEY does not allow.
    """
    blind = read_blind_half(folder)
    faults = [*_image_faults(blind), *_stray_faults(blind), *_block_faults(blind)]
    if key is not None:
        faults += _key_faults(blind, key)
    if faults:
        raise CaseSetError("\n".join(faults))
    return Verified(len(blind.cases), int(blind.cases["block"].max()), blind.key_digest, key is not None)


def _image_faults(blind: BlindHalf) -> list[str]:
    faults = []
    if len(blind.cases) != blind.provenance["cases"]:
        faults.append(f"{blind.folder}: expected {blind.provenance['cases']} cases, got {len(blind.cases)}")
    images = blind.images
    for stem, name, digest in zip(
        image_stems(images["case"]), images["image"], images["sha256"], strict=True
    ):
        path = blind.folder / name
        if Path(name).parent.as_posix() != IMAGES_FOLDER or Path(name).stem != stem:
            faults.append(f"{blind.folder / CASES_FILE}: expected images/{stem}.<ext>, got {name!r}")
        elif path.is_symlink() or not path.is_file():
            faults.append(f"{path}: expected an image file, found none")
        elif (came := sha256_file(path)) != digest:
            faults.append(f"{path}: expected SHA-256 {digest}, got {came}")
    return faults


def _stray_faults(blind: BlindHalf) -> list[str]:
    expected = {CASES_FILE, PROVENANCE_FILE, IMAGES_FOLDER, *blind.images["image"]}
    came = {path.relative_to(blind.folder).as_posix() for path in blind.folder.rglob("*")}
    faults = [f"{blind.folder / name}: is not part of the case set" for name in sorted(came - expected)]
    endings = sorted({Path(name).suffix for name in blind.images["image"]})
    if len(endings) > 1:
        faults.append(f"{blind.folder}: expected images of one format, got {', '.join(endings)}")
    return faults


def _block_faults(blind: BlindHalf) -> list[str]:
    faults = []
    sizes = blind.cases["block"].value_counts()
    if len(sizes) > 1 and sizes.min() < MINIMUM_BLOCK:
        faults.append(f"{blind.folder}: expected blocks of {MINIMUM_BLOCK} cases or more, got {sizes.min()}")
    groups = blind.cases.groupby("separation_group")["block"]
    spread, members = groups.nunique(), groups.size()
    torn = (spread > 1) & (spread < members)
    if torn.any():
        faults.append(
            f"{blind.folder}: expected a separation group whole in one block or each member in another, "
            f"{torn.idxmax()} is torn"
        )
    return faults


def _key_faults(blind: BlindHalf, path: Path) -> list[str]:
    key = read_key(path, blind.key_digest)
    faults = []
    told = ["case", "role"] if "role" in blind.images.columns else ["case"]
    if not key.images.reindex(columns=told).equals(blind.images[told]):
        faults.append(f"{path}: expected the cases of {blind.folder}, got other cases")
        return faults
    groups = key.rows.groupby("pair")["source"].agg(lambda sources: separation_group(key.nonce, sources))
    if list(key.rows["pair"].map(groups)) != list(blind.cases["separation_group"]):
        faults.append(f"{path}: the separation groups do not match the nonce and the pairs")
    if report_path(path).exists():
        committed = read_report(path).get("committed", {})
        came = {name: commitment(key.nonce, str(text)) for name, text in committed.items()}
        if came != blind.provenance.get("commitments"):
            faults.append(f"{report_path(path)}: the seeds do not match the commitments in the blind half")
    return faults
