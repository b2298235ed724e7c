from __future__ import annotations

from pathlib import Path

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("subscribers", "0006_field_choices")]
    operations = [
        migrations.CreateModel(
            name="LogBase",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("system_identifier", models.BigIntegerField()),
                ("base", models.BigIntegerField()),
            ],
        ),
        migrations.RunSQL(
            Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"),
            reverse_sql="DROP FUNCTION subscribers_log_xid;"
            "ALTER TABLE subscribers_event ALTER COLUMN xid"
            " SET DEFAULT pg_current_xact_id()::text::bigint",
        ),
    ]
