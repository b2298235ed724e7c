from __future__ import annotations

from templates_app.api.checks import TemplateChecks
from templates_app.api.templates import Templates

__all__ = ["TemplateChecks", "Templates"]
