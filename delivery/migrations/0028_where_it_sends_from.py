from django.db import migrations, models

# Where a database has sent from so far, it goes on; one that was restored stays fenced.
HERE = """
UPDATE delivery_deployment
   SET database_oid = (SELECT oid FROM pg_database WHERE datname = current_database())
 WHERE system_identifier = (SELECT system_identifier FROM pg_control_system())
"""


class Migration(migrations.Migration):
    dependencies = [("delivery", "0027_names_and_tracking")]

    operations = [
        migrations.AddField("deployment", "database_oid", models.BigIntegerField(default=0)),
        migrations.RunSQL(HERE, migrations.RunSQL.noop),
    ]
