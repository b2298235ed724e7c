from __future__ import annotations

from templates_app.admin import templates

__all__ = ["templates"]
