from __future__ import annotations

from templates_app.admin import images, saved_blocks, templates

__all__ = ["images", "saved_blocks", "templates"]
