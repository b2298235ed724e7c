from __future__ import annotations

from templates_app.admin import images, templates

__all__ = ["images", "templates"]
