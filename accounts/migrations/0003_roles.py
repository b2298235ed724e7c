from __future__ import annotations

from django.db import migrations

ROLES = ("Owner", "Marketer", "Author", "Analyst", "Integrator", "Operator")


def make_roles(apps, schema_editor):
    group = apps.get_model("auth", "Group")
    for name in ROLES:
        group.objects.get_or_create(name=name)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_audit_is_append_only"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]
    operations = [migrations.RunPython(make_roles, migrations.RunPython.noop)]
