"""Questions that an admin wrote: a marked one is analysed, any other described; the key names the groups."""

import csv
import io
import re
import uuid
from pathlib import Path
from typing import Any

import pytest

from analysis import printed
from analysis.caseset import CaseSet
from analysis.endpoints import Groups
from analysis.report import reader_study_report
from analysis.report.document import Grid, Text
from analysis.services.listed import hand_over_listed
from analysis.stats.blinding import bang_index
from readerstudy.cases.models import Case
from readerstudy.ops.loading import load_into_study
from readerstudy.results.computed import Computed, computed
from readerstudy.results.export import export_files
from readerstudy.results.services import open_key
from readerstudy.study.design import lifecycle
from readerstudy.study.models import Reader, Study
from readerstudy.study.people.members import enrol_reader
from readerstudy.study.protocol import Protocol
from readerstudy.study.protocol.presets import PUBLISHED_QUESTIONS
from readerstudy.study.protocol.questions import Level, Measure, Question
from readerstudy.study.reading.answering import save_answers
from readerstudy.study.reading.stages import place_of
from tests.caseset.pictures import write_png
from tests.results.test_export import recomputed, unzipped
from tests.stock import decoded_here, look_for_names, person

pytestmark = pytest.mark.django_db

LEVELS = tuple(Level(value, f"step {value}") for value in range(1, 6))
ASKED = (
    PUBLISHED_QUESTIONS[1],
    Question(
        "sure",
        "How sure are you?",
        "ordinal",
        LEVELS,
        endpoint=Measure("Sureness", "low", "less sureness", "more sureness"),
    ),
    Question("case", "How many?", "number", minimum=0, endpoint=Measure("Number", "high", "fewer", "more")),
    Question("side", "Which side?", "choice", (Level(1, "left"), Level(2, "right")), guess=True),
    Question("signs", "Which signs?", "multiple_choice", (Level(1, "a"), Level(2, "b")), fewest=0),
    Question("width", "How wide?", "number", unit="cm", required=False),
    Question("why", "Why?", "text", required=False),
)
ENDPOINTS = ("quality", "sure", "case")
GROUPS = Groups("film", "films", "scan", "scans")


def listed_cases(folder: Path) -> CaseSet:
    """Write the case set of a list: eight matched sets of two, no sweep."""
    rows = []
    for number in range(16):
        name = f"{number:02d}.png"
        (folder / "images").mkdir(exist_ok=True)
        write_png(folder / "images" / name, number)
        rows.append(f"{name},{('film', 'scan')[number % 2]},Mass,{number // 2}")
    (folder / "list.csv").write_text("\n".join(["image,group,labels,set", *rows]) + "\n", encoding="utf-8")
    return hand_over_listed(
        listed=folder / "list.csv", groups=GROUPS, images=folder / "images", out=folder / "cases",
        key_out=folder / "key.csv", synthetic=True, block_size=8,
    )  # fmt: skip


def read(reader: Reader) -> None:
    """Answer every case: the n-th in the order of the cases' keys has answers by n."""
    keys = sorted(Case.objects.filter(study=reader.study.key).values_list("key", flat=True))
    while (current := place_of(reader).current) is not None:
        n = keys.index(current.case.key)
        values: dict[str, Any] = {
            "quality": 1 + n % 5, "sure": 5 - (n + reader.pk) % 5, "case": 0.5 * n, "side": 1 + n % 2,
            "signs": [[], [1], [1, 2]][n % 3], "width": 1.5 * n if n else None, "why": "So." if n % 4 == 0 else None,
        }  # fmt: skip
        answers = {
            key: {"status": "left_blank" if value is None else "answered", "value": value}
            for key, value in values.items()
        }
        save_answers(
            reader=reader, public_id=current.public_id, idempotency_key=uuid.uuid4(), revision=0, answers=answers,
            comment="", times={"visible_ms": 4000.0}, display={},
        )  # fmt: skip


@pytest.fixture
def made(tmp_path: Path) -> Computed:
    case_set = listed_cases(tmp_path)
    protocol = Protocol(questions=ASKED, endpoints=ENDPOINTS, planned_readers=2)
    study = lifecycle.create_study(slug="own", title="Own", protocol=protocol, actor=None)
    with decoded_here():
        load_into_study(study=study, folder=case_set.folder, actor=None)
    for number in range(2):
        enrol_reader(study=study, person=person(f"Reader{number}"), actor=None)
    look_for_names(study, None)
    lifecycle.lock(study=study, actor=None)
    lifecycle.start(study=study, actor=None)
    for reader in study.readers.select_related("study", "person"):
        read(reader)
    lifecycle.close(study=study, actor=None, reason="the test has finished")
    open_key(study=study, key=case_set.key, reason="to see", actor=None)
    study.refresh_from_db()
    return computed(study)


def study_of(made: Computed) -> Study:
    return Study.objects.get(slug=made.slug)


def table(made: Computed, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(dict(export_files(study_of(made)))[name].decode())))


def test_marked_questions_are_analysed_and_come_back_from_the_export(made: Computed, tmp_path: Path) -> None:
    assert made.results.study["endpoints"] == ["quality", "sure", "asked_case"]
    assert made.plan.groups == GROUPS
    rows = table(made, "ratings.csv")
    assert {"quality", "sure", "asked_case", "sure_status", "asked_case_status"} < set(rows[0])
    assert sorted({float(row["asked_case"]) for row in rows}) == [0.5 * n for n in range(16)]
    explained = {
        row["column"]: row for row in table(made, "data_dictionary.csv") if row["file"] == "ratings.csv"
    }
    assert explained["sure"]["meaning"] == "Sureness: 1 step 1 to 5 step 5"
    assert explained["arm"]["meaning"] == f"1 = {GROUPS.one}, 0 = {GROUPS.other}"
    meanings = " ".join(row["meaning"] for row in table(made, "data_dictionary.csv"))
    assert f"mean place of {GROUPS.ones} less that of {GROUPS.others}" in meanings
    assert not re.search(r"PIE|[Cc]ontrol|exemplar", meanings)
    files = dict(export_files(study_of(made)))
    assert re.search(r"^R01,[0-9a-f]{32},sure,[1-5]$", files["imrmc/ratings.imrmc"].decode(), re.MULTILINE)
    assert b"How sure are you?" in files["via/R01.csv"]
    done = recomputed(unzipped(study_of(made), tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith(" 0 differ\n")


def test_other_questions_are_described_by_group(made: Computed) -> None:
    side, signs, width, why = made.background.described
    assert {row["score"] for row in table(made, "cases.csv")} == {""}  # no sweep, no agreement
    arms = {row["case"]: int(row["arm"]) for row in table(made, "cases.csv")}
    ranks = {case: n for n, case in enumerate(sorted(arms))}
    left = [2 * sum(arms[case] == arm and n % 2 == 0 for case, n in ranks.items()) for arm in (1, 0)]
    assert side.rows[0] == ("left", tuple(map(float, left)))
    assert (side.planned, side.answered) == ((16, 16), (16, 16))
    both = [2 * sum(arms[case] == arm and n % 3 == 2 for case, n in ranks.items()) for arm in (1, 0)]
    assert signs.rows[1] == ("b", tuple(map(float, both)))
    widths = [sorted(1.5 * n for case, n in ranks.items() if n and arms[case] == arm) for arm in (1, 0)]
    assert width.rows[0] == ("Smallest", (widths[0][0], widths[1][0]))
    assert width.rows[-1] == ("Largest", (widths[0][-1], widths[1][-1]))
    assert (why.rows, sum(why.answered), sum(why.planned)) == ((), 8, 32)
    section = next(
        each
        for each in reader_study_report(made.results, made.background).sections
        if each.anchor == "described"
    )
    grids = [block for block in section.blocks if isinstance(block, Grid)]
    assert [grid.caption for grid in grids] == ["Which side?", "Which signs?", "How wide?", "Why?"]
    assert grids[0].columns == ("Answer", "Films", "Scans")
    assert grids[0].rows[1] == ("left", *(f"{n} ({100 * n / 16:.0f} %)" for n in left))
    right = (left[0], 16 - left[1])
    name, *shown = grids[0].rows[-1]
    assert name == "Bang's blinding index"
    for text, hits in zip(shown, right, strict=True):
        index, low, high = bang_index(hits, 16 - hits, 16, 0.95)
        assert text == f"{printed.number(index, 2)} ({printed.interval(low, high, 2)})"
    assert any(isinstance(block, Text) and "Bang, Ni and Davis" in block.text for block in section.blocks)
    assert not any("Bang" in row[0] for grid in grids[1:] for row in grid.rows)
    assert "described" in made.figures("light")
