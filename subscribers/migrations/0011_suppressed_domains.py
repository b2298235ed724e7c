from __future__ import annotations

from pathlib import Path

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("subscribers", "0010_preferences")]
    operations = [
        migrations.AddField(
            model_name="suppression",
            name="source",
            field=models.CharField(blank=True, db_default="", default="", max_length=254),
        ),
        migrations.RunSQL(
            Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"),
            reverse_sql="DROP FUNCTION subscribers_suppression_of;"
            "DROP FUNCTION subscribers_suppression_digest",
        ),
    ]
