"""From the database to the export: which batch a reading is in, and how long it took, in each design."""

import io
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analysis.report import reader_study_report
from analysis.report.document import Text
from readerstudy.cases.models import Case
from readerstudy.ops.loading import load_into_study
from readerstudy.results.computed import computed
from readerstudy.results.export import export_files
from readerstudy.results.services import open_key
from readerstudy.study.design import lifecycle
from readerstudy.study.models import Assignment, Reader, Study
from readerstudy.study.people.members import enrol_reader, withdraw_reader
from readerstudy.study.protocol import Protocol
from readerstudy.study.reading.answering import save_answers
from readerstudy.study.reading.stages import place_of
from tests.results.readings import NAMES, given
from tests.site import undone
from tests.stock import decoded_here, look_for_names, make_case_set, person

pytestmark = pytest.mark.django_db

Exported = tuple[Study, dict[str, pd.DataFrame]]

TIMES: list[tuple[float | None, ...]] = [
    (4.0,), (4.0, 2.5), (4.0, 2.5, 1.25), (None,), (None, 3.0), (2.0, None), (0.5, 0.25, 0.25, 8.0),
]  # fmt: skip
"""Seconds of each saved revision, by turn in a reader's order, None where a browser told none; the rest is not read."""

SECONDS = [4.0, 6.5, 7.75, None, 3.0, 2.0, 9.0]
"""What that makes of each reading: the time of all its visits."""

DESIGNS: dict[str, dict[str, Any]] = {
    "fully crossed": {"planned_readers": 2, "repeat_fraction": 0.25, "repeat_gap_cases": 2},
    "own cases": {"planned_readers": 3},
    "overlapping blocks": {"planned_readers": 4, "reading_blocks": 3, "anchor_cases": 6},
}


def read(reader: Reader) -> None:
    """Answer as many cases as TIMES has, going back to each as often as it says."""
    for times in TIMES:
        current = place_of(reader).current
        assert current is not None
        for revision, seconds in enumerate(times):
            save_answers(
                reader=reader, public_id=current.public_id, idempotency_key=uuid.uuid4(), revision=revision,
                answers={name: given(1) for name in NAMES}, comment="", display={},
                times={} if seconds is None else {"visible_ms": 1000 * seconds},
            )  # fmt: skip


@pytest.fixture(scope="module")
def _exported_of_module(
    request: Any, django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Exported]:
    with django_db_blocker.unblock(), undone():
        yield made_in(request.param, tmp_path_factory.mktemp("designs"))


@pytest.fixture
def exported(_exported_of_module: Exported, db: None) -> Exported:
    """Return a study that was read in a design, and the tables of its export; no test changes them."""
    return _exported_of_module


def made_in(design: str, folder: Path) -> Exported:
    """Make a study of 32 cases in 4 blocks, read in a design: its first reader reads, withdraws and is replaced."""
    case_set = make_case_set(folder, pairs=16)
    protocol = Protocol(design=design, back="session", **DESIGNS[design])
    study = lifecycle.create_study(slug="designs", title="Designs", protocol=protocol, actor=None)
    with decoded_here():
        load_into_study(study=study, folder=case_set.folder, actor=None)
    for number in range(protocol.planned_readers):
        enrol_reader(study=study, person=person(f"Reader{number}"), actor=None)
    look_for_names(study, None)
    lifecycle.lock(study=study, actor=None)
    lifecycle.start(study=study, actor=None)
    first = study.readers.order_by("pk")[0]
    read(Reader.objects.select_related("study", "person").get(pk=first.pk))
    withdraw_reader(study=study, pseudonym=first.pseudonym, reason="no more time", actor=None)
    first.refresh_from_db()
    enrol_reader(study=study, person=person("Stand-in"), actor=None, replaces=first)
    for reader in study.readers.select_related("study", "person").exclude(pk=first.pk):
        read(reader)
    lifecycle.close(study=study, actor=None, reason="the test has finished")
    open_key(study=study, key=case_set.key, reason="to see", actor=None)
    study.refresh_from_db()
    wanted = {"ratings.csv", "wide.csv", "order.csv", "readers.csv", "planned.csv"}
    tables = {
        name: pd.read_csv(io.BytesIO(data), dtype={"batch": str}, keep_default_na=False, na_values=[""])
        for name, data in export_files(study) if name in wanted
    }  # fmt: skip
    return study, tables


def by_design(design: str) -> Any:
    return pytest.mark.parametrize("_exported_of_module", [design], indirect=True)


ALL = pytest.mark.parametrize("_exported_of_module", list(DESIGNS), indirect=True)


@by_design("fully crossed")
def test_where_all_read_all_the_batch_is_the_block_of_the_case(exported: Any) -> None:
    study, tables = exported
    blocks = dict(Case.objects.filter(study=study.key).values_list("key", "block"))
    ratings = tables["ratings.csv"]
    assert set(ratings["batch"]) == {"1", "2", "3", "4"}
    assert (ratings["batch"] == ratings["case"].map(blocks).astype(str)).all()
    assert ratings["presentation"].value_counts().to_dict() == {1: 96, 2: 24}


@by_design("fully crossed")
def test_what_a_reader_has_read_are_first_readings(exported: Any) -> None:
    """Of 32 cases 8 come again. R03 stands in for R01, who left; each saved the first six turns with an answer."""
    study, tables = exported
    rows = tables["readers.csv"].set_index("reader")
    left = study.readers.get(pseudonym="R01").withdrawn_at
    assert set(rows["planned"]) == {32}
    first = Assignment.objects.filter(reader__study=study, position__lte=len(TIMES), presentation=1)
    assert rows["read"].to_dict() == Counter(first.values_list("reader__pseudonym", flat=True))
    assert rows["replaces"].dropna().to_dict() == {"R03": "R01"}
    assert rows["withdrawn"].dropna().to_dict() == {"R01": f"{left:%Y-%m-%d}, no more time"}


@by_design("fully crossed")
def test_what_a_replaced_reader_left_is_not_planned_twice(exported: Any) -> None:
    """R01 left repeats unread, which R03 was to read instead; nobody has read a case that is counted as a reading."""
    study, _ = exported
    made = computed(study)
    again = [each for each in made.readings if each.presentation > 1]
    left = sum(each.reader == "R01" and not each.revisions for each in again)
    assert (len(again), left) == (24, 8 - sum(each.reader == "R01" for each in again if each.revisions))
    told = {about: planned for about, planned, _ in made.background.deviations}
    assert told["Hidden repeats"] == str(24 - left)
    first = sum(each.presentation == 1 and bool(each.revisions) for each in made.readings)
    summary = reader_study_report(made.results, made.background).sections[0]
    assert f"{first} first readings" in "".join(b.text for b in summary.blocks if isinstance(b, Text))


@by_design("fully crossed")
def test_what_was_planned_says_what_became_of_it(exported: Any) -> None:
    """R01 has read six cases, R03 reads the rest; the case at which R02 and R03 stopped had come up."""
    _, tables = exported
    planned, read = tables["planned.csv"], tables["readers.csv"].set_index("reader")["read"]
    assert len(planned) == 3 * 32  # repeats are no part of the plan
    states = planned.groupby("reader")["state"].value_counts().unstack(fill_value=0)
    assert (states["read"] == read).all()
    assert states["replaced"].to_dict() == {"R01": 32 - read["R01"], "R02": 0, "R03": 0}
    assert states["shown"].to_dict() == {"R01": 0, "R02": 1, "R03": 1}
    assert states["never_shown"].to_dict() == {"R01": 0, **{name: 31 - read[name] for name in ("R02", "R03")}}
    order = tables["order.csv"].query("presentation == 1").merge(planned, on=["reader", "case"])
    shown = order[order["state"] == "shown"].set_index("reader")["position"]
    later = order[order["state"] == "never_shown"].groupby("reader")["position"].min()
    assert (shown < later).all()


@by_design("own cases")
def test_with_own_cases_the_batch_is_the_planned_reader(exported: Any) -> None:
    """R04 stands in for R01: the same cases, the same batch."""
    _, tables = exported
    batches = tables["ratings.csv"].groupby("reader")["batch"].unique().map(list).to_dict()
    assert batches == {"R01": ["1"], "R02": ["2"], "R03": ["3"], "R04": ["1"]}
    cases = tables["ratings.csv"].groupby("batch")["case"].unique().map(set)
    assert sum(map(len, cases)) == len(set().union(*cases)) == 32


@by_design("overlapping blocks")
def test_with_overlapping_blocks_the_batch_is_the_block_of_readers(exported: Any) -> None:
    """Four planned readers in three blocks, R05 in the place of R01; anchors are read in all."""
    _, tables = exported
    ratings = tables["ratings.csv"]
    batches = ratings.groupby("reader")["batch"].unique().map(list).to_dict()
    assert batches == {"R01": ["1"], "R02": ["2"], "R03": ["3"], "R04": ["1"], "R05": ["1"]}
    cases = ratings.groupby("reader")["case"].agg(set)
    assert cases["R01"] == cases["R04"] == cases["R05"]
    assert cases["R01"] & cases["R02"] == cases["R02"] & cases["R03"] == cases["R01"] & cases["R03"]
    in_how_many = ratings.groupby("case")["batch"].nunique()
    assert in_how_many.value_counts().to_dict() == {1: 26, 3: 6}


@ALL
def test_the_time_of_a_reading_is_that_of_all_its_visits(exported: Any) -> None:
    study, tables = exported
    rows = tables["ratings.csv"].set_index(["reader", "case", "presentation"])
    wide = tables["wide.csv"].set_index("case")
    order = tables["order.csv"].set_index(["reader", "case", "presentation"])
    for reader in study.readers.all():
        planned = Assignment.objects.filter(reader=reader).select_related("case").order_by("position")
        for turn, row in enumerate(planned):
            name = (reader.pseudonym, row.case.key, row.presentation)
            seconds = SECONDS[turn] if turn < len(SECONDS) else None
            came = rows.loc[name, "time_s"]
            assert (None if pd.isna(came) else came) == seconds, (turn, name)
            assert order.loc[name, "revisions"] == (len(TIMES[turn]) if turn < len(TIMES) else 0)
            if row.presentation == 1:
                came = wide.loc[row.case.key, f"{reader.pseudonym}_time_s"]
                assert (None if pd.isna(came) else came) == seconds, (turn, name)
