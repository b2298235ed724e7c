from __future__ import annotations

from pathlib import Path

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("delivery", "0003_transports_and_lanes")]
    operations = [
        migrations.RunSQL(
            Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"),
            reverse_sql=(
                "ALTER TABLE delivery_ledger DROP COLUMN message_class,"
                " DROP COLUMN domain_group, DROP COLUMN transport_id"
            ),
        ),
    ]
