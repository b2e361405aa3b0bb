from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('results', '0004_score_may_be_blank'),
    ]

    operations = [
        migrations.AddField(
            model_name='openedcase',
            name='patient',
            field=models.PositiveIntegerField(null=True),
        ),
    ]
