"""Reports: what came of everything lately, and of one campaign or sequence; each table as CSV."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from django.http import Http404, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts.models import Workspace
from analytics import clickmap, insights, links, tables
from analytics.numbers import numbers
from analytics.providers import Provider, providers_of, whole
from analytics.tables import Table
from campaigns.models import Campaign
from delivery.states import SourceKind
from emailseq.backoffice import shown
from emailseq.backoffice.pages import Request, allows, render_frame, render_page, require
from emailseq.backoffice.shown import Figure
from sequences.models import Sequence
from subscribers.models import Subscriber
from templates_app.models import TemplateVersion

PERIODS = (7, 30, 90)
# The pages of the reports on a workspace: the tables that each shows.
PAGES = {
    "overview": ("days", "sources", "conversions"),
    "delivery": ("providers", "reasons"),
    "people": ("growth", "lists", "cohorts"),
    "insights": ("engagement", "habits", "subjects"),
}
OF_SOURCES: dict[str, type[Campaign] | type[Sequence]] = {
    SourceKind.CAMPAIGN: Campaign,
    SourceKind.SEQUENCE: Sequence,
}


def index(request: Request, page: str = "overview") -> HttpResponseBase:
    """What came of everything in the last days; `?csv=` one of its tables instead."""
    require(request, "reports:read")
    if page not in PAGES:
        raise Http404
    asked = request.GET.get("days", "30")
    days = int(asked) if asked in map(str, PERIODS) else 30
    own = request.workspace
    wanted = request.GET.get("csv")
    if wanted in tables.OF_WORKSPACE:
        return _csv(tables.OF_WORKSPACE[wanted](own, days=days))
    found = {key: tables.OF_WORKSPACE[key](own, days=days) for key in PAGES[page]}
    return render_page(
        request,
        f"backoffice/report_{page}.html",
        title=_("Reports"),
        page=page,
        pages=[(key, shown.PAGES[key]) for key in PAGES],
        days=days,
        periods=PERIODS,
        tables=[shown.table(table) for table in found.values()],
        **_beside(request, page, days, found),
    )


def source(request: Request, kind: str, source_id: int) -> HttpResponseBase:
    """What came of one campaign or sequence; `?csv=` one of its tables instead."""
    target = _target(request, kind, source_id)
    wanted = request.GET.get("csv")
    if wanted in tables.OF_SOURCE:
        return _csv(tables.OF_SOURCE[wanted](kind, source_id))
    keys = [key for key in tables.OF_SOURCE if key != "steps" or kind == SourceKind.SEQUENCE]
    found = [tables.OF_SOURCE[key](kind, source_id) for key in keys]
    return render_page(
        request,
        "backoffice/report_source.html",
        title=f"{target} · {_('Report')}",
        opts=target._meta,
        original=target,
        kind=kind,
        figures=shown.figures(numbers(kind, source_id)),
        maps=_maps(kind, source_id, names := _names(target)),
        tables=[shown.table(table, names) for table in found],
    )


def click_map(request: Request, kind: str, source_id: int, version_id: int) -> HttpResponseBase:
    """One message of a source with the clicks in it, for a sandboxed frame."""
    target = _target(request, kind, source_id)
    found = [one for one in links.links(kind, source_id) if one.version_id == version_id]
    if not found:
        raise Http404
    version = TemplateVersion.objects.get(pk=version_id)
    return render_frame(clickmap.render(target.workspace, version, found))


def _target(request: Request, kind: str, source_id: int) -> Any:
    require(request, "reports:read")
    if kind not in OF_SOURCES:
        raise Http404
    require(request, f"{kind}s:read")
    model: Any = OF_SOURCES[kind]
    if target := model.objects.of(request.workspace).filter(pk=source_id).first():
        return target
    raise Http404


def _beside(request: Request, page: str, days: int, found: dict[str, Table]) -> dict[str, Any]:
    if page == "overview":
        by_day = found["days"]
        both = tables.by_day(request.workspace, days=2 * days)
        before = shown.sums(replace(both, rows=both.rows[:days]))
        figures = shown.compared(shown.sums(by_day), before)
        return {"figures": figures, "chart": _chart(by_day, shown.LINES)}
    if page == "people":
        return {"chart": _chart(found["growth"], shown.GROWTH)}
    if page == "insights":
        may_see = allows(request, "subscribers:read")
        return {"people": _going_cold(request.workspace) if may_see else None}
    every = whole(providers_of(request.workspace, days=days))
    return {"figures": _health(every), "whole": every, "watch": shown.REPUTATION[every.reputation]}


def _going_cold(workspace: Workspace) -> list[dict[str, Any]]:
    cold = {one.uid: one for one in insights.going_cold(workspace, limit=50)}
    people = Subscriber.objects.of(workspace).filter(uid__in=cold)
    rows = [{"person": person, "cold": cold[person.uid]} for person in people]
    return sorted(rows, key=lambda row: row["cold"].chance)


def _health(every: Provider) -> list[Figure]:
    tried = every.sent + every.failed
    rows = (
        (_("Delivered"), max(0, every.sent - every.bounced), tried),
        (_("Failed"), every.failed, tried),
        (_("Bounced"), every.bounced, every.sent),
        (_("Complaints"), every.complained, every.sent),
    )
    return [shown.share(label, part, of) for label, part, of in rows]


def _names(target: Campaign | Sequence) -> dict[str, str]:
    """What the emails of a sequence are called, by the keys of their steps."""
    if isinstance(target, Campaign):
        return {}
    steps = target.steps.exclude(template=None)
    return dict(steps.values_list("key", "template__name"))


def _maps(kind: str, source_id: int, names: Mapping[str, str]) -> list[dict[str, Any]]:
    """The messages of a source in which somebody followed a link, each once."""
    seen: dict[int, dict[str, Any]] = {}
    for link in links.links(kind, source_id):
        step = names.get(link.step, link.step)
        name = " · ".join(filter(None, (step, link.variant, f"v{link.template_version}")))
        seen.setdefault(link.version_id, {"id": link.version_id, "name": name})
    return list(seen.values())


def _chart(table: Table, series: Iterable[tuple[str, Any, str]]) -> str:
    bars = {"maxBarThickness": 16, "displayYAxis": True, "maxTicksXLimit": 10}
    days = [row[0] for row in table.rows]
    datasets = [
        {
            **bars,
            "label": str(label),
            "order": order,
            "backgroundColor": colour,
            "data": [row[table.columns.index(name)] for row in table.rows],
        }
        for order, (name, label, colour) in enumerate(series)
    ]
    labels = [date_format(day, "j M") for day in days if isinstance(day, date)]
    return json.dumps({"labels": labels, "datasets": datasets})


def _csv(table: Table) -> StreamingHttpResponse:
    answer = StreamingHttpResponse(table.csv(), content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = f'attachment; filename="{table.key}.csv"'
    return answer
