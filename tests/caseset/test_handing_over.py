"""A handover on the pages: the seed comes first, every draw is noted, and no set is offered before its key is saved."""

import hashlib
import json
import re
import shutil
import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from analysis.caseset import read_blind_half, read_key, verify_case_set
from analysis.caseset.read import read_report
from analysis.models import Handover, Run
from analysis.services import handing_over, handover_work
from analysis.views.handovers import Listed
from readerstudy.accounts.access import has_opened_run
from readerstudy.accounts.models import User
from readerstudy.accounts.services import grant_researcher
from readerstudy.audit.models import Event
from readerstudy.ops.backup.folder import contents
from readerstudy.ops.loading import offered_sets
from tests.caseset.pictures import write_png
from tests.selection.runs import seal, write_run
from tests.stock import person

pytestmark = pytest.mark.django_db

CHOICES = {
    "criterion": "spearman", "fraction": "0.1", "size": "8", "draw": "simple", "controls": "matched", "ratio": "1",
    "exact": ["n_findings"], "nearest": "age sex=2",
}  # fmt: skip
CONTENTS = {
    "name": "chests", "groups": "PIE; PIEs; control; controls", "block_size": "8", "shown": ["view"],
    "unchecked": "toy scores",
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_run(tmp_path_factory.mktemp("handing") / "run", images=240)
    for number in range(240):
        write_png(folder / "images" / f"{number // 2:08d}_{number % 2:03d}.png", number)
    return folder


@pytest.fixture
def rita(client: Client, folder: Path, tmp_path: Path, settings: Any) -> User:
    settings.HANDOVERS_ROOT, settings.CASE_SETS = tmp_path / "under-way", tmp_path / "sets"
    settings.DATA_ROOTS = [folder]
    rita = person("Rita")
    grant_researcher(user=rita, actor=None)
    client.force_login(rita)
    Run.objects.create(
        run_id="toy-run", name="toy", folder=str(folder), spec={}, synthetic=True, finished_at=timezone.now()
    )
    return rita


def begun(client: Client) -> tuple[Handover, str]:
    place = client.post("/runs/toy-run/handovers/", {"seed": "12345"})["Location"]  # nobody chooses it
    return Handover.objects.get(token=place.split("/")[-2]), place


def drawn(client: Client, place: str, **choices: Any) -> dict[str, Any]:
    client.post(f"{place}steps/draw/", {"images": "images", **CHOICES, **choices})
    return worked(place)


def worked(place: str) -> dict[str, Any]:
    row = Handover.objects.get(token=place.split("/")[-2])
    handover_work.make(row.pk)
    folder = handing_over.newest_draw(row)
    return handing_over.read_part(row, f"{folder.name}/drawn.json") if folder else {}


def test_the_seed_is_fixed_before_anything_is_drawn(client: Client, rita: User) -> None:
    row, place = begun(client)
    before = handing_over.read_part(row, "draft.json")["seed"]
    first = drawn(client, place)
    drawn(client, place, size="4")
    assert (
        drawn(client, place, seed="12345")["rows"] == first["rows"]
    )  # back at the first choices: the same images
    assert handing_over.read_part(row, "draft.json")["seed"] == before
    page = client.get(place).content.decode()
    assert before != 12345
    assert f"{before}" in page
    assert "fixed" in page
    picture = client.get(f"{place}files/{handing_over.newest_draw(row).name}/0.png")  # type: ignore[union-attr]
    assert picture["Content-Type"] == "image/png"
    assert "no-store" in picture["Cache-Control"]
    assert picture.getvalue()  # type: ignore[attr-defined]
    assert has_opened_run(rita, "toy-run")


def test_a_case_that_is_taken_out_takes_its_set_and_nothing_comes_for_it(client: Client, rita: User) -> None:
    _, place = begun(client)
    before = drawn(client, place)["rows"]
    refused = client.post(f"{place}steps/take-out/", {"case": ["3"], "reason": ""}, follow=True)
    assert "expected a reason" in refused.content.decode()
    client.post(f"{place}steps/take-out/", {"case": ["3"], "reason": "a name is visible"})
    after = worked(place)
    gone = before[3]["pair"]
    assert after["rows"] == [row for row in before if row["pair"] != gone]
    out = {row["image"]: row["reason"] for row in after["left_out"]}
    assert out[before[3]["image"]] == "a name is visible"
    assert [row["image"] in out for row in before if row["pair"] == gone] == [True, True]


def test_a_case_of_two_views_is_shown_and_taken_out_whole(
    client: Client, rita: User, folder: Path, tmp_path: Path
) -> None:
    place = shutil.copytree(folder, tmp_path / "run", ignore=shutil.ignore_patterns("images"))
    table = pd.read_csv(place / "images.csv", dtype={"patient": str})
    table["study"], table["view"] = table["patient"], ["PA", "LATERAL"] * (len(table) // 2)
    table.to_csv(place / "images.csv", index=False)
    seal(place)
    Run.objects.update(folder=str(place))
    row, address = begun(client)
    made = drawn(client, address, views=["PA", "LATERAL"])
    assert [one["role"] for one in made["rows"]] == ["PA", "LATERAL"] * (len(made["rows"]) // 2)
    assert set(made["leaks"]) == {"PA", "LATERAL"}
    page = client.get(address).content.decode()
    cards = page.split('<li class="card image-card">')[1:]
    assert len(cards) == len(made["rows"]) // 2
    assert f"{len(cards)} cases in" in page
    for number, card in enumerate(cards):
        assert re.findall(r"/([0-9]+)\.png", card) == [str(2 * number), str(2 * number + 1)]
        assert f'value="{2 * number}"' in card
        assert "PA LATERAL" in card
    assert page.count("brightness") == 2
    second = client.get(f"{address}files/{handing_over.newest_draw(row).name}/1.png")  # type: ignore[union-attr]
    assert second.getvalue()  # type: ignore[attr-defined]
    gone = made["rows"][0]
    client.post(f"{address}steps/take-out/", {"case": ["1"], "reason": "a name is visible"})
    after = worked(address)
    assert after["rows"] == [one for one in made["rows"] if one["pair"] != gone["pair"]]
    assert "a name is visible" in {one["reason"] for one in after["left_out"] if one["image"] == gone["case"]}


def test_the_set_is_offered_once_its_key_is_saved_and_the_site_forgets_the_key(
    client: Client, rita: User
) -> None:
    _, abandoned = begun(client)
    drawn(client, abandoned, controls="random")
    client.post(f"{abandoned}steps/discard/")
    row, place = begun(client)
    drawn(client, place, ratio="2")
    chosen = drawn(client, place)["rows"]
    client.post(f"{place}steps/write/", CONTENTS)
    worked(place)
    row.refresh_from_db()
    sealed = handing_over.folder_of(row)
    assert {stat.S_IMODE(path.stat().st_mode) for path in sealed.glob("key*")} == {0o600}
    assert stat.S_IMODE(sealed.stat().st_mode) == 0o700
    assert not [path for path in contents().files.values() if row.token in str(path)]
    assert offered_sets() == []
    key = client.get(f"{place}files/key.csv").getvalue()  # type: ignore[attr-defined]
    other = client.post(
        f"{place}steps/confirm/", {"sha256": hashlib.sha256(key + b" ").hexdigest()}, follow=True
    )
    assert "expected the key with SHA-256" in other.content.decode()
    assert offered_sets() == []
    report = read_report(sealed / "key.csv")
    seed = str(handing_over.read_part(row, "draft.json")["seed"])
    client.post(f"{place}steps/confirm/", {"sha256": hashlib.sha256(key).hexdigest()})
    (offered,) = offered_sets()
    assert (offered.folder.name, offered.key_digest) == ("chests", hashlib.sha256(key).hexdigest())
    assert not sealed.exists()
    assert client.get(f"{place}files/key.csv").status_code == 404
    saved, blind = sealed.parent / "saved.csv", sealed.parent.parent / "sets" / "chests"
    saved.write_bytes(key)
    assert verify_case_set(blind, saved).cases == len(chosen)
    assert set(read_key(saved).rows["source"]) == {one["image"] for one in chosen}
    draws = read_blind_half(blind).provenance["selection"]["draws"]
    assert [(one["settings"]["controls"], one["settings"]["ratio"], one["this_set"]) for one in draws] == [
        ("random", 1, False), ("matched", 2, True), ("matched", 1, True)
    ]  # fmt: skip
    assert '"seed"' not in json.dumps(draws)
    assert report["committed"] == {"seed": seed}
    kinds = list(Event.objects.filter(kind__startswith="handover.").values_list("kind", flat=True))
    assert kinds.count("handover.confirmed") == 1


def test_a_day_later_key_and_set_are_gone_and_the_draws_are_not(client: Client, rita: User) -> None:
    row, place = begun(client)
    drawn(client, place)
    client.post(f"{place}steps/write/", CONTENTS)
    worked(place)
    handing_over.expire()
    row.refresh_from_db()
    assert handing_over.pending_of(row).is_dir()
    assert row.ends_at <= timezone.now() + timedelta(hours=24)
    Handover.objects.update(ends_at=timezone.now() - timedelta(seconds=1))
    handing_over.expire()
    assert not handing_over.folder_of(row).exists()
    assert not handing_over.pending_of(row).exists()
    row.refresh_from_db()
    assert row.gone_at
    assert len(row.draws) == 1
    assert "deleted" in client.get(place).content.decode()


def test_only_its_owner_sees_it(client: Client, rita: User) -> None:
    row, place = begun(client)
    drawn(client, place)
    other = person("Otto")
    grant_researcher(user=other, actor=None)
    client.force_login(other)
    picture = f"files/{handing_over.newest_draw(row).name}/0.png"  # type: ignore[union-attr]
    for address in ("", "progress.json", picture, "files/draft.json"):
        assert client.get(place + address).status_code == 404
    client.force_login(rita)
    assert client.get(place + "files/draft.json").status_code == 404
    assert client.get(place + "files/../draft.json").status_code == 404


def test_what_cannot_be_drawn_is_said_on_the_page_alone(client: Client, rita: User, caplog: Any) -> None:
    _, place = begun(client)
    drawn(client, place, images="predictions")
    page = client.get(place).content.decode()
    assert "expected one image file for" in page
    assert caplog.text == ""
    bad = client.post(
        f"{place}steps/draw/", {"images": "/etc", **CHOICES, "nearest": "age=x"}
    ).content.decode()
    assert "expected a folder inside the data folder" in bad
    assert "NAME=WEIGHT:CALIPER" in bad


def test_keys_never_lie_in_the_sites_folder(
    client: Client, rita: User, settings: Any, tmp_path: Path
) -> None:
    settings.HANDOVERS_ROOT = settings.HOME / "keys"
    answer = client.post("/runs/toy-run/handovers/", follow=True).content.decode()
    assert "a key must be in no backup" in answer
    (tmp_path / "file").write_text("no folder")
    settings.HANDOVERS_ROOT = tmp_path / "file" / "keys"
    answer = client.post("/runs/toy-run/handovers/", follow=True).content.decode()
    assert "a folder in which the site may write" in answer
    assert not Handover.objects.exists()


@pytest.mark.parametrize(
    "sent", ["[]", "{}", "[1]", '[{"case": "A"}]', '[{"case": "%s", "group": "x"}]' % ("a" * 32)]
)
def test_only_a_list_of_cases_without_groups_is_taken(sent: str) -> None:
    form = Listed({}, {"cases": SimpleUploadedFile("cases.json", sent.encode())})
    form.is_valid()
    assert form.errors["cases"] == ["expected cases without names and groups; reload the page"]


def test_a_fault_of_the_program_leaves_nobody_waiting(tmp_path: Path, settings: Any) -> None:
    settings.CASE_SETS, settings.HANDOVERS_ROOT = tmp_path / "sets", tmp_path / "handovers"
    key = "a" * 32
    table = {"cases": [{"case": key}], "key_sha256": "b" * 64, "synthetic": True, "terms": "", "one_each": False,
             "shown": [], "burned_in_checked": ""}  # fmt: skip
    row = handing_over.begin_listed(name="odd", table=table, actor_id=person("Odd").pk)
    write_png(tmp_path / "one.png", 1)
    handing_over.receive(row, key, (tmp_path / "one.png").read_bytes())
    handing_over.ask(row, handing_over.TAKE, name="odd")
    with pytest.raises(KeyError):
        handover_work.make(row.pk)
    row.refresh_from_db()
    assert (row.work, handing_over.fault_of(row)) == (
        "",
        "the program failed; the log of the worker says where",
    )


def test_images_that_are_refused_after_they_were_sent_have_the_names_of_the_key(
    client: Client, rita: User
) -> None:
    """Their sender can find them there; where they are on the server is nobody's business."""
    keys = ["a" * 32, "b" * 32]
    table = {"cases": [{"case": key, "labels": "Mass", "block": 1, "separation_group": key} for key in keys],
             "key_sha256": "c" * 64, "synthetic": True, "terms": {}, "one_each": False, "shown": [],
             "burned_in_checked": ""}  # fmt: skip
    row = handing_over.begin_listed(name="odd", table=table, actor_id=rita.pk)
    for key in keys:
        handing_over.receive(row, key, b"no image")
    handing_over.ask(row, handing_over.TAKE, name="odd")
    handover_work.make(row.pk)
    fault = handing_over.fault_of(row)
    assert "2 of 2 images cannot be handed over" in fault
    assert [line.split(":")[0] for line in fault.splitlines()[1:]] == keys
    page = client.get(f"/handovers/{row.token}/").content.decode()
    assert "column <code>case</code> of your key" in page
    assert "under-way" not in page
