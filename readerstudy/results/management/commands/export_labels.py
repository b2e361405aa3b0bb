"""Write what the readers of an unblinded study said of each label."""

from pathlib import Path
from typing import Any

from analysis.caseset import read_key
from analysis.caseset.read import read_report
from analysis.durable import whole_folder
from analysis.endpoints import groups_from
from analysis.errors import RefusedError
from readerstudy.audit.services import record
from readerstudy.results.labels import labels_csv, labels_frame, noise_rate
from readerstudy.results.values import unblinding_of
from readerstudy.study.commands import StudyCommand
from readerstudy.study.models import Study


class Command(StudyCommand):
    help = (
        "Write labels.csv: how many readers endorse or reject each label, after unblinding. With the key also the "
        "labels by image, from which only those of a training split may be trained again."
    )
    refused = (RefusedError,)

    takes = {
        "--out": {"type": Path, "required": True, "help": "the folder to create"},
        "--key": {"type": Path, "help": "the study's opened key, with its sealed report beside it"},
    }

    def work(self, study: Study, options: dict[str, Any]) -> None:
        out, key = options["out"], options["key"]
        table = labels_frame(study)
        files = {"labels.csv": table}
        if key is not None:
            unblinding = unblinding_of(study)
            sources = read_key(key, unblinding.key_sha256).rows.set_index("case")["source"]
            told = read_report(key)
            split = told.get("split", "unknown")
            by_image = table.assign(image=table["case"].map(sources))
            files[f"{split}_labels.csv"] = by_image.pivot(
                index="image", columns="class", values="label"
            ).reset_index()
            rate = noise_rate(table, {row["stratum"]: row["weight"] for row in told.get("weights", [])})
            self._tell(rate, groups_from(unblinding.groups).ones, split)
        with whole_folder(out, mode=0o700) as folder:
            for name, frame in files.items():
                (folder / name).write_bytes(labels_csv(study, frame))
        record(kind="study.exported", actor=None, study=study.key, subject=study.slug)
        self.stdout.write(f"written: {out}")

    def _tell(self, rate: tuple[float, float, float] | None, group: str, split: str) -> None:
        said = f"no rate of rejected labels of {group}: none was judged, or a class group has no weight beside the key"
        if rate is not None:
            share = "{:.1%} [{:.1%}, {:.1%}]".format(*rate)
            said = (
                f"{share} of the judgements of shown labels of {group} reject the label, weighted by the sample "
                "(95 % interval over cases)"
            )
        self.stdout.write(said)
        if split != "training":
            self.stdout.write(
                f"These images are of the split '{split}': try rankings by them (analyse_run --truth), train from none"
            )
