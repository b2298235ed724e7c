from __future__ import annotations

from django import template

from emailseq.backoffice.columns import percent

register = template.Library()
register.filter("percent", percent)
