"""What was published before, and how to go back to it."""

from __future__ import annotations

from django.db import transaction

from accounts import audit
from accounts.audit import Actor
from templates_app.models import TemplateVersion, Translation
from templates_app.services import drafts, languages


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
