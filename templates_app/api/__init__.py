from __future__ import annotations

from templates_app.api.brand import BrandSettings, SavedBlocks
from templates_app.api.checks import TemplateChecks
from templates_app.api.media import Media
from templates_app.api.starters import Starters
from templates_app.api.templates import Templates
from templates_app.api.translations import Translations
from templates_app.api.versions import TemplateVersions

__all__ = [
    "BrandSettings",
    "Media",
    "SavedBlocks",
    "Starters",
    "TemplateChecks",
    "TemplateVersions",
    "Templates",
    "Translations",
]
