"""From a RUN folder to two halves, by the commands that a person uses."""

import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from django.core.management import CommandError, call_command

from analysis.caseset import (
    CaseSetError,
    find_images,
    read_blind_half,
    read_key,
    verify_case_set,
    write_case_set,
)
from analysis.caseset.read import read_report
from analysis.endpoints import Groups
from analysis.selection import SelectionSpec, read_run, select
from analysis.services.handover import origin
from tests.caseset.pictures import CANARY, write_png
from tests.selection.runs import seal, write_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("handover") / CANARY
    write_run(folder, images=300)
    for seed, name in enumerate(read_run(folder).images["image"]):
        write_png(folder / "images" / name, seed)
    return folder


def write(run: Path, folder: Path, *more: str) -> str:
    said = io.StringIO()
    call_command(
        "write_case_set", str(run), "--images", str(run / "images"), "--out", str(folder / "cases"),
        "--key-out", str(folder / "key.csv"), "--seed", "8675309",
        "--unchecked-images", "toy scores", *more, stdout=said,
    )  # fmt: skip
    return said.getvalue()


def test_the_key_opens_to_what_was_selected(run: Path, tmp_path: Path) -> None:
    said = write(run, tmp_path, "--size", "8", "--show", "view", "sex", "age")
    chosen = select(read_run(run), SelectionSpec(size=8, seed=8675309))
    key = read_key(tmp_path / "key.csv")
    assert set(zip(key.rows["source"], key.rows["arm"], key.rows["pair"], strict=True)) == set(
        zip(chosen.rows["image"], chosen.rows["arm"], chosen.rows["pair"], strict=True)
    )
    blind = read_blind_half(tmp_path / "cases")
    assert blind.provenance["run"] == {
        "run_id": "toy-run", "predictions_sha256": read_run(run).predictions_sha256
    }  # fmt: skip
    assert blind.provenance["selection"]["estimand"].startswith("Matched controls")
    report = read_report(tmp_path / "key.csv")
    assert report["committed"] == {"seed": "8675309"}
    assert len(report["balance"]) == len(chosen.balance)
    assert len(report["left_out"]) == len(chosen.left_out)
    assert "Matched controls" in said
    assert verify_case_set(tmp_path / "cases", tmp_path / "key.csv").cases == len(key.rows)


def test_no_source_patient_seed_or_path_is_in_the_blind_half(run: Path, tmp_path: Path) -> None:
    write(run, tmp_path, "--size", "8", "--controls", "random")
    key = read_key(tmp_path / "key.csv")
    stems = [Path(source).stem for source in key.rows["source"]]
    for path in (tmp_path / "cases").rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        for secret in [*stems, CANARY, "8675309", key.nonce.hex()]:
            assert secret not in path.name
            assert secret.encode() not in data


def test_validity_is_said_of_the_list_and_tells_neither_image_nor_seed(run: Path, tmp_path: Path) -> None:
    said = []
    for seed in (1, 2):
        (tmp_path / str(seed)).mkdir()
        printed = write(run, tmp_path / str(seed), "--size", "8", "--seed", str(seed))
        words = read_blind_half(tmp_path / str(seed) / "cases").provenance["selection"]["validity"]
        report = read_report(tmp_path / str(seed) / "key.csv")
        assert words == report["settings"]["validity"]
        assert words in printed
        (row,) = report["validity"]
        assert row["condition"] == "0.90"
        assert f"({row['verdict']})" in words
        said.append(words)
    assert said[0] == said[1]  # a person who has the blind half could otherwise try seeds


def test_every_choice_reaches_the_selection(run: Path, tmp_path: Path) -> None:
    write(
        run, tmp_path, "--criterion", "pearson", "--fraction", "0.1", "--exact", "--nearest", "age=2:5",
        "sex", "--caliper", "3", "--ratio", "2", "--same-patient-allowed", "--block-size", "10",
    )  # fmt: skip
    settings = read_blind_half(tmp_path / "cases").provenance["selection"]
    assert settings["nearest"] == [
        {"column": "age", "weight": 2.0, "caliper": 5.0}, {"column": "sex", "weight": 1.0, "caliper": None}
    ]  # fmt: skip
    named = ("criterion", "fraction", "exact", "caliper", "ratio", "distinct_patients", "controls")
    assert [settings[name] for name in named] == ["pearson", 0.1, [], 3.0, 2, False, "matched"]


def test_errors_come_as_one_sentence_and_leave_nothing(run: Path, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="at least 500 images to draw from"):
        write(run, tmp_path, "--size", "500")
    assert not list(tmp_path.iterdir())
    with pytest.raises(CommandError, match="expected a readable file"):
        call_command("verify_case_set", str(tmp_path))


def test_all_images_that_cannot_be_read_are_named_together(run: Path, tmp_path: Path) -> None:
    images = tmp_path / "images"
    shutil.copytree(run / "images", images)
    for image in images.iterdir():
        image.write_bytes(image.read_bytes()[:60])
    with pytest.raises(
        CommandError, match=r"\d\d of \d\d images cannot be handed over; nothing was written"
    ) as caught:
        write(run, tmp_path, "--size", "8", "--images", str(images))
    assert len(str(caught.value).splitlines()) > 8
    assert [path.name for path in tmp_path.iterdir()] == ["images"]


def test_verify_says_what_is_whole_and_finds_what_is_not(run: Path, tmp_path: Path) -> None:
    write(run, tmp_path, "--size", "8")
    said = io.StringIO()
    call_command("verify_case_set", str(tmp_path / "cases"), stdout=said)
    assert "are intact; the key (SHA-256 " in said.getvalue()
    next((tmp_path / "cases" / "images").iterdir()).unlink()
    with pytest.raises(CommandError, match="expected an image file, found none"):
        call_command("verify_case_set", str(tmp_path / "cases"), "--key", str(tmp_path / "key.csv"))


def test_no_two_cases_are_near_duplicates(run: Path, tmp_path: Path) -> None:
    """Two chosen images become copies of one picture, at other brightness: one gives way and another comes."""
    from shutil import copytree

    from PIL import Image

    first = select(read_run(run), SelectionSpec(size=8, seed=8675309, controls="random")).rows
    pie = first.loc[first["arm"] == 1, "image"].iloc[0]
    control = first.loc[first["arm"] == 0, "image"].iloc[0]
    images = tmp_path / "images"
    copytree(run / "images", images)
    picture = Image.open(images / pie).convert("L")
    picture.point(lambda grey: grey * 0.8).save(images / control)
    said = io.StringIO()
    call_command(
        "write_case_set", str(run), "--images", str(images), "--out", str(tmp_path / "cases"), "--key-out",
        str(tmp_path / "key.csv"), "--seed", "8675309", "--size", "8", "--controls", "random",
        "--unchecked-images", "toy scores", stdout=said,
    )  # fmt: skip
    key, report = read_key(tmp_path / "key.csv"), read_report(tmp_path / "key.csv")
    assert pie in set(key.rows["source"])
    assert control not in set(key.rows["source"])
    assert len(key.rows) == len(first)
    reason = {row["image"]: row["reason"] for row in report["left_out"]}[control]
    assert reason.startswith(f"near-duplicate of {pie} (correlation ")


def test_the_sealed_report_tells_what_pixels_alone_tell_and_the_weights(run: Path, tmp_path: Path) -> None:
    write(run, tmp_path, "--size", "6", "--draw", "stratified", "--controls", "random")
    report = read_report(tmp_path / "key.csv")
    assert set(report["pixels"]) == {"brightness", "contrast", "sharpness"}
    assert all(0 <= row["auc"] <= 1 for row in report["pixels"].values())
    assert sum(row["drawn"] for row in report["weights"]) == 6
    blind = (tmp_path / "cases" / "provenance.json").read_text()
    assert "brightness" not in blind
    assert "stratified by class group" in blind


def test_the_love_plot_lies_beside_the_key_and_is_as_secret(run: Path, tmp_path: Path) -> None:
    write(run, tmp_path, "--size", "6")
    picture = tmp_path / "key.balance.svg"
    assert b"<svg" in picture.read_bytes()[:600]
    assert picture.stat().st_mode & 0o777 == 0o600
    with pytest.raises(CommandError, match=r"key\.balance\.svg: already exists"):
        call_command(
            "write_case_set", str(run), "--images", str(run / "images"), "--out", str(tmp_path / "more"),
            "--key-out", str(tmp_path / "key.csv"),
        )  # fmt: skip
    assert not (tmp_path / "more").exists()


def test_the_window_of_the_networks_is_handed_on_and_believed_only_as_percentiles(
    run: Path, tmp_path: Path
) -> None:
    source = read_run(run)
    chosen = select(source, SelectionSpec(size=8, seed=1))
    assert origin(source, chosen).window is None
    spec = {"spec": {"preprocess": {"window": [1.0, 99.0]}}}
    told = origin(replace(source, provenance=source.provenance | spec), chosen)
    write_case_set(
        chosen.rows, images=find_images(chosen.rows["image"], run / "images"), out=tmp_path / "cases",
        key_out=tmp_path / "key.csv", origin=told,
    )  # fmt: skip
    assert read_blind_half(tmp_path / "cases").provenance["run"]["window"] == [1.0, 99.0]
    path = tmp_path / "cases" / "provenance.json"
    said = json.loads(path.read_text())
    for wrong in ([99, 1], [0, 101], [1], ["1", "99"], [True, 99], "0.5", {}, [float("nan"), 5]):
        path.write_text(json.dumps(said | {"run": said["run"] | {"window": wrong}}))
        with pytest.raises(CaseSetError, match="two rising percentiles"):
            read_blind_half(tmp_path / "cases")


def test_other_images_of_the_run_keep_a_reading_copy_from_being_taken_for_one_of_them(
    run: Path, tmp_path: Path
) -> None:
    """Two images of the run share the last part of their path; of one chosen the copy lies elsewhere."""
    folder = shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns("images"))
    table = pd.read_csv(folder / "images.csv", dtype={"patient": str})
    table["image"] = [f"p{number:03d}/view{number // 2:03d}.png" for number in range(len(table))]
    table.to_csv(folder / "images.csv", index=False)
    seal(folder)
    chosen = list(select(read_run(folder), SelectionSpec(size=2, seed=8675309)).rows["image"])
    reading = tmp_path / "reading"
    for number, name in enumerate(chosen):
        write_png(reading / (name if number else f"other/{Path(name).name}"), number)
    with pytest.raises(
        CommandError, match=r"it fits 'p[0-9]+/view.*' and 'p[0-9]+/view.*write the whole path"
    ):
        call_command(
            "write_case_set", str(folder), "--images", str(reading), "--out", str(tmp_path / "cases"),
            "--key-out", str(tmp_path / "key.csv"), "--seed", "8675309", "--size", "2",
        )  # fmt: skip
    assert not (tmp_path / "cases").exists()


def test_a_run_may_name_its_groups_and_has_those_of_a_sweep_otherwise(run: Path, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    write(run, tmp_path, "--size", "8")
    write(
        run, tmp_path / "own", "--size", "8", "--groups", "forgotten", "forgotten ones", "kept", "kept ones"
    )
    assert read_key(tmp_path / "key.csv").groups == Groups("PIE", "PIEs", "control", "controls")
    assert read_key(tmp_path / "own" / "key.csv").groups == Groups(
        "forgotten", "forgotten ones", "kept", "kept ones"
    )


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a run whose studies have PA and LATERAL, but for the last twenty images: one of them twice, or alone."""
    folder = tmp_path_factory.mktemp("studies") / "run"
    write_run(folder, images=300)
    table = pd.read_csv(folder / "images.csv")
    table["view"] = ["PA", "LATERAL"] * 150
    table.loc[280:289, "view"] = "LATERAL"
    table["study"] = [f"s{number // 2}" for number in range(300)]
    table.loc[290:, "study"] = [f"alone{number}" for number in range(10)]
    table.loc[280:282, ["study", "view"]] = [["s140", "PA"], ["s140", "PA"], ["s140", "LATERAL"]]
    table.to_csv(folder / "images.csv", index=False)
    seal(folder)
    for seed, name in enumerate(table["image"]):
        write_png(folder / "images" / name, seed)
    return folder


def test_the_views_of_a_study_are_one_case_that_its_first_view_chooses(studies: Path, tmp_path: Path) -> None:
    write(studies, tmp_path, "--size", "5", "--views", "PA", "LATERAL")
    key = read_key(tmp_path / "key.csv")
    assert verify_case_set(tmp_path / "cases", tmp_path / "key.csv").cases == len(key.rows) == 10
    images = read_run(studies).images.set_index("image")
    for _, rows in key.images.groupby("case", sort=False):
        told = images.loc[rows["source"]]
        assert list(told["view"]) == list(rows["role"]) == ["PA", "LATERAL"]
        assert told["study"].nunique() == 1
    blind = read_blind_half(tmp_path / "cases")
    assert blind.provenance["selection"]["views"] == ["PA", "LATERAL"]
    assert set(read_report(tmp_path / "key.csv")["pixels"]) == {"PA", "LATERAL"}
    whole = select(read_run(studies), SelectionSpec(views=("PA", "LATERAL")))
    assert not set(whole.rows["case"]) - set(images.index[:280:2])
    assert list(whole.rows["role"]) == ["PA", "LATERAL"] * (len(whole.rows) // 2)


def test_second_views_of_two_cases_are_looked_at_for_copies_and_those_of_one_case_may_be_alike(
    studies: Path, tmp_path: Path
) -> None:
    spec = SelectionSpec(size=5, seed=8675309, views=("PA", "LATERAL"))
    first = select(read_run(studies), spec).rows
    lateral = first[first["role"] == "LATERAL"]
    one, other = lateral[lateral["arm"] == 1].iloc[0], lateral[lateral["arm"] == 0].iloc[-1]
    alike = lateral[lateral["arm"] == 1].iloc[1]
    images = tmp_path / "images"
    shutil.copytree(studies / "images", images)
    shutil.copy(images / one["image"], images / other["image"])
    shutil.copy(images / alike["image"], images / alike["case"])
    write(studies, tmp_path, "--size", "5", "--views", "PA", "LATERAL", "--images", str(images))
    shown, report = set(read_key(tmp_path / "key.csv").images["source"]), read_report(tmp_path / "key.csv")
    assert {one["image"], one["case"], alike["image"], alike["case"]} <= shown
    assert not {other["image"], other["case"]} & shown
    reasons = {row["image"]: row["reason"] for row in report["left_out"]}
    assert reasons[other["case"]].startswith(f"near-duplicate of {one['case']} (correlation ")
    assert alike["case"] not in reasons


@pytest.mark.parametrize(
    ("views", "says"),
    [
        (["PA"], "two or more views"),
        (["AP", "LATERAL"], "expected studies with one image each of the views AP, LATERAL"),
    ],
)
def test_views_that_no_study_has_are_refused(
    studies: Path, tmp_path: Path, views: list[str], says: str
) -> None:
    with pytest.raises(CommandError, match=says):
        write(studies, tmp_path, "--views", *views)
    assert not list(tmp_path.iterdir())


def test_a_run_that_does_not_say_studies_is_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="need the column study of the run's images"):
        write(run, tmp_path, "--views", "PA", "LATERAL")
