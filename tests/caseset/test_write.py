import hashlib
import json
import stat
from pathlib import Path

import pandas as pd
import pytest

from analysis.caseset import CaseSetError, read_blind_half, read_key, verify_case_set
from analysis.caseset.keys import case_key, commitment
from analysis.caseset.read import read_report, report_path
from analysis.columns import FrameError
from analysis.endpoints import GROUPS, Groups
from tests.caseset.pictures import CANARY
from tests.caseset.sets import NONCE, SEED, contents, origin, selection, sources, swapped, write


def test_both_halves_come_back_as_they_were_given(tmp_path: Path) -> None:
    rows = selection()
    written = write(rows, sources(rows, tmp_path / "in"), tmp_path / "out", shown=("sex", "age"))
    blind, key = read_blind_half(written.folder), read_key(written.key, written.key_sha256)
    wanted = rows.assign(case=[case_key(NONCE, name) for name in rows["image"]]).sort_values("case")
    assert list(blind.cases["case"]) == list(wanted["case"])
    assert list(blind.cases["labels"]) == ["Mass; Nodule"] * 20
    assert list(blind.cases["sex"]) == list(wanted["sex"])
    assert list(blind.cases["age"]) == list(wanted["age"])
    assert "view" not in blind.cases
    for name in ("arm", "pair", "score", "class_group", "n_findings"):
        assert list(key.rows[name]) == list(wanted[name])
    assert list(key.rows["source"]) == list(wanted["image"])
    assert key.nonce == NONCE
    assert blind.key_digest == key.digest == written.key_sha256
    assert key.digest == hashlib.sha256(written.key.read_bytes()).hexdigest()
    assert blind.synthetic
    assert (written.cases, written.blocks) == (20, 1)
    assert (blind.folder / blind.images["image"].iloc[0]).is_file()
    assert verify_case_set(written.folder, written.key).key_checked


@pytest.mark.parametrize("ending", ["png", "jpg", "dcm"])
@pytest.mark.parametrize("matched", [True, False])
def test_exchanging_the_arms_changes_nothing_but_the_digest_of_the_key(
    ending: str, matched: bool, tmp_path: Path
) -> None:
    rows = selection(20, matched, ending)
    images = sources(rows, tmp_path / "in")
    first = write(rows, images, tmp_path / "one", block_size=8)
    second = write(swapped(rows).iloc[::-1], images, tmp_path / "two", block_size=8)
    one, two = contents(first.folder), contents(second.folder)
    assert first.key_sha256 != second.key_sha256
    mode, time, provenance = two["provenance.json"]
    digests = second.key_sha256.encode(), first.key_sha256.encode()
    two["provenance.json"] = mode, time, provenance.replace(*digests)
    assert one == two


def test_names_of_the_groups_stand_in_the_key_alone(tmp_path: Path) -> None:
    rows = selection(20)
    images, named = sources(rows, tmp_path / "in"), Groups("film", "films", "scan", "scans")
    plain = write(rows, images, tmp_path / "one", block_size=8)
    written = write(rows, images, tmp_path / "two", block_size=8, groups=named)
    assert read_key(written.key, written.key_sha256).groups == named
    assert read_key(plain.key).groups == GROUPS
    digests = written.key_sha256.encode(), plain.key_sha256.encode()
    told = {name: data.replace(*digests) for name, (_, _, data) in contents(written.folder).items()}
    assert told == {name: data for name, (_, _, data) in contents(plain.folder).items()}


@pytest.mark.parametrize("name", ["", " ", "film; scan", "x" * 61, " film"])
def test_a_name_of_a_group_that_could_not_be_read_back_is_refused(name: str, tmp_path: Path) -> None:
    rows = selection(20)
    with pytest.raises(CaseSetError, match="names of groups of 1 to 60 characters"):
        write(
            rows,
            sources(rows, tmp_path / "in"),
            tmp_path / "out",
            groups=Groups(name, "films", "scan", "scans"),
        )
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("ending", ["png", "jpg", "dcm"])
def test_nothing_secret_is_in_the_blind_half(ending: str, tmp_path: Path) -> None:
    rows = selection(6, ending=ending)
    written = write(rows, sources(rows, tmp_path / "in"), tmp_path / "out")
    secrets = [CANARY, NONCE.hex(), SEED, "0.1234", "0.9876", "p1/", "tail", "head"]
    sealed = written.key.read_bytes() + written.report.read_bytes()
    for secret in secrets:
        assert secret.encode() in sealed, "the canary must be somewhere, or the test could not fail"
    for name, (_, _, data) in contents(written.folder).items():
        for secret in secrets:
            assert secret not in name
            assert secret.encode() not in data, f"{secret} in {name}"


def test_modes_and_times_are_constant_and_the_sealed_half_is_private(tmp_path: Path) -> None:
    rows = selection(4)
    written = write(rows, sources(rows, tmp_path / "in"), tmp_path / "out")
    for mode, time, _ in contents(written.folder).values():
        assert time == 946_684_800
        assert stat.S_IMODE(mode) == (0o750 if stat.S_ISDIR(mode) else 0o640)
    for path in (written.key, written.report):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "cases",
        "key.csv",
        "key.report.json",
    ]


def test_seeds_are_committed_to_and_open_with_the_key(tmp_path: Path) -> None:
    rows = selection(4)
    written = write(rows, sources(rows, tmp_path / "in"), tmp_path / "out")
    provenance = json.loads((written.folder / "provenance.json").read_text())
    assert provenance["commitments"] == {"seed": commitment(NONCE, SEED)}
    assert read_report(written.key)["committed"] == {"seed": SEED}


def test_the_sweep_may_have_seen_another_format(tmp_path: Path) -> None:
    rows = selection(4, ending="jpg")
    written = write(rows, sources(rows, tmp_path / "in", ending="dcm"), tmp_path / "out")
    blind = read_blind_half(written.folder)
    assert set(blind.cases["image"].str[-4:]) == {".png"}
    assert blind.provenance["image_format"] == "DICOM"


def test_drawn_nonces_differ(tmp_path: Path) -> None:
    rows = selection(4)
    images = sources(rows, tmp_path / "in")
    one, two = (write(rows, images, tmp_path / name, nonce=None) for name in ("one", "two"))
    cases = [set(read_blind_half(written.folder).cases["case"]) for written in (one, two)]
    assert not cases[0] & cases[1]


@pytest.mark.parametrize("there", ["cases", "key.csv", "key.report.json"])
def test_nothing_is_overwritten(there: str, tmp_path: Path) -> None:
    rows = selection(4)
    images = sources(rows, tmp_path / "in")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / there).write_text("mine")
    with pytest.raises(CaseSetError, match=f"{there}: already exists"):
        write(rows, images, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == [there]
    assert (tmp_path / "out" / there).read_text() == "mine"


@pytest.mark.parametrize("inside", ["key.csv", "images/key.csv", "../link/key.csv"])
def test_the_key_may_not_lie_in_the_blind_folder(inside: str, tmp_path: Path) -> None:
    from analysis.caseset import write_case_set

    rows = selection(4)
    out = tmp_path / "cases"
    (tmp_path / "link").symlink_to(out)
    with pytest.raises(CaseSetError, match="outside the blind folder"):
        write_case_set(
            rows, images=sources(rows, tmp_path / "in"), out=out, key_out=out / inside, origin=origin()
        )
    assert not out.exists()


def test_a_mix_of_formats_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    rows = selection(4)
    images = sources(rows, tmp_path / "in")
    images[rows["image"][3]] = sources(rows, tmp_path / "in", ending="jpg")[rows["image"][3]]
    with pytest.raises(CaseSetError, match="a set has one source format"):
        write(rows, images, tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


def test_a_damaged_or_missing_image_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    rows = selection(4)
    images = sources(rows, tmp_path / "in")
    victim = images[rows["image"][5]]
    for damage, message in (
        (b"", "the file is empty"), (b"GIF89a" * 40, "DICOM .*, PNG or JPEG"), (None, "readable image"),
        (victim.read_bytes()[:150], "are truncated|cannot be decoded"),
    ):  # fmt: skip
        if damage is not None:
            victim.write_bytes(damage)
        with pytest.raises(CaseSetError, match=rf"{victim.name}.*{message}"):
            write(rows, images, tmp_path / "out")
        assert not list((tmp_path / "out").iterdir())
        victim.unlink(missing_ok=True)
    del images[rows["image"][5]]
    with pytest.raises(CaseSetError, match="got none"):
        write(rows, images, tmp_path / "out")


def test_every_image_that_cannot_be_handed_over_is_named_at_once(tmp_path: Path) -> None:
    rows = selection(15)
    images = sources(rows, tmp_path / "in")
    victims = [images[name] for name in rows["image"][2:29]]
    for path in victims:
        path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(CaseSetError) as caught:
        write(rows, images, tmp_path / "out")
    told = str(caught.value).splitlines()
    assert told[0] == "27 of 30 images cannot be handed over; nothing was written."
    assert told[-1] == "and 7 more"
    assert [line.split(": ")[0] for line in told[1:-1]] == [str(path) for path in sorted(victims)[:20]]
    assert not list((tmp_path / "out").iterdir())


def test_case_sets_of_the_earlier_format_are_read(tmp_path: Path) -> None:
    rows = selection(4)
    written = write(rows, sources(rows, tmp_path / "in"), tmp_path / "out")
    path = written.folder / "provenance.json"
    assert '"format": 2' in path.read_text()
    path.write_text(path.read_text().replace('"format": 2', '"format": 1'))
    assert verify_case_set(written.folder, written.key).cases == 8


@pytest.mark.parametrize(
    ("change", "shown", "message"),
    [
        ({"labels": "Mass;; Nodule"}, (), "labels joined by"),
        ({"view": ["PA", ""] * 4}, ("view",), "for all cases or none: it is blank for"),
        ({}, ("patient",), "expected to show some of view, sex, age"),
        ({}, ("name",), "expected to show some of view, sex, age"),
    ],
)
def test_what_may_not_be_shown_is_refused(change, shown, message: str, tmp_path: Path) -> None:
    rows = selection(4).assign(**change)
    with pytest.raises(CaseSetError, match=message):
        write(rows, sources(rows, tmp_path / "in"), tmp_path / "out", shown=shown)


def test_an_absent_column_cannot_be_shown(tmp_path: Path) -> None:
    rows = selection(4).drop(columns="view")
    with pytest.raises(CaseSetError, match="cannot show 'view'"):
        write(rows, sources(rows, tmp_path / "in"), tmp_path / "out", shown=("view",))


def test_a_selection_that_is_none_is_refused(tmp_path: Path) -> None:
    rows = selection(4)
    images = sources(rows, tmp_path / "in")
    with pytest.raises(CaseSetError, match="at least one selected image"):
        write(rows.iloc[:0], images, tmp_path / "out")
    with pytest.raises(FrameError, match="column 'arm': expected 0 or 1"):
        write(rows.assign(arm=2), images, tmp_path / "out")
    with pytest.raises(FrameError, match="each image once"):
        write(pd.concat([rows, rows]), images, tmp_path / "out")


def test_the_report_lies_beside_the_key() -> None:
    assert report_path(Path("a/b.key.csv")) == Path("a/b.key.report.json")
