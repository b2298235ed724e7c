"""What was published before, and how to go back to it."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from accounts import audit
from accounts.audit import Actor
from templates_app.models import Template, TemplateVersion, Translation
from templates_app.services import drafts, languages
from templates_app.states import ContentMode


@transaction.atomic
def restore(version: TemplateVersion, *, by: Actor, expected_revision: int | None = None) -> bool:
    """Make the draft that of a version, in all languages; False if it is. Nothing is published.

    Raises Invalid when it names something that is not there any more, and Stale.
    """
    template = version.template
    drafts.lock(template, expected_revision)
    before = {name: getattr(template, name) for name in languages.KEPT}
    then = {name: getattr(version, name) for name in languages.KEPT}
    said = languages.frozen({row.language: row for row in template.translations.all()})
    if before == then and said == version.translations:
        return False
    drafts.save_draft(template, by=by, **then)
    template.translations.all().delete()
    Translation.objects.bulk_create(
        Translation(template=template, language=language, **kept)
        for language, kept in version.translations.items()
    )
    changes = {"version": version.number}
    audit.record(template.workspace_id, "template.restored", by=by, on=template, changes=changes)
    return True


def said(row: Template | TemplateVersion) -> dict[str, Any]:
    """What somebody wrote, in all languages, to be compared: not the HTML that is made of it."""
    parts = {name: getattr(row, name) for name in languages.KEPT}
    if row.mode != ContentMode.HTML:
        del parts["html"]
    if isinstance(row, TemplateVersion):
        others = row.translations
    else:
        others = languages.frozen({each.language: each for each in row.translations.all()})
    return parts | {f"translations/{language}": words for language, words in others.items()}
