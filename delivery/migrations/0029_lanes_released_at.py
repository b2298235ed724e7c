from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("delivery", "0028_where_it_sends_from")]

    operations = [migrations.AddField("lane", "released_at", models.DateTimeField(null=True))]
