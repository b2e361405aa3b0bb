"""Register the data set, and where there are checkpoints the ensemble, of a specification."""

from typing import Any

from analysis.management.told import ToldCommand
from analysis.models import DataSet
from analysis.services.data_sets import InputError, register_data_set
from analysis.services.ensembles import register_ensemble
from analysis.sweep.toml import load_spec


class Command(ToldCommand):
    help = "Write the data set of a specification into the site, and with --ensemble its checkpoints, for the pages."

    def handle(self, *args: Any, **options: Any) -> None:
        content = load_spec(options["spec"]).as_dict()
        section = {name: value for name, value in content["data"].items() if value not in (None, "")}
        slug = section.pop("name")
        data_set = DataSet.objects.filter(slug=slug).first()
        data_set = data_set or register_data_set(slug=slug, section=section, roots=None)
        self.stdout.write(f"data set {data_set.slug}: {data_set.counts}")
        for row in data_set.classes:
            counts = ", ".join(f"{role} {row[role]}" for role in data_set.counts)
            self.stdout.write(f"  {row['name']}: positive in {counts}")
        for warning in data_set.warnings:
            self.stdout.write(f"note: {warning}")
        if options["ensemble"]:
            self._ensemble(options["ensemble"], data_set, content)

    def _ensemble(self, name: str, data_set: DataSet, content: dict[str, Any]) -> None:
        places = content["models"]["checkpoints"]
        if len(places) != 1:
            raise InputError(f"expected one folder or pattern in [models] checkpoints, got {len(places)}")
        made = register_ensemble(
            slug=name, data_set=data_set, architecture=content["models"]["architecture"], checkpoints=places[0],
            preprocess=content["preprocess"], roots=None,
            reading={name: content["models"][name] for name in ("weights", "rename", "output")},
        )  # fmt: skip
        self.stdout.write(f"ensemble {made.slug}: seeds {', '.join(map(str, made.seeds))}")
