from __future__ import annotations

from django.db import migrations


def make(apps, schema_editor):
    """The one that EMAIL_URL leads to, and that all workspaces share."""
    transports = apps.get_model("delivery", "Transport").objects
    transports.get_or_create(workspace=None, defaults={"name": "EMAIL_URL"})


class Migration(migrations.Migration):
    dependencies = [("delivery", "0010_confirmations")]
    operations = [migrations.RunPython(make, migrations.RunPython.noop)]
