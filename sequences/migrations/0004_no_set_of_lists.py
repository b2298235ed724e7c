from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("sequences", "0003_triggers_are_rows")]
    operations = [migrations.RemoveField(model_name="sequence", name="triggers")]
