from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0010_concern_eased")]

    operations = [
        migrations.AddField(
            model_name="apikey",
            name="rate",
            field=models.CharField(blank=True, db_default="", default="", max_length=16),
        ),
    ]
