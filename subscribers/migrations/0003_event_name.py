from __future__ import annotations

from pathlib import Path

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("subscribers", "0002_event_log")]
    operations = [
        migrations.RunSQL(
            Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"),
            reverse_sql="ALTER TABLE subscribers_event DROP COLUMN name, DROP COLUMN late;"
            "DROP INDEX IF EXISTS subscribers_event_custom",
        ),
    ]
