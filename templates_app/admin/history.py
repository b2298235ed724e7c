"""What was published of a template: each version beside the draft, or another; and who sends it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from campaigns.models import Campaign
from emailseq.backoffice.pages import Request, allows, render_frame, render_page, require
from emailseq.lib.errors import AppError
from sequences.models import Sequence
from templates_app import rendering, samples, services, versions
from templates_app.differences import side_by_side
from templates_app.liquid import TemplateError
from templates_app.models import Template, TemplateVersion
from templates_app.rendering import RenderError
from templates_app.services.versions import said

PAGE = 50
_PARTS = {
    "subject": _("Subject"),
    "document": _("Blocks"),
    "source": _("Source"),
    "html": "HTML",
    "text": _("Plain text"),
    "mode": _("Made of"),
}


def page(request: Request, template: Template) -> HttpResponse:
    """What was published, newest first."""
    rows = template.versions.defer("html", "text", "source", "document").order_by("-number")
    before = request.GET.get("before", "")
    if before.isdecimal():
        rows = rows.filter(number__lt=int(before[:9]))
    found = list(rows[: PAGE + 1])
    return render_page(
        request,
        "templates_app/versions.html",
        title=str(template),
        opts=template._meta,
        original=template,
        draft=template,
        tab="versions",
        versions=found[:PAGE],
        older=found[PAGE - 1].number if len(found) > PAGE else 0,
    )


def version_page(request: Request, template: Template, number: int) -> HttpResponse:
    """One version beside the draft, or `?to=` another; a POST makes it the draft again."""
    version = _version(template, number)
    may_write = template.archived_at is None and allows(request, "templates:write")
    if request.method == "POST":
        require(request, "templates:write")
        if not may_write:
            raise Http404
        if answer := _restore(request, version):
            return answer
    to = request.GET.get("to", "")
    other: Template | TemplateVersion = template
    if to.isdecimal():
        other = _version(template, int(to[:9]))
    changed = side_by_side(said(version), said(other))
    return render_page(
        request,
        "templates_app/version.html",
        title=f"{template} · {_('Version %d') % number}",
        opts=template._meta,
        original=template,
        draft=template,
        tab="versions",
        version=version,
        other=other,
        others=template.versions.order_by("-number").values_list("number", flat=True)[:PAGE],
        to=to,
        parts=[(_name(part), rows) for part, rows in changed.items()],
        may_write=may_write,
    )


def frame(request: Request, template: Template, number: int) -> HttpResponse:
    """What people got who were sent it, as the content of a sandboxed frame."""
    version = _version(template, number)
    try:
        compiled = versions.compiled([version.pk])[version.pk]
        shown = rendering.preview(compiled, samples.full(template.workspace))
    except (TemplateError, RenderError) as error:
        return render_frame("", text=str(error))
    return render_frame(shown.html, text=shown.text)


def used_page(request: Request, template: Template) -> HttpResponse:
    """The sequences and campaigns that send it, and the blocks it shares."""
    steps = Q(steps__template=template) | Q(steps__variants__template=template)
    variants = Q(template=template) | Q(variants__template=template)
    sequences = Sequence.objects.of(request.workspace).filter(steps).distinct().order_by("name")
    campaigns = Campaign.objects.of(request.workspace).filter(variants).distinct().order_by("-id")
    return render_page(
        request,
        "templates_app/used.html",
        title=str(template),
        opts=template._meta,
        original=template,
        draft=template,
        tab="used",
        sequences=sequences if allows(request, "sequences:read") else (),
        campaigns=campaigns[:PAGE] if allows(request, "campaigns:read") else (),
        blocks=template.saved_blocks.order_by("name"),
    )


def _version(template: Template, number: int) -> TemplateVersion:
    return get_object_or_404(template.versions.select_related("template"), number=number)


def _restore(request: Request, version: TemplateVersion) -> HttpResponse | None:
    revision = request.POST.get("revision", "")
    try:
        is_other = services.restore(
            version,
            by=request.actor,
            expected_revision=int(revision) if revision.isdecimal() else None,
        )
    except AppError as error:
        messages.error(request, error.detail)
        return None
    did = _("The draft is that of version %d again. Nothing is published yet.")
    same = _("The draft is the same as version %d.")
    messages.success(request, (did if is_other else same) % version.number)
    return redirect(reverse("admin:templates_app_template_change", args=[version.template_id]))


def _name(part: str) -> Any:
    """What a part is called; of a translation, its language."""
    return _PARTS.get(part, part.removeprefix("translations/"))
