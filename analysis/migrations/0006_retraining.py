"""A run may be an experiment of many trainings."""

from django.db import migrations, models

KINDS = [
    ("sweep", "sweep"),
    ("training", "training"),
    ("import", "import"),
    ("retrain", "retraining"),
]


class Migration(migrations.Migration):
    dependencies = [
        ("analysis", "0005_handover"),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="run", name="run_kind_is_known"),
        migrations.AlterField(
            model_name="run",
            name="kind",
            field=models.CharField(choices=KINDS, default="sweep", max_length=8),
        ),
        migrations.AddConstraint(
            model_name="run",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", [name for name, _ in KINDS])), name="run_kind_is_known"
            ),
        ),
    ]
