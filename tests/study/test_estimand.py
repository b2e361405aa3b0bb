"""The cases decide the analysis: what is named at the lock, what is refused, and what is compared, in words."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from django.test import Client

from analysis.caseset import CaseSet, Origin, write_case_set
from readerstudy.audit.models import Event
from readerstudy.cases import models
from readerstudy.ops.loading import load_into_study
from readerstudy.results.computed import plan_of
from readerstudy.study.design import lifecycle
from readerstudy.study.design.drafts import revise_protocol
from readerstudy.study.design.estimand import method_of
from readerstudy.study.design.lifecycle import lock
from readerstudy.study.design.locking import locked_document
from readerstudy.study.design.obstacles import obstacles_of
from readerstudy.study.duties import add_member
from readerstudy.study.models import Role, Study
from readerstudy.study.phases import Phase, StudyError
from readerstudy.study.protocol import Protocol, ProtocolError
from readerstudy.study.protocol.presets import PUBLISHED_QUESTIONS
from readerstudy.study.reading.reading_json import sheet_of_case
from tests.stock import Stock, decoded_here, look_for_names, picture, write_dicom

pytestmark = pytest.mark.django_db
Drafted = Callable[..., Study]
ESTIMAND = "Matched controls: how PIEs differ from images that are alike in view."


def handed_over(folder: Path, sets: list[tuple[int, int]], estimand: str = ESTIMAND) -> CaseSet:
    """Write a case set of matched sets, each of so many cases with arm 1 and so many with arm 0."""
    rows, images = [], {}
    for pair, members in enumerate(sets):
        for arm, count in zip((1, 0), members, strict=True):
            for _ in range(count):
                name = f"SOURCE{len(rows):04d}.dcm"
                write_dicom(folder / name, picture(len(rows)), patient="PATIENT")
                images[name] = folder / name
                rows.append({
                    "image": name, "arm": arm, "pair": pair, "score": 0.5, "class_group": "head", "n_findings": 1,
                    "labels": "Effusion", "view": "PA", "sex": "F", "age": 50.0,
                })  # fmt: skip
    origin = Origin(run_id="", predictions_sha256="", synthetic=True, settings={"estimand": estimand})
    return write_case_set(
        pd.DataFrame(rows), images=images, out=folder / "cases", key_out=folder / "key.csv", origin=origin
    )


@pytest.fixture
def drafted(tmp_path: Path) -> Drafted:
    """Return a maker of drafts with cases."""

    def make(sets: list[tuple[int, int]], protocol: Protocol | None = None, **more: str) -> Study:
        study = lifecycle.create_study(
            slug="sets", title="Sets", protocol=protocol or Protocol(planned_readers=2), actor=None
        )
        with decoded_here():
            load_into_study(study=study, folder=handed_over(tmp_path, sets, **more).folder, actor=None)
        look_for_names(study, None)
        study.refresh_from_db()
        return study

    return make


def changed(study: Study, **fields: object) -> Study:
    return revise_protocol(
        study=study, protocol=replace(Protocol.from_json(study.protocol), **fields), actor=None
    )  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("sets", "method", "attested"),
    [
        ([(1, 1)] * 4, "theta_set", True),
        ([(1, 2)] * 3 + [(1, 1)], "theta_set", True),
        ([(1, 1)] * 4 + [(1, 0), (0, 1)], "u_centred", True),
        ([(1, 1)] * 4 + [(2, 1)], "u_centred", False),
        ([(1, 0)] * 4 + [(0, 1)] * 4, "u_centred", False),
    ],
)
def test_the_lock_names_the_analysis_that_the_cases_decide(
    drafted: Drafted, sets: list[tuple[int, int]], method: str, attested: bool
) -> None:
    study = drafted(sets)
    assert models.CaseSet.objects.get(study=study.key).one_each is attested
    locked = lock(study=study, actor=None)
    document = locked_document(locked)
    assert document["protocol"]["primary_method"] == method == locked.protocol["primary_method"]
    assert (document["one_each"], document["analysis"]) == (attested, 5)
    assert plan_of(locked).primary == method
    plan_of(locked).check()


def test_one_to_two_with_pairs_is_told_before_the_lock_and_refused(drafted: Drafted) -> None:
    study = changed(drafted([(1, 2)] * 4), primary_method="pairs")
    assert "the analysis of pairs is that of studies locked before" in obstacles_of(study)[0]
    with pytest.raises(StudyError, match="choose matched sets, on the protocol page"):
        lock(study=study, actor=None)
    study.refresh_from_db()
    assert (study.phase, study.locked_file) == (Phase.DRAFT, "")
    assert lock(study=changed(study, primary_method="theta_set"), actor=None).phase == Phase.LOCKED


def test_sets_that_nothing_attests_are_not_analysed_as_sets(drafted: Drafted) -> None:
    study = changed(drafted([(2, 1)] * 4), primary_method="theta_set")
    with pytest.raises(StudyError, match="does not attest one case of interest in each set"):
        lock(study=study, actor=None)


@pytest.mark.parametrize(
    ("sets", "protocol", "words"),
    [
        ([(1, 3)] * 2, Protocol(), "2 matched sets at most, and a verdict needs 3"),
        ([(1, 1)] * 5, Protocol(design="own cases", planned_readers=2), "2 matched sets at most"),
        ([(1, 0)] * 3 + [(0, 1)] * 2, Protocol(), "2 cases of a group at most, and a verdict needs 3"),
        ([(1, 4)] * 2, Protocol(primary_method="u_centred"), "2 cases of a group at most"),
    ],
)
def test_too_few_for_a_verdict_is_told_before_the_lock_and_refused(
    drafted: Drafted, sets: list[tuple[int, int]], protocol: Protocol, words: str
) -> None:
    study = drafted(sets, protocol)
    assert any(words in told for told in obstacles_of(study))
    with pytest.raises(StudyError, match=words):
        lock(study=study, actor=None)


def test_what_is_compared_is_proposed_when_cases_are_loaded_and_needed_at_the_lock(drafted: Drafted) -> None:
    study = drafted([(1, 1)] * 4)
    proposed = study.protocol["estimand"]
    assert "another image of its matched set" in proposed
    assert "the mean over readers like the 2 planned, each counted alike, and over matched sets" in proposed
    assert proposed.endswith(ESTIMAND)
    own = changed(study, estimand="What we want to know.")
    assert own.protocol["estimand"] == "What we want to know."
    assert changed(own, estimand="", planned_readers=3).protocol["estimand"] == proposed.replace(
        "2 planned", "3 planned"
    )
    assert "like the one planned," in changed(own, estimand="", planned_readers=1).protocol["estimand"]
    # A draft from before, whose cases were loaded without a proposal.
    Study.objects.filter(pk=study.pk).update(protocol={**study.protocol, "estimand": " "})
    study.refresh_from_db()
    with pytest.raises(StudyError, match="nothing says what is compared"):
        lock(study=study, actor=None)


def test_unmatched_and_listed_cases_are_proposed_as_they_are(drafted: Drafted) -> None:
    proposed = drafted([(1, 0)] * 4 + [(0, 1)] * 4, estimand="").protocol["estimand"]
    assert "the higher answer than one for comparison" in proposed
    assert proposed.endswith("The images were chosen by hand: as they are found.")


def test_a_change_of_what_the_cases_decide_is_seen_on_the_page(
    drafted: Drafted, stock: Stock, client: Client
) -> None:
    study = drafted([(1, 2)] * 4)
    add_member(study=study, person=stock.alice, role=Role.STUDY_ADMIN, actor=None)
    client.force_login(stock.alice)
    page = client.get("/studies/sets/protocol/").content.decode()
    assert "matched sets, readers and sets random, readers counted alike (as the cases are)" in page
    assert "another image of its matched set" in page
    unmatched = changed(study, primary_method="u_centred")
    assert method_of(unmatched, Protocol.from_json(unmatched.protocol)) == "u_centred"
    assert "unmatched: centred U-statistic" in client.get("/studies/sets/protocol/").content.decode()


def test_margins_are_frozen_with_the_protocol_and_reach_the_analysis(drafted: Drafted) -> None:
    agree, quality, difficulty = PUBLISHED_QUESTIONS
    measure = quality.endpoint
    assert measure is not None
    kept = replace(quality, endpoint=replace(measure, aim="equivalence", margin=0.5))
    study = changed(drafted([(1, 1)] * 4), questions=(agree, kept, difficulty))
    (values,) = [
        event.values for event in Event.objects.filter(study=study.key, kind="study.protocol_changed")
        if "questions" in event.values["changed"]
    ]  # fmt: skip
    assert values["changed"]["questions"][1][1]["endpoint"]["margin"] == 0.5
    locked = lock(study=study, actor=None)
    asked = {each["key"]: each for each in locked_document(locked)["protocol"]["questions"]}
    assert (asked["quality"]["endpoint"]["aim"], asked["quality"]["endpoint"]["margin"]) == (
        "equivalence",
        0.5,
    )
    assert "margin" not in asked["agree"]["endpoint"]
    plan = plan_of(locked)
    assert [(each.aim, each.margin) for each in plan.endpoints] == [
        ("superiority", 0.0), ("equivalence", 0.5), ("superiority", 0.0),
    ]  # fmt: skip
    assert [plan.decides(each) for each in plan.endpoints] == ["theta_set", "difference_set", "theta_set"]


@pytest.mark.parametrize(
    ("aim", "margin"),
    [
        ("equivalence", 0.0),
        ("superiority", 0.5),
        ("equal", 0.5),
        ("equivalence", 4.0),
        ("equivalence", -1.0),
        ("equivalence", True),
    ],
)
def test_a_margin_that_means_nothing_is_refused(aim: str, margin: float) -> None:
    measure = PUBLISHED_QUESTIONS[1].endpoint
    assert measure is not None
    wrong = replace(PUBLISHED_QUESTIONS[1], endpoint=replace(measure, aim=aim, margin=margin))
    with pytest.raises(ProtocolError, match="with a margin above 0 and below the width of the scale, 4"):
        Protocol(questions=(wrong,), endpoints=("quality",)).check()


def test_readers_get_nothing_of_what_is_to_be_shown_or_how_it_is_analysed(stock: Stock) -> None:
    measure = PUBLISHED_QUESTIONS[1].endpoint
    assert measure is not None
    kept = replace(PUBLISHED_QUESTIONS[1], endpoint=replace(measure, aim="equivalence", margin=0.123))
    protocol = Protocol(questions=(kept,), endpoints=("quality",), estimand="CANARY what we want to know")
    case = models.Case.objects.filter(study=stock.study.key)[0]
    sent = json.dumps(sheet_of_case(case, protocol, "", practice=False))
    assert "How would you rate the image quality?" in sent
    for word in ("equivalence", "0.123", "margin", "endpoint", "worse", "CANARY", "by design"):
        assert word not in sent
