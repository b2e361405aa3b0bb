"""Each event says which anchor holds it; those of before say nothing, and their hashes stay as they were."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_append_only")]
    # Nullable and without a default: SQLite then adds the column, and does not build the table, and lose its triggers, anew.
    operations = [migrations.AddField("event", "anchor", models.UUIDField(null=True))]
