from django.db import migrations, models

# Who was erased before there was a column for it: their note says so.
MARK = """
UPDATE subscribers_suppression SET erased = true
 WHERE note = 'erased' AND reason = 'unsubscribed' AND address_key LIKE 'keyed:%'
"""


class Migration(migrations.Migration):

    dependencies = [
        ("accounts", "0001_initial"),
        ("subscribers", "0015_fewer_foreign_keys"),
    ]

    operations = [
        migrations.AddField(
            model_name="import",
            name="erased_count",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="suppression",
            name="erased",
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
        migrations.AddIndex(
            model_name="suppression",
            index=models.Index(
                condition=models.Q(("erased", True)),
                fields=["workspace", "address_key"],
                name="suppression_erased",
            ),
        ),
        migrations.RunSQL(MARK, migrations.RunSQL.noop),
    ]
