from typing import Any

import django.db.models.deletion
from django.db import migrations, models

UNCHECKED: dict[str, Any] = {
    "db_constraint": False,
    "db_index": False,
    "on_delete": django.db.models.deletion.PROTECT,
}


class Migration(migrations.Migration):

    dependencies = [
        ("accounts", "0001_initial"),
        ("subscribers", "0014_engagement"),
    ]

    operations = [
        migrations.AlterField(
            model_name="subscriber",
            name="workspace",
            field=models.ForeignKey(related_name="+", to="accounts.workspace", **UNCHECKED),
        ),
        migrations.AlterField(
            model_name="subscription",
            name="list",
            field=models.ForeignKey(related_name="subscriptions", to="subscribers.list", **UNCHECKED),
        ),
    ]
