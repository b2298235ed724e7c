"""The verbs of templates: write a draft, publish it, put it away."""

from __future__ import annotations

from templates_app.services.drafts import (
    PARTS,
    WAY_IN,
    WAY_OUT,
    WAYS,
    archive,
    check,
    check_subject,
    check_ways,
    compiled,
    create_template,
    data_paths,
    freeze,
    publish,
    save_draft,
)
from templates_app.services.translations import put_translation, remove_translation
from templates_app.services.versions import restore

__all__ = [
    "PARTS",
    "WAYS",
    "WAY_IN",
    "WAY_OUT",
    "archive",
    "check",
    "check_subject",
    "check_ways",
    "compiled",
    "create_template",
    "data_paths",
    "freeze",
    "publish",
    "put_translation",
    "remove_translation",
    "restore",
    "save_draft",
]
