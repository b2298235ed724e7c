"""The archive: what a workspace has sent and shows to anybody, as pages and as a feed (RSS)."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.feedgenerator import Rss201rev2Feed
from django.utils.html import escape
from django.views.decorators.http import require_safe

from accounts.models import Workspace
from campaigns import showing
from campaigns.models import Campaign
from delivery.public import check_host
from emailseq.lib import ids
from templates_app.rendering import Preview, RenderError

LATEST = 50
# A campaign is somebody else's HTML: it may show pictures, and run or submit nothing.
POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation; "
    "default-src 'none'; img-src https: data:; style-src 'unsafe-inline'; font-src https: data:"
)
_HEADERS = {
    "Cache-Control": "public, max-age=300",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Item(NamedTuple):
    title: str
    link: str
    at: datetime | None


@require_safe
def index(request: HttpRequest, workspace: str) -> HttpResponse:
    """What a workspace shows, the latest first."""
    found = _workspace(request, workspace)
    context = {"workspace": found, "items": _latest(found)}
    return _public(render(request, "campaigns/archive.html", context))


@require_safe
def campaign(request: HttpRequest, workspace: str, campaign: str) -> HttpResponse:
    """One of them, as nobody in particular gets it."""
    uid = ids.decode(Campaign.prefix, campaign)
    rows = showing.shown(_workspace(request, workspace)).select_related("workspace")
    found = rows.filter(uid=uid).first() if uid else None
    if found is None:
        raise Http404
    shown = _rendered(found)
    title, text = escape(shown.subject), escape(shown.text)
    plain = f"<!doctype html><title>{title}</title><pre>{text}</pre>"
    response = _public(HttpResponse(shown.html or plain))
    response.headers["Content-Security-Policy"] = POLICY
    return response


@require_safe
def feed(request: HttpRequest, workspace: str) -> HttpResponse:
    """The same as RSS 2.0."""
    found = _workspace(request, workspace)
    link = settings.SITE_URL + reverse("archive", args=[found.slug])
    rss = Rss201rev2Feed(found.name, link, found.name, feed_url=f"{link}/feed.xml")
    for each in _latest(found):
        rss.add_item(each.title, each.link, "", pubdate=each.at, unique_id=each.link)
    response = HttpResponse(content_type=rss.content_type)
    rss.write(response, "utf-8")
    return _public(response)


def _workspace(request: HttpRequest, slug: str) -> Workspace:
    found = Workspace.objects.filter(slug=slug).first()
    if found is None:
        raise Http404
    check_host(request, found.pk)
    return found


def _latest(workspace: Workspace) -> list[Item]:
    rows = showing.shown(workspace).select_related("workspace")[:LATEST]
    return [Item(_rendered(row).subject, showing.url(row), row.started_at) for row in rows]


def _rendered(campaign: Campaign) -> Preview:
    """The campaign; its name where it needs somebody in particular to be rendered."""
    try:
        return showing.page(campaign)
    except RenderError:
        return Preview(campaign.name, "", campaign.name)


def _public(response: HttpResponse) -> HttpResponse:
    for name, value in _HEADERS.items():
        response.headers[name] = value
    return response
