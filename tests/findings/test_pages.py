"""The pages of what a run found: questions, downloads, gallery, thumbnails; every opening is logged."""

import io
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from analysis.models import Run
from analysis.services.findings import Choices
from analysis.services.findings_files import find_set, make_set, note_fault
from analysis.services.findings_gallery import thumbnail
from analysis.tablefolder import csv_text
from analysis.tasks import make_findings
from readerstudy.accounts.access import has_opened_run
from readerstudy.accounts.models import User
from readerstudy.accounts.services import grant_researcher
from tests.findings.toys import write_run

pytestmark = pytest.mark.django_db

CHOICES = Choices(fraction=0.1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with findings, images and a plan that names them."""
    home = tmp_path_factory.mktemp("site")
    folder = write_run(home / "run", images=80)
    (home / "images").mkdir()
    rng = np.random.default_rng(0)
    for n in range(80):
        Image.fromarray(rng.integers(0, 256, (64, 64), dtype=np.uint8)).save(
            home / "images" / f"{n:08d}_000.png"
        )
    run = Run(run_id="toy-run", folder=str(folder))
    make_set(run=run, choices=CHOICES)
    (folder / "plan.json").write_text(json.dumps({"spec": {"data": {"images": str(home / "images")}}}))
    return folder


@pytest.fixture
def run(folder: Path) -> Run:
    from django.utils import timezone

    return Run.objects.create(
        run_id="toy-run", name="toy", folder=str(folder), spec={}, synthetic=True, finished_at=timezone.now()
    )


@pytest.fixture
def rita(client, run: Run) -> User:
    rita = User.objects.create_user(
        email="rita@x.example", name="Rita", password="correct horse battery staple"
    )
    grant_researcher(user=rita, actor=rita)
    client.force_login(rita)
    return rita


def test_the_page_answers_the_four_questions(client, run: Run, rita: User, folder: Path) -> None:
    # Another test may have made a newer set in the same folder, so the set is named.
    page = client.get(f"/runs/toy-run/findings/{CHOICES.name}/").content.decode()
    content = json.loads((folder / "findings" / CHOICES.name / "results.json").read_text())
    from html import unescape

    for sentence in content["answers"].values():
        assert sentence in unescape(page)
    assert "mean prediction at 90 %" in page
    assert f"/runs/toy-run/findings/{CHOICES.name}/files/validity.csv" in page
    assert page.count('class="question-figure"') == 4
    assert "SVG" in page
    assert f"/runs/toy-run/findings/{CHOICES.name}/files/figures/overall.pdf" in page
    assert f"/runs/toy-run/findings/{CHOICES.name}/files/representation.csv" in page


def test_a_set_made_before_validity_was_judged_is_still_shown(
    client, run: Run, rita: User, folder: Path
) -> None:
    file = folder / "findings" / CHOICES.name / "results.json"
    whole = file.read_text()
    try:
        file.write_text(
            json.dumps({name: rows for name, rows in json.loads(whole).items() if name != "validity"})
        )
        page = client.get(f"/runs/toy-run/findings/{CHOICES.name}/")
        assert page.status_code == 200
        assert "validity.csv" not in page.content.decode()
    finally:
        file.write_text(whole)


@pytest.mark.parametrize(
    "address",
    ["", "{set}/", "{set}/gallery/", "{set}/figures/frequency/", "{set}/thumbnails/1.png", "{set}/files/exemplars.csv",
     "{set}/files/figures/stability.pdf", "{set}/files/report.html", "{set}/files/figures/overall.svg?show"],
)  # fmt: skip
def test_every_address_is_logged_and_serves(client, run: Run, rita: User, address: str) -> None:
    assert not has_opened_run(rita, "toy-run")
    answer = client.get("/runs/toy-run/findings/" + address.format(set=CHOICES.name))
    assert answer.status_code == 200
    assert b"".join(answer)
    assert has_opened_run(rita, "toy-run")


@pytest.mark.parametrize(
    "file",
    [
        "results.json/../../../plan.json",
        "../plan.json",
        "..%2f..%2fplan.json",
        "figures/none.svg",
        "plan.json",
    ],
)
def test_no_other_file_of_the_server_is_served(client, run: Run, rita: User, file: str) -> None:
    assert client.get(f"/runs/toy-run/findings/{CHOICES.name}/files/{file}").status_code == 404


def test_the_gallery_says_what_it_does_before_it_shows_anything(client, run: Run, rita: User) -> None:
    address = f"/runs/toy-run/findings/{CHOICES.name}/gallery/"
    images = list(find_set(run, CHOICES.name).table("exemplars")["image"])
    assert "Opening a sweep unblinds you" in client.get("/runs/").content.decode()
    assert not has_opened_run(rita, "toy-run")
    page = client.get(address, {"positive": "Effusion"}).content.decode()
    assert "You cannot read" in page
    assert "unblinded admin" in page
    assert not any(image in page for image in images)
    assert "thumbnails/" not in page
    assert "unblinds" in client.get(f"/runs/toy-run/findings/{CHOICES.name}/").content.decode()
    assert client.post(address)["Location"] == address
    shown = client.get(address).content.decode()
    assert all(image in shown for image in images)
    assert "mean prediction at 90 %" in shown
    other = Run.objects.create(run_id="other-run", name="toy", folder=run.folder, spec={}, synthetic=True)
    beside = client.get(f"/runs/{other.run_id}/findings/{CHOICES.name}/gallery/").content.decode()
    assert "You cannot read" in beside
    client.logout()
    client.force_login(rita)
    assert "You cannot read" in client.get(address).content.decode()


def test_every_figure_can_be_seen_large_and_leads_to_the_next(client, run: Run, rita: User) -> None:
    base = f"/runs/toy-run/findings/{CHOICES.name}/"
    first = client.get(base).content.decode()
    drawn = set(re.findall(rf'href="{base}figures/(\w+)/"', first))
    assert drawn == {path.stem for path in find_set(run, CHOICES.name).folder.glob("figures/*.svg")} - {
        path.stem for path in find_set(run, CHOICES.name).folder.glob("figures/*-dark.svg")
    }
    seen, address = [], f"{base}figures/overall/"
    while address:
        page = client.get(address).content.decode()
        name = address.split("/")[-2]
        seen.append(name)
        assert f"{base}files/figures/{name}-dark.svg?show" in page
        assert f"{base}files/figures/{name}.pdf" in page
        address = next(iter(re.findall(r'rel="next" href="([^"]+)"', page)), "")
    assert set(seen) == drawn
    assert len(seen) == len(drawn)
    assert client.get(f"{base}figures/nothing/").status_code == 404


def test_the_gallery_filters_by_class_and_score(client, run: Run, rita: User) -> None:
    table = find_set(run, CHOICES.name).table("exemplars")
    address = f"/runs/toy-run/findings/{CHOICES.name}/gallery/"
    client.post(address)
    page = client.get(address).content.decode()
    assert all(image in page for image in table["image"])
    name = "Effusion"
    own = [name in labels.split("; ") for labels in table["labels"]]
    page = client.get(address, {"positive": name}).content.decode()
    for image, has in zip(table["image"], own, strict=True):
        assert (image in page) is has
    middle = float(table["score"].median())
    page = client.get(address, {"high": middle}).content.decode()
    for image, score in zip(table["image"], table["score"], strict=True):
        assert (image in page) is (score <= middle)


@pytest.mark.parametrize("of", ["dense", "pruned", "change"])
def test_the_gallery_filters_by_the_score_of_one_class(client, run: Run, rita: User, of: str) -> None:
    found = find_set(run, CHOICES.name)
    scores = found.table("exemplar_scores")
    own = scores[scores["class"] == "Effusion"].assign(change=scores["pruned"] - scores["dense"])
    least, most = float(own[of].quantile(0.25)), float(own[of].quantile(0.75))
    address = f"/runs/toy-run/findings/{CHOICES.name}/gallery/"
    client.post(address)
    page = client.get(
        address, {"scored": "Effusion", "of": of, "least": least, "most": most}
    ).content.decode()
    shown = [image in page for image in own["image"]]
    assert shown == list((own[of] >= least) & (own[of] <= most))
    assert 0 < sum(shown) < len(shown)
    assert "Choose the class whose score" in client.get(address, {"least": 0.1}).content.decode()


def test_gallery_scores_are_the_means_over_seeds(client, run: Run, rita: User, folder: Path) -> None:
    from analysis.selection import read_run
    from analysis.services.findings_gallery import Wanted, exemplars_of

    read = read_run(folder)
    card = exemplars_of(find_set(run, CHOICES.name), Wanted())[0]
    place = list(read.images["image"]).index(card["image"])
    for one in card["moved"]:
        column = read.class_names.index(one["name"])
        assert one["dense"] == pytest.approx(read.mean_scores(0.0)[place, column])
        assert one["pruned"] == pytest.approx(read.mean_scores(0.9)[place, column])
        assert one["labelled"] == bool(read.labels[place, column])


def test_the_worker_notes_why_it_failed_and_takes_the_note_away(
    client, run: Run, rita: User, folder: Path
) -> None:
    make_findings(run.pk, {"criterion": "spearman", "condition": 0.9, "fraction": 0.1, "seed": 1})
    assert find_set(run, CHOICES.name)
    Run.objects.filter(pk=run.pk).update(folder=str(folder / "nowhere"))
    run.refresh_from_db()
    (folder / "nowhere").mkdir(exist_ok=True)
    make_findings(run.pk, {"criterion": "spearman", "condition": 0.9, "fraction": 0.1, "seed": 1})
    assert "expected the provenance of a run" in client.get("/runs/toy-run/findings/").content.decode()
    note_fault(run, "")
    assert "expected the provenance" not in client.get("/runs/toy-run/findings/").content.decode()


def test_nothing_of_the_gallery_is_in_the_database(run: Run) -> None:
    """No table of the analysis has a column for scores, images or exemplars."""
    from django.apps import apps

    names = {
        field.name for model in apps.get_app_config("analysis").get_models() for field in model._meta.fields
    }
    assert not names & {"score", "scores", "image", "exemplar", "exemplars", "rank", "labels"}


def test_downloaded_metrics_are_the_runs_own_and_safe_for_a_spreadsheet(client, run: Run, rita: User) -> None:
    own = (Path(run.folder) / "metrics.csv").read_text()
    assert client.get("/runs/toy-run/metrics.csv").content.decode() == own
    named = re.search(r"^0,0\.0,([^,]+),", own, re.MULTILINE)
    assert named
    hostile = Path(run.folder).parent / "hostile"
    hostile.mkdir()
    (hostile / "metrics.csv").write_text(own.replace(f",{named[1]},", ",=1+1;=2,"))
    Run.objects.filter(pk=run.pk).update(folder=str(hostile))
    text = client.get("/runs/toy-run/metrics.csv").content.decode()
    assert ",'=1+1;'=2," in text
    assert ",=" not in text
    assert ";=" not in text


def test_a_table_of_findings_gives_hostile_names_back(folder: Path) -> None:
    found = find_set(Run(run_id="toy-run", folder=str(folder)), CHOICES.name)
    assert found is not None
    table = found.table("exemplars").assign(image="=x;=y.png", labels="Mass; -odd")
    (found.folder / "hostile.csv").write_text(csv_text(table, gaps=True))
    assert ",'=x;'=y.png," in (found.folder / "hostile.csv").read_text()
    pd.testing.assert_frame_equal(found.table("hostile"), table)


@pytest.mark.parametrize(("colour", "mode"), [("rgb", "RGB"), ("grey", "L")])
def test_a_thumbnail_has_the_colours_that_the_networks_were_given(
    folder: Path, tmp_path: Path, colour: str, mode: str
) -> None:
    shutil.copytree(folder, tmp_path / "run", ignore=shutil.ignore_patterns("thumbnails"))
    (tmp_path / "images").mkdir()
    for n in range(80):
        Image.new("RGB", (64, 64), (200, n, 40)).save(tmp_path / "images" / f"{n:08d}_000.png")
    spec = {"data": {"images": str(tmp_path / "images")}, "preprocess": {"colour": colour}}
    (tmp_path / "run" / "plan.json").write_text(json.dumps({"spec": spec}))
    run = Run(run_id="toy-run", folder=str(tmp_path / "run"))
    found = find_set(run, CHOICES.name)
    assert found is not None
    with Image.open(io.BytesIO(thumbnail(run, found, 1) or b"")) as shown:
        assert shown.mode == mode
        assert mode == "L" or shown.getpixel((9, 9))[::2] == (200, 40)
