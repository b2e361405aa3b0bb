"""What makes two texts one name, and how images find their rows and files in the layouts of real data sets."""

from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.identity import (
    NameClashError,
    Names,
    find_files,
    join,
    name_key,
    path_key,
    spelled,
    without_ending,
)

COMPOSED, DECOMPOSED = "M\u00fcller", "Mu\u0308ller"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (COMPOSED, DECOMPOSED),
        ("R1", " R1\t"),
        ("R1", "\u00a0R1\u2003"),
        ("R1", "\ufeffR1"),
        ("R1", "R1\u200b"),
    ],
)
def test_unicode_form_and_outer_blanks_make_no_other_name(one: str, other: str) -> None:
    assert spelled(one) == spelled(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("R01", "r01"), ("Stra\u00dfe", "STRASSE"), ("7", "007"), ("7", "7.0"), ("7", "+7"), ("100000", "1e+05"),
        ("R1", "\uff32\uff11"), ("Dr A", "Dr\u00a0A"), ("Dr A", "Dr  A"), ("R1", "R\u200b1"),
        ("12345678901234567890", "12345678901234567890.00"), ("\u0390", "\u03aa\u0301"),
    ],
)  # fmt: skip
def test_other_spellings_have_one_key_and_are_refused_in_one_table(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)
    with pytest.raises(NameClashError) as error:
        Names([one, "x", other], name_key).refuse_spellings("reader")
    assert f"row 1 {one!r} and row 3 {other!r}" in str(error.value)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1.1", "1.10"), ("1.2.3.0", "1.2.3"), ("1e5", "100000"), ("R1", "R01"), ("a.b", "a"), ("7", "-7"),
        ("1" * 70, "0" + "1" * 70), ("12345678901234567890", "12345678901234567891"),
    ],
)  # fmt: skip
def test_what_are_two_names(one: str, other: str) -> None:
    assert name_key(one) != name_key(other)
    Names([one, other], name_key).refuse_spellings("reader")


def test_equal_repeats_are_no_clash() -> None:
    Names(["R1", " R1", "R1"], name_key).refuse_spellings("reader")


@pytest.mark.parametrize(
    "written",
    [
        "p1/s1/a.png",
        "./p1/s1/a.png",
        "p1//s1/a.png",
        r"p1\s1\a.png",
        "P1/s1/a.PNG",
        " p1/s1/a.png",
        "/p1/s1/a.png",
    ],
)
def test_a_path_is_written_in_many_ways(written: str) -> None:
    assert path_key(written) == "p1/s1/a.png"


@pytest.mark.parametrize(
    ("name", "bare"),
    [
        ("a/b.png", "a/b"), ("b.DCM", "b"), ("b.dicom", "b"), ("x1.IMG", "x1"),
        ("1.2.826.0.1.3680043", "1.2.826.0.1.3680043"),
        ("1.2.826.dcm", "1.2.826"), ("a.b/c", "a.b/c"), ("v1.0-small", "v1.0-small"), (".png", ".png"),
    ],
)  # fmt: skip
def test_only_a_known_ending_is_one(name: str, bare: str) -> None:
    assert without_ending(name) == bare


CHEXPERT = [
    f"train/patient0000{p}/study1/view{v}" for p in (1, 2, 3) for v in ("1_frontal.jpg", "2_lateral.jpg")
]
MIMIC = ["files/p10/p10000032/s50414267/02aa-bb.jpg", "files/p10/p10000032/s53189527/2a2277a9.jpg"]
UIDS = ["1.2.276.0.7230010.3.1.4.8323329.300", "1.2.276.0.7230010.3.1.4.8323329.3000"]
VINDR = ["50a418190bc3fb1ef1633bf9678929b3", "9a5094b2563a1ef3ff50dc5c7ff71345"]
NIH = ["00000001_000.png", "00000001_001.png", "00000002_000.png"]


@pytest.mark.parametrize(
    ("wanted", "held"),
    [
        (CHEXPERT, CHEXPERT),
        (CHEXPERT, [f"CheXpert-v1.0-small/{name}" for name in CHEXPERT]),
        ([f"CheXpert-v1.0-small/{name}" for name in CHEXPERT], CHEXPERT),
        (MIMIC, [Path(name).stem for name in MIMIC]),
        (MIMIC, [Path(name).with_suffix(".dcm").as_posix().removeprefix("files/") for name in MIMIC]),
        (UIDS, UIDS),
        (UIDS, [f"{name}/{name}/{name}.dcm" for name in UIDS]),
        ([f"{name}.dcm" for name in UIDS], UIDS),
        (NIH, [f"images_00{place}/images/{name}" for place, name in enumerate(NIH)]),
        (NIH, [name.replace(".png", ".PNG") for name in NIH]),
        (["0/216840.png", "54/1.png"], ["216840.png", "1.png"]),  # PadChest: folder and name in two columns
        (VINDR, [f"train/{VINDR[0]}.dicom", VINDR[1]]),
    ],
    ids=[
        "CheXpert", "CheXpert, table in its folder", "CheXpert, labels in its folder", "MIMIC-CXR by dicom_id",
        "MIMIC-CXR as DICOM", "UIDs", "UIDs in a tree", "UIDs without ending", "NIH in parts", "NIH in other letters",
        "PadChest", "VinDr-CXR",
    ],
)  # fmt: skip
def test_layouts_of_real_data_sets(wanted: list[str], held: list[str]) -> None:
    order = [*range(1, len(held)), 0]
    found = join(Names(wanted), Names([held[place] for place in order] + ["other/none.png"]))
    assert [order[found[row]] for row in range(len(wanted))] == list(range(len(wanted)))


@pytest.mark.parametrize(
    ("wanted", "held", "words"),
    [
        (["p1/v.png", "p2/v.png"], ["v.png"], ("row 1 'v.png'", "row 1 'p1/v.png'", "row 2 'p2/v.png'")),
        (["v.png"], ["p1/v.png", "p2/v.png"], ("row 1 'v.png'", "row 1 'p1/v.png'", "row 2 'p2/v.png'")),
        (["a"], ["a.png", "a.dcm"], ("'a'", "'a.png'", "'a.dcm'")),
        (["a.png", "a.jpg"], ["a.dcm"], ("'a.dcm'", "'a.png'", "'a.jpg'")),
        (["a.png", "x/a.png"], ["a.png"], ("row 1 'a.png'", "row 2 'x/a.png'")),
        (["p1/a.png", "p2/a.png"], ["p1/a.png", "a.png"], ("row 2 'a.png'", "'p1/a.png'", "'p2/a.png'")),
    ],
)
def test_what_could_be_two_is_refused_and_both_are_named(
    wanted: list[str], held: list[str], words: tuple[str, ...]
) -> None:
    with pytest.raises(NameClashError) as error:
        join(Names(wanted), Names(held))
    assert all(word in str(error.value) for word in words), error.value


def test_folders_that_contradict_each_other_never_join_unless_the_last_part_may() -> None:
    wanted, held = Names(["p1/s1/v.png", "p2/s1/w.png"]), Names(["p9/s1/v.png", "p2/s1/w.png"])
    assert join(wanted, held) == {1: 1}
    assert join(wanted, held, anywhere=True) == {0: 0, 1: 1}
    with pytest.raises(NameClashError, match="p1/v"):
        join(Names(["p1/v.png", "p2/v.png"]), Names(["p9/v.png"]), anywhere=True)
    with pytest.raises(NameClashError, match="p8/v"):
        join(Names(["p1/v.png"]), Names(["p9/v.png", "p8/v.png"]), anywhere=True)


def test_the_whole_path_wins_over_its_ends() -> None:
    assert join(Names(["a.png", "x/a.png"]), Names(["x/a.png", "a.png"])) == {0: 1, 1: 0}


def test_of_held_names_that_are_equal_the_first_stands_for_all() -> None:
    assert join(Names(["a.png"]), Names(["x.png", "a.png", "a.png"])) == {0: 1}
    assert join(Names(["a.png"]), Names(["x.png", "p/a.png", "p/a.png"])) == {0: 1}


def test_where_the_path_decides_the_last_part_need_not() -> None:
    names = ["p1/v.png", "p2/v.png"]
    assert join(Names(names), Names([f"x/{name}" for name in names]), anywhere=True) == {0: 0, 1: 1}


@pytest.mark.parametrize(("length", "found"), [(4096, {0: 0}), (4097, {}), (600_000, {})])
def test_a_path_longer_than_any_file_has_no_ends(length: int, found: dict[int, int]) -> None:
    long = "a/" * (length // 2 - 1) + ("bb" if length % 2 == 0 else "bbb")
    assert len(long) == length
    assert join(Names([long]), Names(["bb", "bbb"])) == found


def test_a_message_shows_the_beginning_of_a_long_name() -> None:
    assert Names(["a", "b" * 300]).said(1) == f"row 2 '{'b' * 200}'"


PATHS = st.lists(
    st.lists(st.sampled_from("ab"), min_size=1, max_size=3).map("/".join), min_size=1, max_size=5, unique=True
)


@settings(max_examples=200, deadline=None)
@given(PATHS, PATHS)
def test_ends_are_found_as_their_definition_says(wanted: list[str], held: list[str]) -> None:
    def fits(one: str, other: str) -> bool:
        return f"/{one}".endswith(f"/{other}") or f"/{other}".endswith(f"/{one}")

    wished: dict[int, int] | None = {}
    for row, name in enumerate(wanted):
        theirs = [name] if name in held else [other for other in held if fits(name, other)]
        if len(theirs) > 1 or (theirs and name not in held and sum(fits(w, theirs[0]) for w in wanted) > 1):
            wished = None
            break
        wished |= {row: held.index(theirs[0])} if theirs else {}
    if wished is None:
        with pytest.raises(NameClashError):
            join(Names(wanted), Names(held))
    else:
        assert join(Names(wanted), Names(held)) == wished


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_files_are_found_at_their_path_below_and_by_another_ending(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "sub/b.PNG", "sub/1.2.3", "c/x.dcm", "c/x.txt", ".hidden/d.png", "a.txt")
    found = find_files(["a.png", "b.png", "1.2.3", "x"], tmp_path)
    assert found == {
        "a.png": tmp_path / "a.png", "b.png": tmp_path / "sub/b.PNG", "1.2.3": tmp_path / "sub/1.2.3",
        "x": tmp_path / "c/x.dcm",
    }  # fmt: skip
    assert find_files(["d.png"], tmp_path) == {}
    assert find_files(["p/x.png"], tmp_path, anywhere=True) == {"p/x.png": tmp_path / "c/x.dcm"}


def test_a_dotted_name_is_no_ending_to_be_replaced(tmp_path: Path) -> None:
    names = ["1.2.826.0.1", "1.2.826.0.2", "v1.0"]
    touch(tmp_path, *(f"{name}.dcm" for name in names), "1.2.826.0.dcm", "v1.dcm", "old/v1.0.png")
    assert find_files(names, tmp_path, ending=".dcm") == {name: tmp_path / f"{name}.dcm" for name in names}
    assert find_files(["x.png"], tmp_path, ending=".dcm") == {}


@pytest.mark.parametrize("names", list(product(("A.png", "a.PNG"), repeat=2))[1:2])
def test_two_files_of_one_name_are_refused_unless_one_is_named_exactly(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    touch(tmp_path, *names)
    assert find_files([names[0]], tmp_path) == {names[0]: tmp_path / names[0]}
    with pytest.raises(NameClashError, match=r"A\.png' and 'a\.PNG"):
        find_files(["a.png"], tmp_path)


def test_other_images_of_the_run_lay_claim_to_a_file(tmp_path: Path) -> None:
    touch(tmp_path, "reading/v1.dcm")
    assert find_files(["p1/v1.png"], tmp_path, anywhere=True) == {"p1/v1.png": tmp_path / "reading/v1.dcm"}
    with pytest.raises(NameClashError, match=r"p1/v1\.png' and 'p2/v1\.png'"):
        find_files(["p1/v1.png"], tmp_path, among=["p1/v1.png", "p2/v1.png"], anywhere=True)


def test_a_decomposed_file_name_is_that_of_the_composed_label(tmp_path: Path) -> None:
    touch(tmp_path, f"{DECOMPOSED}.png")
    assert find_files([f"{COMPOSED}.png"], tmp_path) == {f"{COMPOSED}.png": tmp_path / f"{DECOMPOSED}.png"}
