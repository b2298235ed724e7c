from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

import emailseq.lib.clock


class Migration(migrations.Migration):
    dependencies = [("templates_app", "0005_brand_website")]

    operations = [
        migrations.AddField(
            model_name="templateversion",
            name="translations",
            field=models.JSONField(
                db_default=models.Value({}, models.JSONField()), default=dict, editable=False
            ),
        ),
        migrations.CreateModel(
            name="Translation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "mode",
                    models.CharField(
                        choices=[
                            ("blocks", "Blocks"),
                            ("mjml", "MJML"),
                            ("html", "HTML"),
                            ("markdown", "Markdown"),
                            ("text", "Plain text"),
                        ],
                        db_default="html",
                        default="html",
                        max_length=20,
                    ),
                ),
                ("source", models.TextField(blank=True, db_default="")),
                ("document", models.JSONField(blank=True, null=True)),
                ("language", models.CharField(max_length=10)),
                ("subject", models.CharField(max_length=500)),
                ("html", models.TextField(blank=True)),
                ("text", models.TextField(blank=True)),
                (
                    "updated_at",
                    models.DateTimeField(default=emailseq.lib.clock.now, editable=False),
                ),
                (
                    "template",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="translations",
                        to="templates_app.template",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="translation",
            constraint=models.UniqueConstraint(
                fields=("template", "language"), name="template_language_taken"
            ),
        ),
    ]
