from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("subscribers", "0016_erased_stay_away"),
    ]

    operations = [
        migrations.AddField(
            model_name="form",
            name="most_per_day",
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddIndex(
            model_name="signup",
            index=models.Index(fields=["form", "at"], name="sign_up_form"),
        ),
    ]
