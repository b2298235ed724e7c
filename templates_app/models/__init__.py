from __future__ import annotations

from templates_app.models.template import Template, TemplateVersion

__all__ = ["Template", "TemplateVersion"]
