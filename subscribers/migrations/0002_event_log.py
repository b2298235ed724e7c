from __future__ import annotations

from pathlib import Path

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("subscribers", "0001_initial")]
    operations = [
        migrations.RunSQL(
            Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"),
            reverse_sql="DROP TABLE subscribers_event",
        ),
    ]
