"""VIA's CSV in and out: what the published study's files hold, and what such files get wrong."""

from pathlib import Path

import pandas as pd
import pytest
from django.core.management import CommandError, call_command
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.columns import FrameError
from analysis.endpoints import PAPER
from analysis.exchange.via import ViaError, read_via, via_csv
from analysis.frames import RATINGS, check_table
from analysis.identity import NameClashError
from analysis.stats import analyse, read_ratings, simulate_study

HEADER = "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes"
FULL = (
    '"{""Do you fully agree with the label?"":""yes"",""How would you rate the image quality?"":""4"",'
    '""How difficult would you consider it to properly diagnose this image?"":""2""}"'
)


def via(folder: Path, name: str, *rows: str, header: str = HEADER) -> Path:
    path = folder / name
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def row(name: str, attributes: str = FULL) -> str:
    return f'{name},-1,{attributes},0,0,"{{}}","{{}}"'


KEY = pd.DataFrame({"case": ["a.png", "b.png"], "arm": ["1", "0"], "pair": ["7", "7"]})


def test_reads_answers_as_via_writes_them(tmp_path):
    study = read_via([via(tmp_path, "v1.csv", row("a.png"), row("b.png"))], cases="shared", key=KEY)
    check_table(study.ratings, RATINGS)
    first = study.ratings.iloc[0]
    assert [first[n] for n in ("reader", "case", "arm", "pair", "batch")] == ["v1", "a.png", 1, "7", "v1"]
    assert [first[n] for n in ("agree", "quality", "difficulty")] == [1, 4, 2]
    assert study.unanswered == {"agree": 0, "quality": 0, "difficulty": 0}


@pytest.mark.parametrize(
    ("attributes", "wanted"),
    [
        ("undefined", [None, None, None]),
        ("", [None, None, None]),
        ('"{}"', [None, None, None]),
        ('"{""quality"":undefined,""agree"":""no""}"', [0, None, None]),
        ('"{""quality"":3,""difficulty"":""undefined""}"', [None, 3, None]),
        ('"{""agree"":"" Yes "",""other"":""undefined, he said \\""x\\""""}"', [1, None, None]),
    ],
)
def test_tolerates_undefined_and_absent_answers(tmp_path, attributes, wanted):
    path = via(tmp_path, "v1.csv", row("a.png", attributes))
    study = read_via([path], cases="shared", key=KEY)
    found = study.ratings.iloc[0]
    assert [None if pd.isna(found[n]) else found[n] for n in ("agree", "quality", "difficulty")] == wanted
    assert [found[f"{n}_status"] for n in ("agree", "quality", "difficulty")] == [
        "missing" if value is None else "answered" for value in wanted
    ]


AGAIN = ('"{""quality"":""5""}"', '"{""agree"":""no"",""quality"":""1""}"')


def test_rows_of_one_file_name_that_contradict_each_other_are_refused_and_others_complete_each_other(
    tmp_path,
):
    path = via(tmp_path, "v1.csv", *(row("a.png", text) for text in AGAIN))
    with pytest.raises(
        ViaError, match=r"v1\.csv, row 2: 'a\.png' quality is 1 here, 5 in row 1; correct the file"
    ):
        read_via([path], cases="shared", key=KEY)
    study = read_via(
        [via(tmp_path, "v1.csv", row("a.png", AGAIN[0]), row("a.png", '"{""agree"":""no""}"'))],
        cases="shared",
        key=KEY,
    )
    assert [study.ratings.iloc[0][n] for n in ("agree", "quality")] == [0, 5]
    assert study.repeated == ("v1.csv, row 2: 'a.png' is repeated",)


def test_in_the_papers_way_the_first_answer_counts_and_conflicts_are_named(tmp_path):
    path = via(tmp_path, "v1.csv", *(row("a.png", text) for text in AGAIN), row("a.png"))
    study = read_via([path], cases="shared", key=KEY, paper=True)
    assert len(study.ratings) == 1
    assert [study.ratings.iloc[0][n] for n in ("agree", "quality", "difficulty")] == [0, 5, 2]
    assert study.repeated == ("v1.csv, row 2: 'a.png' is repeated", "v1.csv, row 3: 'a.png' is repeated")
    assert len(study.conflicts) == 3
    assert study.conflicts[0] == "v1.csv, row 2: 'a.png' quality is 1 here, 5 in row 1"


def test_readers_cases_and_arms_are_compared_by_what_they_name(tmp_path):
    decomposed = via(tmp_path, "Mu\u0308ller.csv", row("./Mu\u0308.png"), row(r"img\b.png"))
    key = pd.DataFrame({"case": ["m\u00fc.PNG", "img/b.png"], "arm": ["1.0", "0"]})
    ratings = read_via([decomposed], cases="shared", key=key).ratings
    assert ratings["reader"].unique().tolist() == ["M\u00fcller"]
    assert ratings["arm"].tolist() == [1, 0]
    with pytest.raises(ViaError, match="different names"):
        read_via([decomposed, via(tmp_path, "M\u00fcLLER.csv", row("a.png"))], cases="own", first_exemplars=1)
    with pytest.raises(FrameError, match=r"column 'case'.*'a\.png' and row 2 'A\.png'"):
        read_via([decomposed], cases="own", key=pd.DataFrame({"case": ["a.png", "A.png"], "arm": ["1", "0"]}))
    files = [via(tmp_path, "v1.csv", row("a.png")), via(tmp_path, "v2.csv", row("./A.png"))]
    with pytest.raises(NameClashError, match=r"one spelling, got 'a\.png' and '\./A\.png'"):
        read_via(files, cases="shared", first_exemplars=1)


def test_a_key_that_contradicts_itself_is_refused(tmp_path):
    path = via(tmp_path, "v1.csv", row("a.png"))
    both = pd.DataFrame({"case": ["v1/a.png", "a.png"], "arm": ["1", "1"]})
    assert read_via([path], cases="own", key=both).ratings["arm"].tolist() == [1]
    with pytest.raises(ViaError, match=r"'v1/a\.png' and 'a\.png', and they contradict"):
        read_via([path], cases="own", key=both.assign(arm=["1", "0"]))


def test_reads_a_heading_with_a_hash_and_other_separators(tmp_path):
    hashed = via(tmp_path, "v1.csv", row("a.png"), header=f"#{HEADER}")
    assert read_via([hashed], cases="shared", key=KEY).ratings["quality"].tolist() == [4]
    lines = ["sep=;", HEADER.replace(",", ";"), f'a.png;-1;{FULL};0;0;"{{}}";"{{}}"']
    (tmp_path / "v2.csv").write_text("\n".join(lines), encoding="utf-8-sig")
    assert read_via([tmp_path / "v2.csv"], cases="shared", key=KEY).ratings["quality"].tolist() == [4]


def test_only_csv_is_an_ending_of_a_readers_file(tmp_path):
    files = [via(tmp_path, name, row("a.png")) for name in ("dr.a", "dr.b", "dr.c.CSV")]
    assert read_via(files, cases="own", first_exemplars=1).ratings["reader"].tolist() == [
        "dr.a",
        "dr.b",
        "dr.c",
    ]


def test_paper_counts_what_is_not_exactly_yes_as_disagreement_and_sorts_for_the_arms(tmp_path):
    texts = ['"{""agree"":""yes""}"', '"{""agree"":""Yes""}"', "undefined", '"{""agree"":""maybe""}"']
    path = via(tmp_path, "v1.csv", *(row(name, text) for name, text in zip("dcba", texts, strict=True)))
    ratings = read_via([path], cases="shared", first_exemplars=2, paper=True).ratings.set_index("case")
    assert ratings["agree"].to_dict() == {"d": 1, "c": 0, "b": 0, "a": 0}
    assert ratings["arm"].to_dict() == {"a": 1, "b": 1, "c": 0, "d": 0}
    assert ratings["quality"].isna().all()
    with pytest.raises(ViaError, match="row 4: expected one of no, yes for agree, got 'maybe'"):
        read_via([path], cases="shared", first_exemplars=2)


def test_both_readings_of_equal_file_names(tmp_path):
    paths = [via(tmp_path, f"v{k}.csv", *(row(f"{n}.png") for n in "abcd")) for k in (1, 2)]
    shared = read_via(paths, cases="shared", first_exemplars=2).ratings
    own = read_via(paths, cases="own", first_exemplars=2).ratings
    assert (shared["case"].nunique(), own["case"].nunique()) == (4, 8)
    assert set(own["case"]) == {f"v{k}/{n}.png" for k in (1, 2) for n in "abcd"}
    key = pd.DataFrame({"case": own["case"], "arm": own["arm"]})
    assert read_via(paths, cases="own", key=key).ratings["arm"].tolist() == own["arm"].tolist()


@pytest.mark.parametrize(
    ("rows", "header", "words"),
    [
        ([], HEADER, "at least one row"),
        ([row("a.png")], "name,b,c,d,e,f,g", "expected VIA's columns"),
        ([row("")], HEADER, "expected a file name"),
        ([row("z.png")], HEADER, "'z.png' or 'v1/z.png' in the key"),
        ([row("a.png", "nonsense")], HEADER, "expected JSON in file_attributes, got 'nonsense'"),
        ([row("a.png", "[" * 50_000)], HEADER, "expected JSON in file_attributes"),
        ([row("a.png", "[1]")], HEADER, "expected a JSON object"),
        (
            [row("a.png", '"{""quality"":""6""}"')],
            HEADER,
            "expected one of 1, 2, 3, 4, 5 for quality, got '6'",
        ),
    ],
)
def test_refuses_in_words(tmp_path, rows, header, words):
    with pytest.raises(ViaError, match=words):
        read_via([via(tmp_path, "v1.csv", *rows, header=header)], cases="shared", key=KEY)


def test_refuses_a_key_that_is_none(tmp_path):
    path = via(tmp_path, "v1.csv", row("a.png"))
    with pytest.raises(ViaError, match="either a key or"):
        read_via([path], cases="shared")
    with pytest.raises(ViaError, match="'arm' is missing"):
        read_via([path], cases="shared", key=KEY[["case"]])
    with pytest.raises(FrameError, match="arm"):
        read_via([path], cases="shared", key=KEY.assign(arm="2"))
    with pytest.raises(ViaError, match="different names"):
        read_via([path, path], cases="shared", key=KEY)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_out_and_in_again_gives_the_same_answers(tmp_path_factory, seed):
    folder = tmp_path_factory.mktemp("via")
    ratings = simulate_study(seed=seed, readers=2, cases=8, missing=0.2, repeats=2)
    paths = []
    for reader in ("R1", "R2"):
        paths.append(folder / f"{reader}.csv")
        paths[-1].write_text(via_csv(ratings, reader, suffix=".png"), encoding="utf-8")
    key = ratings.drop_duplicates("case").assign(case=lambda f: f["case"] + ".png")[["case", "arm", "pair"]]
    back = read_via(paths, cases="shared", key=key).ratings
    names = ["reader", "case", "arm", "pair", *(each.name for each in PAPER)]
    first = ratings[ratings["presentation"] == 1].assign(case=lambda f: f["case"] + ".png")
    pd.testing.assert_frame_equal(
        back[names].sort_values(["reader", "case"]).reset_index(drop=True),
        first[names].sort_values(["reader", "case"]).reset_index(drop=True),
        check_dtype=False,
    )


def test_command_writes_ratings_that_can_be_analysed(tmp_path, capsys):
    study = simulate_study(seed=3, readers=3, cases=12)
    paths = []
    for reader in ("R1", "R2", "R3"):
        paths.append(tmp_path / f"{reader}.csv")
        paths[-1].write_text(via_csv(study, reader))
    key = tmp_path / "key.csv"
    study.drop_duplicates("case")[["case", "arm"]].to_csv(key, index=False)
    call_command("import_via", *paths, out=tmp_path / "ratings.csv", cases="shared", key=key)
    assert "3 readers, 12 cases, 36 readings" in capsys.readouterr().out
    again = analyse(read_ratings(tmp_path / "ratings.csv"), seed=1, bootstraps=20)
    wanted = analyse(study, seed=1, bootstraps=20)
    for name in (each.name for each in PAPER):
        assert again.comparison(name, "u_centred")["p"] == wanted.comparison(name, "u_centred")["p"]
    with pytest.raises(CommandError, match="choose another --out"):
        call_command("import_via", *paths, out=tmp_path / "ratings.csv", cases="shared", key=key)
    with pytest.raises(CommandError, match="the key: expected the columns"):
        call_command("import_via", *paths, out=tmp_path / "other.csv", cases="own", key=paths[0])
    assert not (tmp_path / "other.csv").exists()
