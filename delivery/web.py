"""The public pages that a message links to. No login, no script; the token is the authority.

GET and HEAD change nothing but statistics: scanners follow every link of every message.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from functools import lru_cache
from typing import Any, TypeVar

import structlog
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from delivery import hits, letters, opt_in, services, tracking, tracking_hosts
from delivery.models import Confirmation, OptInMessage, Outbox, SendLedger
from delivery.public import PRIVATE, answerer, check_host
from delivery.public import language as preferred
from delivery.services import Whose, confirmations
from delivery.states import ConfirmationState, HitKind, LeavingReason
from delivery.tracking_hosts import HOST, WORKSPACE
from delivery.utm import tagged
from delivery.wording import FAREWELL, IN, Farewell
from emailseq.lib import clock
from emailseq.lib.errors import Invalid
from emailseq.lib.signing import BadToken
from templates_app import rendering
from templates_app.models import TemplateVersion
from templates_app.rendering import RenderError

PIXEL = bytes.fromhex(
    "47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b"
)
T = TypeVar("T")

log = structlog.get_logger(__name__)


@csrf_exempt
def proof(request: HttpRequest) -> HttpResponse:
    """Shows whoever named a host that it leads here, the Host header unchanged."""
    host = request.META.get(HOST)
    if host is None:
        raise Http404
    return HttpResponse(tracking_hosts.proof(host), content_type="text/plain", headers=PRIVATE)


@require_safe
def open_pixel(request: HttpRequest, token: str) -> HttpResponse:
    """A transparent pixel of 43 bytes; fetching it counts as an open."""
    message_id, _ = _read(tracking.OPEN, token)
    if WORKSPACE in request.META:
        with suppress(DatabaseError):
            check_host(request, _whose(message_id).workspace_id)
    _record(request, message_id, HitKind.OPEN, 0)
    return HttpResponse(PIXEL, content_type="image/gif", headers=PRIVATE)


@require_safe
def click(request: HttpRequest, token: str) -> HttpResponse:
    """Redirect to the stored target of a link; following it counts as a click.

    The link behind the last one is hidden from people, and leads nowhere.
    """
    message_id, number = _read(tracking.CLICK, token)
    try:
        target, workspace_id = _surely(lambda: _target(message_id, number))
    except DatabaseError:
        return HttpResponse("Please try again in a minute.", status=503, content_type="text/plain")
    check_host(request, workspace_id)
    _record(request, message_id, HitKind.CLICK, number)
    if not target:
        return HttpResponse(status=204, headers=PRIVATE)
    return HttpResponseRedirect(target, headers=PRIVATE)


@csrf_exempt  # RFC 8058: mailbox providers post without cookies; the token is the authority
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """GET shows a page with a button; POST, from it or from a mailbox provider, does it.

    The page after that asks why, which nobody need answer, and offers to leave everything.
    """
    message_id, _ = _read(tracking.UNSUBSCRIBE, token)
    message = _found(request, message_id)
    done, everything = request.method == "POST", "everything" in request.POST
    reason = request.POST.get("reason", "")
    if done:
        services.record_unsubscribe(message, everything=everything)
    if reason in LeavingReason.values:  # the opt-out is committed, whatever comes now
        services.explain_unsubscribe(message, reason=reason)
    everything = everything or message.list is None
    language = preferred(request, FAREWELL)
    context = {"language": language, "message": message, "done": done, "reason": reason}
    context |= _farewell(message, FAREWELL[language], everything=everything, done=done)
    page = render_to_string("delivery/unsubscribe.html", context, request)
    return HttpResponse(page, headers=PRIVATE)


@csrf_exempt  # the token is the authority, and there is no session to ride on
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """GET shows what waits for a yes, with one button; POST says it."""
    asked, language = _asked(request, tracking.CONFIRM, token)
    words = IN[language]
    if request.method == "POST":
        with suppress(Invalid):  # the page says what is wrong
            lists = request.POST.getlist("lists")
            confirmations.confirm(asked, lists=lists, by=answerer(request))
    waiting = list(confirmations.pending_of(asked))
    form = {"title": words.lists, "button": words.confirm, "choices": waiting}
    if not waiting:
        form = {"title": words.nothing, "detail": words.nothing_detail}
    return _answered(request, asked, language, good_for=opt_in.GOOD_FOR, form=form)


@csrf_exempt  # as above
@require_http_methods(["GET", "HEAD", "POST"])
def not_me(request: HttpRequest, token: str) -> HttpResponse:
    """GET shows one button; POST says that somebody else has typed in this address."""
    asked, language = _asked(request, tracking.NOT_ME, token)
    words = IN[language]
    if request.method == "POST":
        with suppress(Invalid):
            confirmations.disown(asked, by=answerer(request))
    form = {"title": words.disown, "detail": words.disown_detail, "button": words.disown}
    return _answered(request, asked, language, good_for=opt_in.DISOWN_WITHIN, form=form)


def _farewell(
    message: Outbox | SendLedger, words: Farewell, *, everything: bool, done: bool
) -> dict[str, Any]:
    """What the page says, and what it offers: to leave, to say why, to leave everything."""
    names = {
        "list": message.list.name if message.list else "",
        "sender": message.workspace.name,
        "address": message.subscriber.email,
    }
    if done:
        title, detail = words.left, words.left_all if everything else words.left_list
    else:
        title, detail = words.title, words.from_all if everything else words.from_list
    return {
        "words": words,
        "title": title,
        "detail": detail.format_map(names),
        "leave_all": "" if everything else words.leave_all.format_map(names),
        "everything": everything,
    }


def _asked(request: HttpRequest, purpose: str, token: str) -> tuple[Confirmation, str]:
    """The question that a token is about, and the language it was asked in."""
    message_id, _ = _read(purpose, token)
    message = _found(request, message_id)
    asked = confirmations.find(message)
    if asked is None:
        raise Http404
    own = OptInMessage.objects.filter(list=message.list_id).first()
    return asked, own.language if own else "en"


def _answered(
    request: HttpRequest,
    asked: Confirmation,
    language: str,
    *,
    good_for: timedelta,
    form: Mapping[str, Any],
) -> HttpResponse:
    """The page of a question as it stands now: what was answered, that it is over, or the form."""
    words, status = IN[language], 200
    if asked.state == ConfirmationState.CONFIRMED:
        form = {"title": words.confirmed, "detail": words.confirmed_detail}
    elif asked.state == ConfirmationState.DISOWNED:
        form = {"title": words.disowned, "detail": words.disowned_detail}
    elif asked.asked_at + good_for < clock.now():
        form, status = {"title": words.ended, "detail": words.ended_detail}, 410
    context = {
        **form,
        "language": language,
        "asked": asked,
        "workspace": asked.subscriber.workspace,
    }
    page = render_to_string("delivery/answer.html", context, request)
    return HttpResponse(page, status=status, headers=PRIVATE)


def _read(purpose: str, token: str) -> tuple[int, int]:
    try:
        return tracking.read(purpose, token)
    except BadToken:
        raise Http404 from None


def _found(request: HttpRequest, message_id: int) -> Outbox | SendLedger:
    """Raises Http404 for a message that nobody knows, or not by this name."""
    message = services.find_message(message_id)
    if message is None:
        raise Http404
    check_host(request, message.workspace_id)
    return message


def _surely(work: Callable[[], T]) -> T:
    """Do it on the connection as it is, and if that is dead, once more on a new one.

    To ask it first whether it is alive takes as long as the work.
    """
    connection.health_check_done = True  # type: ignore[attr-defined] # the stubs do not know it
    try:
        return work()
    except (OperationalError, InterfaceError):
        if connection.in_atomic_block:
            raise
        connection.close()
        return work()


@lru_cache(maxsize=10_000)
def _whose(message_id: int) -> Whose:
    """Raises Http404."""
    found = services.whose(message_id)
    if found is None:
        raise Http404
    return found


def _record(request: HttpRequest, message_id: int, kind: str, link: int) -> None:
    """HEAD never counts, and statistics never spoil the answer."""
    if request.method == "HEAD":
        return
    try:
        _surely(
            lambda: hits.record(
                message_id=message_id,
                kind=kind,
                link=link,
                user_agent=request.headers.get("User-Agent", ""),
                address=request.META.get("REMOTE_ADDR", ""),
            )
        )
    except DatabaseError as error:
        log.warning("hit_lost", kind=kind, error=str(error))


@lru_cache(maxsize=10_000)
def _target(message_id: int, number: int) -> tuple[str, int]:
    """Where a link leads, for this reader, and its workspace; remembered, so that it works while
    PostgreSQL restarts.

    The trap leads nowhere: ''. Raises Http404 for a message or a link number that does not exist.
    """
    workspace_id, version_id, tags = _whose(message_id)
    links = _links(version_id)
    if number > len(links):
        raise Http404
    target = "" if number == len(links) else links[number]
    if "{" in target:
        target = _personal(message_id, links, number)
    return tagged(target, tags), workspace_id


@lru_cache(maxsize=1000)
def _links(version_id: int) -> list[str]:
    """The targets of a version, which never changes."""
    links: list[str] = TemplateVersion.objects.values_list("links", flat=True).get(pk=version_id)
    return links


def _personal(message_id: int, links: list[str], number: int) -> str:
    """Where a link leads that is another one for each reader. Raises Http404."""
    message = services.find_message(message_id)
    if message is None:
        raise Http404
    context = letters.context_of(message.subscriber)
    try:
        return rendering.link_target(links, number=number, context=context)
    except (LookupError, RenderError):
        raise Http404 from None
