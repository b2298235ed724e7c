from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("delivery", "0019_forwards"),
    ]

    operations = [
        migrations.AlterField(
            model_name="outbox",
            name="kind",
            field=models.CharField(
                choices=[
                    ("campaign", "Campaign"),
                    ("sequence", "Sequence"),
                    ("confirmation", "Confirmation"),
                    ("notice", "Notice to a teammate"),
                ],
                max_length=20,
            ),
        ),
        migrations.AlterField(
            model_name="source",
            name="kind",
            field=models.CharField(
                choices=[
                    ("campaign", "Campaign"),
                    ("sequence", "Sequence"),
                    ("confirmation", "Confirmation"),
                    ("notice", "Notice to a teammate"),
                ],
                max_length=20,
            ),
        ),
    ]
