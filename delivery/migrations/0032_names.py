from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("delivery", "0031_language_of_transactional")]

    operations = [
        migrations.AlterModelOptions(
            name="feedback", options={"verbose_name_plural": "bounces and complaints"}
        ),
        migrations.AlterModelOptions(
            name="outbox",
            options={"verbose_name": "message in doubt", "verbose_name_plural": "in doubt"},
        ),
        migrations.AlterModelOptions(name="senderidentity", options={"verbose_name": "sender"}),
    ]
