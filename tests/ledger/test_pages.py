"""The researcher's pages: forms that refuse with a reason, steps, progress, provenance, what they tell."""

import re
from html import unescape
from pathlib import Path

import pandas as pd
import pytest
from django.test import Client
from django.urls import reverse

from analysis.models import DataSet, Ensemble, Run, Unit, UnitState
from analysis.services import control, ledger
from analysis.views.data_sets import NOT_ASKED
from analysis.views.forms import DataSetForm
from readerstudy.accounts.models import User
from readerstudy.accounts.services import grant_researcher
from readerstudy.audit.models import Event
from tests.ledger.inputs import ARCHITECTURE, Inputs
from tests.stock import person
from tests.sweep import published

pytestmark = pytest.mark.django_db


@pytest.fixture
def rita() -> User:
    rita = person("Rita")
    grant_researcher(user=rita, actor=None)
    return rita


@pytest.fixture
def page(client: Client, rita: User, inputs: Inputs, settings: object) -> Client:
    """Rita's browser, on a site whose data folder holds a tiny data set."""
    settings.DATA_ROOTS = inputs.roots  # type: ignore[attr-defined]
    client.force_login(rita)
    return client


@pytest.fixture
def run() -> Run:
    return control.register_run(
        run_id="r1", name="toy", folder=Path("/nowhere"), spec={"prune": {"method": "global_l1"}}, synthetic=True,
        units=[Unit(key=f"seed-{s}_sparsity-{k}", member=s) for s in (0, 1) for k in ("0.00", "0.90")],
    )  # fmt: skip


DATA = {
    "slug": "tiny", "images": "images", "labels_test": "labels/miccai2023_nih-cxr-lt_labels_test.csv",
    "labels_train": "labels/train.csv", "labels_val": "labels/val.csv", "class_set": "nih-cxr-lt", "synthetic": "on",
}  # fmt: skip


def register(page: Client) -> None:
    assert page.post("/data-sets/new/", DATA).status_code == 302


def test_a_data_set_by_form(page: Client, rita: User) -> None:
    made = page.post("/data-sets/new/", DATA)
    assert made["Location"] == "/data-sets/tiny/"
    shown = page.get("/data-sets/tiny/").content.decode()
    assert "Synthetic images" in shown
    facts = re.findall(r"<dt>(.*?)</dt><dd[^>]*>(.*?)</dd>", unescape(shown[shown.index('id="files"') :]))
    labels = {str(field.label) for field in DataSetForm(roots=()).fields.values()} | {*NOT_ASKED.values()}
    assert {name for name, _ in facts if not name.startswith("SHA-256 ")} <= labels
    assert {
        "Uncertain (-1) labels": "refuse",
        "Blank labels": "refuse",
        "Layout of the label files": "table",
    }.items() <= dict(facts).items()
    assert ">9<" in shown
    assert page.get("/data-sets/tiny/classes.svg")["Content-Type"] == "image/svg+xml"
    assert "tiny" in page.get("/data-sets/").content.decode()
    event = Event.objects.get(kind="data_set.registered")
    assert (event.actor_id, event.subject) == (rita.pk, "tiny")
    assert "/" not in str(event.values)


def test_every_bad_place_of_a_form_shows_at_once(page: Client) -> None:
    answer = page.post("/data-sets/new/", {**DATA, "images": "/etc", "labels_val": "../secret.csv"})
    assert answer.status_code == 200
    errors = answer.context["form"].errors
    assert set(errors) == {"images", "labels_val"}
    assert "expected a file inside the data folder" in errors["labels_val"][0]
    assert b"Nothing was changed" in answer.content
    assert not DataSet.objects.exists()


def test_own_classes_need_names(page: Client) -> None:
    answer = page.post("/data-sets/new/", {**DATA, "class_set": "own"})
    assert "expected the names of the classes" in answer.context["form"].errors["classes"][0]
    named = page.post(
        "/data-sets/new/", {**DATA, "class_set": "own", "classes": "Hernia, Edema", "id_column": "id"}
    )
    assert named.status_code == 302
    assert [row["name"] for row in DataSet.objects.get().classes] == ["Hernia", "Edema"]


def test_a_published_data_set_by_form(page: Client, inputs: Inputs) -> None:
    (inputs.root / "nih.csv").write_text(published.NIH.replace("No Finding", ""))
    (inputs.root / "test_list.txt").write_text("00000003_000.png\n00000002_000.png\n")
    form = {
        "slug": "nih", "images": "images", "labels_test": "nih.csv", "split_test": "test_list.txt",
        "layout": "nih-cxr14", "class_set": "nih-cxr14",
    }  # fmt: skip
    refused = page.post("/data-sets/new/", form).context["form"].errors
    assert "row 3, column 'Atelectasis': expected 0 or 1, got a blank" in refused["labels_test"][0]
    assert page.post("/data-sets/new/", {**form, "blank": "ignore"}).status_code == 302
    made = DataSet.objects.get()
    assert made.counts == {"test": 2}
    assert {row["name"] for row in made.classes if row["test"]} == {"Hernia", "Pleural_Thickening"}
    assert "nih.csv: 15 blank labels are ignored" in page.get("/data-sets/nih/").content.decode()


def test_studies_are_scored_where_the_form_says_so_and_the_files_say_studies(
    page: Client, inputs: Inputs
) -> None:
    table = pd.read_csv(inputs.root / DATA["labels_test"])
    form = {**DATA, "layout": "manifest", "labels_test": "studies.csv", "cases": "mean"}
    table.to_csv(inputs.root / "studies.csv", index=False)
    refused = page.post("/data-sets/new/", form).context["form"].errors
    assert "expected the study of each image" in str(refused)
    table["study"] = "one"
    table.to_csv(inputs.root / "studies.csv", index=False)
    refused = page.post("/data-sets/new/", form).context["form"].errors
    assert "images of one study to have the same labels and patient" in str(refused)
    assert not DataSet.objects.exists()
    table["study"] = [f"study {number}" for number in range(len(table))]
    table.to_csv(inputs.root / "studies.csv", index=False)
    assert page.post("/data-sets/new/", form).status_code == 302
    assert DataSet.objects.get().section["cases"] == "mean"


def test_an_ensemble_and_a_sweep_by_form(page: Client) -> None:
    register(page)
    data_set = DataSet.objects.get()
    ensemble = {"slug": "nets", "data_set": data_set.pk, "architecture": ARCHITECTURE, "size": 32}
    refused = page.post("/ensembles/new/", {**ensemble, "checkpoints": "images"})
    assert "expected checkpoints" in refused.context["form"].errors["checkpoints"][0]
    numbers = page.post("/ensembles/new/", {**ensemble, "checkpoints": "trained_models", "mean": "0.5; 0.5"})
    assert "expected numbers separated by commas" in numbers.context["form"].errors["mean"][0]
    more = {
        "fit": "letterbox",
        "mean": "0.5, 0.4, 0.3",
        "output": "softmax",
        "rename": "body.=\r\nhead.=fc.\r\n",
    }
    posted = {**ensemble, **more, "checkpoints": "trained_models"}
    assert page.post("/ensembles/new/", posted).status_code == 302
    nets = Ensemble.objects.get()
    assert nets.preprocess == {"size": 32, "antialias": False, "fit": "letterbox", "mean": [0.5, 0.4, 0.3]}
    assert nets.reading == {"output": "softmax", "rename": ["body.=", "head.=fc."]}
    assert "seed" in page.get("/ensembles/nets/").content.decode().lower()
    sweep = {
        "ensemble": nets.pk, "seeds": "0-1", "method": "random", "sparsities": "0, 0.9", "seed": 3, "device": "cpu",
        "precision": "fp32", "batch_size": 4, "engine": "auto", "threads": 1,
    }  # fmt: skip
    for bad, field in (({"sparsities": "0.5"}, "sparsities"), ({"seeds": "0-x"}, "seeds"), ({"seeds": "5"}, "seeds"),
                       ({"precision": "fp16"}, "precision"), ({"sparsities": "0, 2"}, "sparsities")):  # fmt: skip
        errors = page.post("/runs/new/", {**sweep, **bad}).context["form"].errors
        assert set(errors) == {field}
        assert "expected" in errors[field][0]
    method = page.get("/runs/new/").context["form"]["method"]
    assert method.initial == "global_l1"
    assert dict(method.field.choices)["global_l1"].startswith("global_l1: share of all weights removed")
    answer = page.post("/runs/new/", sweep)
    run = Run.objects.get()
    assert answer["Location"] == f"/runs/{run.run_id}/"
    assert run.spec["prune"]["seed"] == 3
    assert run.full_spec["models"]["seeds"] == [0, 1]
    assert run.full_spec["models"]["output"] == "softmax"
    assert run.full_spec["preprocess"]["mean"] == [0.5, 0.4, 0.3]
    assert "preparing" in page.get(answer["Location"]).content.decode()
    assert Event.objects.filter(kind="run.registered", subject=run.run_id).exists()


def test_a_training_by_form(page: Client) -> None:
    register(page)
    recipe = {
        "slug": "toys", "data_set": DataSet.objects.get().pk, "architecture": ARCHITECTURE, "seeds": "0-2, 5",
        "epochs": 2,
        "patience": 2, "batch_size": 4, "learning_rate": 0.001, "rotation": 15, "loss": "ldam", "class_weights": "none",
        "size": 32, "device": "cpu", "precision": "fp32", "threads": 1,
    }  # fmt: skip
    refused = page.post("/ensembles/train/", {**recipe, "pretrained": "/etc/passwd"})
    assert "inside the data folder" in refused.context["form"].errors["pretrained"][0]
    assert page.post("/ensembles/train/", recipe)["Location"] == "/runs/train-toys/"
    run = Run.objects.get()
    assert run.full_spec["train"]["seeds"] == [0, 1, 2, 5]
    assert run.full_spec["train"]["flip"] is False
    assert "toys" in page.get("/ensembles/").content.decode()
    assert "toys" not in page.get("/runs/").content.decode()
    again = page.post("/ensembles/train/", recipe)
    assert "expected a new name" in again.context["form"].errors["slug"][0]


def test_progress_tells_units_and_nothing_of_what_was_found(page: Client, run: Run) -> None:
    claim = ledger.claim_next(worker="host:12:34", lease_seconds=60)
    assert claim
    ledger.keep(claim, lease_seconds=60, steps=("images", 3, 12))
    said = page.get("/runs/r1/progress.json").json()
    assert said["state"] == "running"
    assert said["cells"]["seed-0_sparsity-0.00"] == ["working", 25, "working, 25 %"]
    (hand,) = said["hands"]
    assert (hand["stage"], hand["done"], hand["total"], hand["worker"]) == ("images", 3, 12, "host:12")
    assert set(said) == {"run", "state", "done", "total", "failed", "rate", "left", "cells", "hands"}
    assert not Event.objects.filter(kind="run.opened").exists()


def test_failures_are_shown_by_cause_and_tried_again(page: Client, run: Run, rita: User) -> None:
    for _ in range(3):
        claim = ledger.claim_next(worker="host:12:34", lease_seconds=60)
        assert claim
        ledger.fail(claim, error="CheckpointError: expected <b>this</b>", final=True)
    shown = page.get("/runs/r1/").content.decode()
    assert shown.count("expected &lt;b&gt;this&lt;/b&gt;") == 1
    assert shown.count("/retry/") == 3
    assert page.post("/runs/r1/units/seed-0_sparsity-0.90/retry/").status_code == 302
    assert run.units.get(key="seed-0_sparsity-0.90").state == UnitState.TODO
    event = Event.objects.get(kind="run.unit_retried")
    assert (event.actor_id, event.values) == (rita.pk, {"unit": "seed-0_sparsity-0.90"})
    again = page.post("/runs/r1/units/seed-0_sparsity-0.90/retry/", follow=True)
    assert "already being tried again" in again.content.decode()
    page.post("/runs/r1/steps/resume/")
    assert not run.units.filter(state=UnitState.FAILED).exists()


def test_cancel_and_resume_by_button(page: Client, run: Run) -> None:
    page.post("/runs/r1/steps/cancel/")
    assert "Resume" in page.get("/runs/r1/").content.decode()
    assert page.get("/runs/r1/progress.json").json()["state"] == "cancelled"
    page.post("/runs/r1/steps/resume/")
    assert "waiting for a worker" in page.get("/runs/r1/").content.decode()
    assert [e.kind for e in Event.objects.filter(subject="r1", kind__startswith="run.").exclude(kind="run.opened")] == [
        "run.registered", "run.cancelled", "run.resumed",
    ]  # fmt: skip


def test_an_address_from_before_the_preparation_leads_on(page: Client, run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(requested_as="new-1")
    assert page.get("/runs/new-1/")["Location"] == "/runs/r1/"
    assert page.get("/runs/new-1/provenance/")["Location"] == "/runs/r1/provenance/"
    twin = control.register_run(
        run_id="new-2", requested_as="new-2", name="toy", folder=Path(), spec={}, synthetic=True, units=[]
    )
    Run.objects.filter(pk=twin.pk).update(same_as=run)
    assert page.get("/runs/new-2/")["Location"] == "/runs/r1/"
    assert page.get("/runs/new-2/progress.json").json()["run"] == "r1"
    assert page.get("/runs/").content.decode().count(">toy<") == 1


def test_pages_are_for_researchers(client: Client, run: Run) -> None:
    client.force_login(person("Bob"))
    for name, kwargs in (("runs", {}), ("data_sets", {}), ("ensembles", {}), ("new_sweep", {}), ("train", {}),
                         ("provenance", {"run_id": "r1"}), ("progress", {"run_id": "r1"})):  # fmt: skip
        assert client.get(reverse(f"analysis:{name}", kwargs=kwargs)).status_code == 403
