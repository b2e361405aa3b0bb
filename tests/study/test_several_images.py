"""Cases of two images: loaded whole with frames of one length, looked at one by one, served and marked by image."""

import json
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from readerstudy.cases import loader
from readerstudy.cases.loader import CaseSetRefusedError
from readerstudy.cases.models import Case, Frame
from readerstudy.ops.loading import load_into_study
from readerstudy.study.design import lifecycle, signoff
from readerstudy.study.design.obstacles import obstacles_of
from readerstudy.study.models import Study
from readerstudy.study.protocol import Protocol, digest
from readerstudy.study.protocol.answers import check_marks
from readerstudy.study.protocol.questions import ProtocolError
from readerstudy.study.reading.reading_json import state_json
from tests import stock
from tests.served import unmasked

pytestmark = pytest.mark.django_db

ROLES = ("PA", "LATERAL")
LAID_OUT = Protocol(layout="switched")


def made(folder: Path, protocol: Protocol = LAID_OUT, reading: bool = True) -> stock.Stock:
    return stock.make_stock(folder, pairs=4, roles=ROLES, protocol=protocol, reading=reading, locked=reading)


def test_each_image_is_stored_in_its_place_and_all_have_one_length(tmp_path: Path) -> None:
    made(tmp_path)
    assert Case.objects.count() == 8
    assert [(each.position, each.role) for case in Case.objects.all() for each in case.images] == [
        (0, "PA"), (1, "LATERAL")
    ] * 8  # fmt: skip
    assert len(set(Frame.objects.values_list("length", flat=True))) == 1
    assert len(set(Frame.objects.values_list("sha256", flat=True))) == 16


def test_a_reader_gets_both_images_of_this_case_and_the_next_and_no_third(tmp_path: Path) -> None:
    people = made(tmp_path)
    reader = people.readers[0]
    client = Client()
    client.force_login(reader.person)
    with CaptureQueriesContext(connection) as queries:
        state = state_json(reader)
    assert len([each for each in queries if 'FROM "cases_frame"' in each["sql"]]) == 1
    assert state["layout"] == "switched"
    frames = set()
    for shown in (state["case"], state["next"]):
        images = (shown, *shown["also"])
        assert [image["role"] for image in images] == list(ROLES)
        frames |= {unmasked(client.get(image["frame_url"]).getvalue()) for image in images}
    assert len(frames) == 4
    for wrong in ("2", "-1", "PA", "01"):
        assert client.get(f"{state['case']['frame_url']}?image={wrong}").status_code == 404


def test_images_that_cannot_be_read_are_named_by_case_and_role(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = stock.make_case_set(tmp_path, pairs=4, roles=ROLES)
    wrong = sorted((cases.folder / "images").glob("*-2.png"))[0]
    study = lifecycle.create_study(slug="bad", title="Bad", protocol=Protocol(), actor=None)
    monkeypatch.setattr(loader, "verify_case_set", lambda folder: None)
    wrong.write_bytes(b"no image")
    with stock.decoded_here(), pytest.raises(CaseSetRefusedError, match=f"case {wrong.stem[:32]} LATERAL: "):
        load_into_study(study=study, folder=cases.folder, actor=None)
    assert not Frame.objects.exists()


def test_every_image_is_looked_at_before_the_lock(tmp_path: Path) -> None:
    study = made(tmp_path, reading=False).study
    assert signoff.progress_of(study).signed == 16
    image = Frame.objects.get(case=Case.objects.first(), position=1)
    signoff.ImageCheck.objects.filter(case=image.case, position=1).delete()
    assert signoff.waiting_for_sign_off(study)[0].startswith("1 of 16 images have not been looked at")
    found = signoff.next_image(study, study.memberships.get(role="study_admin").person)
    assert found == image
    with pytest.raises(signoff.SignOffError, match="expected an image of this study"):
        signoff.sign_off(
            study=study, key=image.case.key, position=2, person=stock.person("Eve"), clear=True, scale=1
        )


@pytest.mark.parametrize(
    ("roles", "layout", "says"),
    [
        (ROLES, "", ["each case has 2 images (PA, LATERAL)"]),
        (ROLES, "stacked", []),
        ((), "stacked", ["each case has one"]),
        ((), "", []),
    ],
)
def test_a_lock_waits_until_the_protocol_lays_out_what_there_is(
    tmp_path: Path, roles: tuple[str, ...], layout: str, says: list[str]
) -> None:
    people = stock.make_stock(
        tmp_path, pairs=4, roles=roles, protocol=Protocol(layout=layout), reading=False, locked=False
    )
    found = [each for each in obstacles_of(Study.objects.get(pk=people.study.pk)) if "laid out" in each]
    assert len(found) == len(says)
    assert all(text in each for text, each in zip(says, found, strict=True))


def test_a_protocol_that_says_no_layout_keeps_its_digest() -> None:
    plain = Protocol().as_json()
    assert "layout" not in plain
    assert Protocol.from_json(plain) == Protocol()
    assert digest(LAID_OUT.as_json()) != digest(plain)
    assert Protocol.from_json(LAID_OUT.as_json()) == LAID_OUT


def mark(**changes: object) -> dict[str, object]:
    return {"question": "", "kind": "point", "points": [[9.0, 1.0]], "image": "LATERAL", **changes}


def test_a_mark_names_its_image_and_lies_within_it() -> None:
    images = {"PA": (5, 5), "LATERAL": (10, 10)}
    assert check_marks([mark()], images) == [mark()]
    with pytest.raises(ProtocolError, match="within the image of 5 x 5"):
        check_marks([mark(image="PA")], images)
    for wrong in ("AP", None, [], {}):
        with pytest.raises(ProtocolError, match="one of the images PA, LATERAL"):
            check_marks([mark(image=wrong)], images)
    with pytest.raises(ProtocolError, match="expected image, kind, points, question"):
        check_marks([{key: value for key, value in mark().items() if key != "image"}], images)
    with pytest.raises(ProtocolError, match="expected kind, points, question"):
        check_marks([mark()], {"": (10, 10)})


def test_the_preview_shows_both_images_and_the_lock_names_each(tmp_path: Path) -> None:
    people = made(tmp_path, reading=False)
    client = Client()
    client.force_login(people.alice)
    step = next(
        told for place in range(9)
        if (told := client.get(f"/studies/chest/preview/state/{place}/").json())["case"]
    )  # fmt: skip
    images = (step["case"], *step["case"]["also"])
    assert step["layout"] == "switched"
    assert len({unmasked(client.get(image["frame_url"]).getvalue()) for image in images}) == 2
    study = lifecycle.lock(study=people.study, actor=people.alice)
    assert len(set(json.loads(study.locked_file)["frames_sha256"])) == 16
