from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    """What started a sequence was a set of lists; now each of them is a trigger of its own."""

    dependencies = [("sequences", "0002_steps_in_full")]
    operations = [
        migrations.RunSQL(
            """
            INSERT INTO sequences_trigger (sequence_id, list_id, kind, settings)
            SELECT sequence_id, list_id, 'list_joined', '{}'
              FROM sequences_sequence_triggers
             ORDER BY id
            """,
            reverse_sql="""
            INSERT INTO sequences_sequence_triggers (sequence_id, list_id)
            SELECT DISTINCT sequence_id, list_id
              FROM sequences_trigger
             WHERE kind = 'list_joined'
            """,
        ),
    ]
