"""What a template says in other languages: written beside its draft, published together with it."""

from __future__ import annotations

import re
from typing import Any

from django.db import transaction

from accounts import audit
from accounts.audit import Actor
from emailseq.lib import clock
from emailseq.lib.errors import Invalid
from templates_app.models import Template, Translation
from templates_app.services import drafts, languages

MOST = 20
_TAG = re.compile(r"[a-z]{2,3}(?:-[A-Z]{2})?", re.ASCII)


def is_language(tag: str) -> bool:
    """Whether it is written like `en` or `pt-BR`."""
    return bool(_TAG.fullmatch(tag))


@transaction.atomic
def put_translation(
    template: Template,
    *,
    language: str,
    subject: str,
    by: Actor,
    html: str = "",
    text: str = "",
    expected_revision: int | None = None,
    **made_of: Any,
) -> Translation:
    """Say it in a language, anew or for the first time; content is given as for the template.

    Raises Invalid for a language or content that is none, and Stale.
    """
    drafts.lock(template, expected_revision)
    if not is_language(language):
        detail = "A language is written like en or pt-BR."
        raise Invalid.field("language", "invalid", detail)
    others = template.translations.exclude(language=language)
    if others.count() >= MOST:
        raise Invalid.field("language", "too_many", f"A template speaks at most {MOST} languages.")
    parts = {"subject": subject, "text": text, **made_of} | ({"html": html} if html else {})
    own = drafts.filled(template, **parts)
    kept = {name: getattr(own, name) for name in languages.KEPT}
    row, _ = template.translations.update_or_create(
        language=language, defaults={**kept, "updated_at": clock.now()}
    )
    drafts.count_change(template)
    changes = {"language": language, "revision": template.revision}
    audit.record(template.workspace_id, "template.translated", by=by, on=template, changes=changes)
    return row


@transaction.atomic
def remove_translation(
    template: Template, *, language: str, by: Actor, expected_revision: int | None = None
) -> bool:
    """Say it in this language no more, from the next version on. False when it was not said."""
    drafts.lock(template, expected_revision)
    removed, _ = template.translations.filter(language=language).delete()
    if removed:
        drafts.count_change(template)
        changes = {"language": language, "removed": True}
        audit.record(
            template.workspace_id, "template.translated", by=by, on=template, changes=changes
        )
    return bool(removed)
