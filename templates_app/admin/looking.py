"""A draft looked at closely: as this person or that one gets it, and what the checks say of it."""

from __future__ import annotations

from django.db.models import prefetch_related_objects
from django.http import Http404, HttpResponse

from delivery import previews, specimens
from delivery.models import SenderIdentity
from delivery.previews import Shown
from emailseq.backoffice.pages import Request, allows, render_frame, render_page, require
from emailseq.lib import ids
from emailseq.lib.errors import Invalid
from subscribers.models import Subscriber
from templates_app import review
from templates_app.models import Template

_DARK = "<style>:root { color-scheme: dark; background: #121212; }</style>"
_ASKS = "(prefers-color-scheme: dark)"


def page(request: Request, template: Template) -> HttpResponse:
    """What it looks like to whoever is asked for, beside the checks."""
    prefetch_related_objects([template], "translations")  # the preview and each check read them
    may_see_people = allows(request, "subscribers:read")
    person = _asked(request) if may_see_people else None
    shown, fault = None, ""
    try:
        shown = previews.show(
            template, person or previews.sample(request.workspace), language=_language(request)
        )
    except Invalid as error:
        fault = error.detail
    return render_page(
        request,
        "templates_app/look.html",
        title=str(template),
        opts=template._meta,
        original=template,
        draft=template,
        tab="look",
        person=person,
        may_see_people=may_see_people,
        is_missing=bool(request.GET.get("email")) and person is None,
        languages=sorted(each.language for each in template.translations.all()),
        language=_language(request),
        shown=shown,
        fault=fault,
        head=_head(template, person, shown) if shown else (),
        kilobytes=-(-shown.size // 1024) if shown else 0,
        checks=review.check(template),
        phone=bool(request.GET.get("phone")),
        dark=bool(request.GET.get("dark")),
    )


def frame(request: Request, template: Template) -> HttpResponse:
    """The message itself, as the content of a sandboxed frame."""
    person: Subscriber | None = None
    if uid := ids.decode(Subscriber.prefix, request.GET.get("person", "")):
        require(request, "subscribers:read")
        person = Subscriber.objects.of(request.workspace).filter(uid=uid).first()
        if person is None:
            raise Http404
    try:
        shown = previews.show(
            template, person or previews.sample(request.workspace), language=_language(request)
        )
    except Invalid as error:
        return render_frame("", text=error.detail)
    if request.GET.get("dark"):  # what asks for the dark gets it, whatever the machine is set to
        return render_frame(shown.html.replace(_ASKS, "all"), text=shown.text, style=_DARK)
    return render_frame(shown.html, text=shown.text)


def _head(template: Template, person: Subscriber | None, shown: Shown) -> list[tuple[str, str]]:
    """The headers that its reader sees, from the first sender."""
    sender = SenderIdentity.objects.of(template.workspace).order_by("id").first()
    if sender is None:
        return []
    reader, kind = person or previews.sample(template.workspace), template.message_class
    return specimens.head(shown.subject, reader, sender=sender, message_class=kind)


def _language(request: Request) -> str:
    return request.GET.get("language", "")[:10]


def _asked(request: Request) -> Subscriber | None:
    people = previews.everybody(request.workspace)
    if email := request.GET.get("email", "").strip().lower():
        return people.filter(address_key__startswith=email).order_by("address_key").first()
    who = request.GET.get("who")
    known = (previews.RANDOM, previews.EMPTIEST)
    return previews.somebody(people, who) if who in known else None
