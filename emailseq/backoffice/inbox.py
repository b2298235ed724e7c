"""The pages of the built-in inbox."""

from __future__ import annotations

from django.conf import settings
from django.http import Http404, HttpResponse
from django.utils.translation import gettext as _

from delivery import inbox
from delivery.inbox import Mail
from emailseq.backoffice.pages import Request, render_frame, render_page, require

PAGE = 50


def index(request: Request) -> HttpResponse:
    """The messages caught last; `?before=` a number goes on below it."""
    require(request, "delivery:read")
    before = request.GET.get("before", "")
    mails = inbox.newest(
        settings.INBOX_DIR,
        workspace_slug=request.workspace.slug,
        limit=PAGE + 1,
        before=int(before) if before.isdecimal() else None,
    )
    return render_page(
        request,
        "backoffice/inbox.html",
        title=_("Inbox"),
        mails=mails[:PAGE],
        before=mails[PAGE - 1].number if len(mails) > PAGE else 0,
    )


def message(request: Request, number: int) -> HttpResponse:
    mail = _mail(request, number)
    title = mail.subject or _("No subject")
    return render_page(request, "backoffice/inbox_message.html", title=title, mail=mail)


def html(request: Request, number: int) -> HttpResponse:
    return render_frame(_mail(request, number).html)


def source(request: Request, number: int) -> HttpResponse:
    return HttpResponse(_mail(request, number).source, content_type="text/plain; charset=utf-8")


def _mail(request: Request, number: int) -> Mail:
    require(request, "delivery:read")
    mail = inbox.read(settings.INBOX_DIR, number, workspace_slug=request.workspace.slug)
    if mail is None:
        raise Http404
    return mail
