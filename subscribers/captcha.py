"""Whether it was a person who filled in a form, as somebody else judges it: Turnstile, hCaptcha and
whoever answers like them. Nobody is asked until the settings name one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

import structlog
from django.conf import settings

from emailseq.lib import http
from emailseq.lib.errors import Invalid

# What carries the judge's token: of programs, and as the widgets put it into a page's form.
ANSWERS = ("captcha", "cf-turnstile-response", "h-captcha-response")

log = structlog.get_logger(__name__)


class Widget(NamedTuple):
    """What shows the riddle in a page."""

    script_url: str
    site_key: str

    @property
    def origins(self) -> str:
        """What the page may load, as a policy names it."""
        host = urlsplit(self.script_url).netloc
        return f"https://{host} https://*.{host}"


def widget() -> Widget | None:
    """What a page shows; None while nobody is asked."""
    if not settings.CAPTCHA_VERIFY_URL:
        return None
    return Widget(settings.CAPTCHA_SCRIPT_URL, settings.CAPTCHA_SITE_KEY)


def check(given: Mapping[str, Any], *, ip: str | None) -> None:
    """Raise Invalid unless what somebody has sent was judged to come from a person.

    While the judge does not answer everybody passes: they still have to confirm by mail.
    """
    if not settings.CAPTCHA_VERIFY_URL:
        return
    answer = next((str(given[name]) for name in ANSWERS if given.get(name)), "")
    if not (answer and _passes(answer, ip)):
        raise Invalid.field("captcha", "captcha", "Show that you are a person, and send it again.")


def _passes(answer: str, ip: str | None) -> bool:
    asked = {"secret": settings.CAPTCHA_SECRET, "response": answer[:4096], "remoteip": ip or ""}
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    content = urlencode(asked).encode()
    try:
        told = asyncio.run(http.post(settings.CAPTCHA_VERIFY_URL, content=content, headers=headers))
        verdict = json.loads(told.body) if told.status < 500 else None
    except (http.Forbidden, http.Unreachable, ValueError) as error:
        verdict, told_by = None, str(error)
    else:
        told_by = f"status {told.status}"
    if not isinstance(verdict, dict):
        log.warning("captcha_unanswered", why=told_by)
        return True
    return verdict.get("success") is True
