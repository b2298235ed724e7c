from __future__ import annotations

from templates_app.models.brand import Brand, SavedBlock
from templates_app.models.image import Image
from templates_app.models.template import Template, TemplateVersion, Translation

__all__ = ["Brand", "Image", "SavedBlock", "Template", "TemplateVersion", "Translation"]
