"""A unit names its condition in a column of its own; those of before have a share of removed weights in their key."""

import re

from django.db import migrations, models

SHARE = re.compile(r"seed-\d+_sparsity-(0\.\d\d)")


def fill(apps, schema_editor):
    """Read the condition of each unit from its key; keys stay as they are."""
    units = apps.get_model("analysis", "Unit").objects.using(schema_editor.connection.alias)
    changed = []
    for unit in units.filter(key__contains="_sparsity-").only("pk", "key").iterator():
        if found := SHARE.fullmatch(unit.key):
            unit.condition = "dense" if found[1] == "0.00" else found[1]
            changed.append(unit)
    units.bulk_update(changed, ["condition"], batch_size=500)


class Migration(migrations.Migration):
    dependencies = [
        ("analysis", "0003_reading"),
    ]

    operations = [
        migrations.AddField(
            model_name="unit",
            name="condition",
            field=models.CharField(blank=True, default="", max_length=40),
            preserve_default=False,
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
