from __future__ import annotations

from pathlib import Path

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("subscribers", "0013_consent_ledger")]
    operations = [
        migrations.CreateModel(
            name="Engagement",
            fields=[
                (
                    "subscriber",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="engagement",
                        serialize=False,
                        to="subscribers.subscriber",
                    ),
                ),
                ("points", models.FloatField()),
                ("as_of", models.DateTimeField()),
            ],
        ),
        migrations.RunSQL(
            Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"),
            reverse_sql="DROP FUNCTION subscribers_engagement_score;"
            "DROP FUNCTION subscribers_engagement_points",
        ),
    ]
