"""What happened on the stored site before it was stored, through the commands of the product, so that its files are
what it writes. `people.py` holds what people did there.
"""

from pathlib import Path

import numpy as np

from tests.servers.site import Site

HALF, DONE, SPARE, PRACTICE = "half", "done", "spare", "practice"
"""A study in half-reading, one that is unblinded, and two case sets more: one loaded nowhere, one for practice."""

LEFT = 6
"""Readings that Bob still has to do in the study in half-reading."""

SEEDS, SPARSITIES = (0, 1), (0.0, 0.3)
CLASSES = ("No Finding", "Infiltration", "Effusion", "Atelectasis", "Cardiomegaly", "Hernia")
SPEC = f"""\
[data]
name = "stored"
images = "phantoms/images"
labels_test = "phantoms/labels/miccai2023_nih-cxr-lt_labels_test.csv"
labels_train = "phantoms/labels/miccai2023_nih-cxr-lt_labels_train.csv"
metadata = "phantoms/metadata.csv"
classes = {list(CLASSES)}
synthetic = true
head = 0.10
tail = 0.04

[preprocess]
size = 32

[models]
architecture = "shufflenet_v2_x0_5"
checkpoints = "nets"

[prune]
sparsities = {list(SPARSITIES)}

[infer]
engine = "torch"
threads = 1
batch_size = 16
"""
PEOPLE = "import django; django.setup(); from tests.upgrade import people; people.come()"
TERMS = "Look at these drawn images for this study only."


def site_at(home: Path) -> Site:
    """Return a site whose secrets are in its own file, as a real site's do."""
    site = Site(home, {"WORKER_HOST": "stored", "ALLOWED_HOSTS": "localhost,testserver"})
    for name in ("AUDIT_KEY", "SECRET_KEY"):
        site.environment.pop(name, None)
    return site


def live(home: Path, beside: Path) -> None:
    """Let everything happen on the site in `home`; what people would keep elsewhere goes to `beside`."""
    site = site_at(home)
    site.manage("setup", "--admin", "olga@example.org", "--name", "Olga")
    data, sealed = home / "data", home / "sealed"
    drawn = ("--train", "30", "--val", "0", "--test", "60", "--rows", "64", "--columns", "64")
    site.manage(
        "make_phantoms", "--out", str(data / "phantoms"), "--truth-out", str(sealed / "truth.csv"), *drawn
    )
    from tests.upgrade.nets import (
        write_nets,
    )  # torch takes seconds to load, and only who stores a site needs it

    write_nets(data)
    (data / "sweep.toml").write_text(SPEC, encoding="utf-8")
    site.manage("run_sweep", str(data / "sweep.toml"))
    site.manage("register_inputs", str(data / "sweep.toml"), "--ensemble", "nets")
    (run,) = (folder for folder in (home / "runs").iterdir() if not folder.name.startswith("."))
    (home / "case-sets").mkdir()
    (data / "terms.md").write_text(TERMS, encoding="utf-8")
    for seed, (name, size) in enumerate(((HALF, 5), (DONE, 8), (SPARE, 2), (PRACTICE, 1))):
        terms = ("--terms", str(data / "terms.md"), "--credential", "none") if name == HALF else ()
        site.manage(
            "write_case_set", str(run), "--images", str(data / "phantoms" / "images"), "--fraction", "0.2",
            "--out", str(home / "case-sets" / name), "--key-out", str(sealed / f"{name}-key.csv"),
            "--size", str(size), "--seed", str(seed), "--exact", "--block-size", "8", "--sparsity", "0.3", *terms,
        )  # fmt: skip
    site.run("-c", PEOPLE)
    _import(site, run, home / "runs" / "imported", beside / "released")
    site.manage("open_key", DONE, "--key", str(sealed / f"{DONE}-key.csv"), "--reason", "reading is over")
    site.manage("export_protocol", HALF, "--out", str(beside / "protocol.toml"))
    site.manage("export_results", DONE, "--out", str(beside / "export"))
    site.manage("backup", "--out", str(beside / "backup"))


def _import(site: Site, run: Path, out: Path, released: Path) -> None:
    """Import the run's scores once more, from files as others release them, and put that run into the ledger."""
    released.mkdir(parents=True)
    for seed in SEEDS:
        for sparsity in SPARSITIES:
            scores = np.load(run / "predictions" / f"seed-{seed}_sparsity-{sparsity:.2f}.npy")
            np.save(released / f"stored_resnet18_seed-{seed}_prune-{sparsity:g}.npy", scores)
    site.manage(*import_command(site.home, released, out))
    site.manage("register_run", str(out))


def import_command(home: Path, released: Path, out: Path) -> list[str]:
    """Return the command that imports the released scores of the stored site."""
    phantoms = home / "data" / "phantoms"
    labels = str(phantoms / "labels" / "miccai2023_nih-cxr-lt_labels_{}.csv")
    return [
        "import_predictions", str(released), "--labels", labels.format("test"), "--labels-train",
        labels.format("train"), "--metadata", str(phantoms / "metadata.csv"), "--classes", *CLASSES, "--synthetic",
        "--out", str(out),
    ]  # fmt: skip
