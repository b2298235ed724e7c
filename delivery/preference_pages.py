"""The pages on which people choose what they get, and ask for their data. No login, no script.

GET and HEAD change nothing; the link is the authority, and what cannot be undone or tells what is
stored is confirmed by a mail to the address it is about.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.utils.formats import date_format
from django.utils.translation import override
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from accounts.audit import SUBSCRIBER
from delivery import tracking
from delivery.models import DataRequest
from delivery.preference_wording import ANSWERS, PREFERENCES, REQUESTS, Choices
from delivery.public import PRIVATE, answerer, check_host, language
from delivery.services import personal, preferences, record_unsubscribe
from delivery.services.messages import find_message
from delivery.states import RequestKind
from delivery.tracking import Reader
from delivery.wording import LANGUAGES
from emailseq.lib import clock, localtime
from emailseq.lib.errors import Invalid
from emailseq.lib.signing import BadToken
from subscribers import dossier
from subscribers import services as people
from subscribers.models import Subscriber
from subscribers.services import Consent
from subscribers.states import SubscriptionState

GOOD_FOR = timedelta(days=90)
BREAKS = (30, 60, 90)  # days


@csrf_exempt  # the token is the authority, and there is no session to ride on
@require_http_methods(["GET", "HEAD", "POST"])
def show(request: HttpRequest, token: str) -> HttpResponse:
    """GET shows what somebody gets; POST changes one thing: what they `do`."""
    reader = _read(token)
    person = _person(request, reader.subscriber_id)
    spoken = language(request, PREFERENCES, own=person.language)
    words = PREFERENCES[spoken]
    if clock.now().date() - reader.on > GOOD_FOR:
        return _ended(request, person, spoken)
    said = fault = ""
    if request.method == "POST":
        try:
            said = _do(request, person, reader, words)
        except Invalid as error:
            fault = error.detail
        person.refresh_from_db()
        spoken = language(request, PREFERENCES, own=person.language)
        words = PREFERENCES[spoken]
    return _page(request, person, spoken, said=said, fault=fault)


@csrf_exempt  # as above
@require_http_methods(["GET", "HEAD", "POST"])
def fulfil(request: HttpRequest, token: str) -> HttpResponseBase:
    """GET shows what was asked for, with one button; POST hands it out, or erases."""
    try:
        asked = DataRequest.objects.select_related("subscriber__workspace").get(
            pk=tracking.read_request(token)
        )
    except (BadToken, DataRequest.DoesNotExist):
        raise Http404 from None
    person = asked.subscriber
    check_host(request, person.workspace_id)
    spoken = language(request, ANSWERS, own=person.language)
    words, answers = REQUESTS[spoken][asked.kind], ANSWERS[spoken]
    if person.erased_at:
        form: dict[str, Any] = {"title": answers.erased, "detail": answers.erased_detail}
    elif not personal.is_open(asked) or asked.kind == RequestKind.LINK:
        form = {"title": answers.ended, "detail": answers.ended_detail}
        return _answer(request, person, spoken, form, status=410)
    elif request.method == "POST":
        personal.fulfil(asked)
        if asked.kind == RequestKind.EXPORT:
            return _download(person)
        form = {"title": answers.erased, "detail": answers.erased_detail}
    else:
        detail = words.detail.format_map(_names(person))
        form = {"title": words.title, "detail": detail, "do": words.do}
    return _answer(request, person, spoken, form)


def _do(request: HttpRequest, person: Subscriber, reader: Reader, words: Choices) -> str:
    """Change what the button is for; what is said about it. Raises Invalid."""
    match request.POST.get("do", ""):
        case "save":
            return _save(request, person, reader, words)
        case "snooze":
            until = _until(request.POST, person, words)
            preferences.snooze(person, until=until, by=SUBSCRIBER)
            return ""
        case "wake":
            preferences.snooze(person, until=None, by=SUBSCRIBER)
            return words.awake
        case "leave":
            _leave_all(person, reader.message_id)
            return words.saved
        case RequestKind.EXPORT | RequestKind.ERASE | RequestKind.LINK as kind:
            spoken = language(request, REQUESTS, own=person.language)
            personal.ask(person, kind=kind, language=spoken)
            return words.mailed
    raise Http404


def _save(request: HttpRequest, person: Subscriber, reader: Reader, words: Choices) -> str:
    asks = preferences.choose(
        person,
        lists=request.POST.getlist("lists"),
        frequency=request.POST.get("frequency", person.frequency),
        language=request.POST.get("language", person.language),
        consent=Consent("preference page", words.consent, answerer(request).ip),
        message_id=reader.message_id,
    )
    return f"{words.saved} {words.asked}" if asks else words.saved


def _leave_all(person: Subscriber, message_id: int) -> None:
    message = find_message(message_id) if message_id else None
    if message and message.subscriber_id == person.pk:
        record_unsubscribe(message, everything=True)
    else:
        people.unsubscribe(person, by=SUBSCRIBER)


def _until(given: Mapping[str, str], person: Subscriber, words: Choices) -> datetime:
    """The end of a break: so many days from now, or the beginning of a day where they are."""
    if given.get("days", "") in map(str, BREAKS):
        return clock.now() + timedelta(days=int(given["days"]))
    try:
        day = date.fromisoformat(given.get("until", ""))
    except ValueError:
        raise Invalid.field("until", "invalid", words.bad_day) from None
    begins = datetime(day.year, day.month, day.day, tzinfo=_zone(person)).astimezone(UTC)
    if not clock.now() < begins <= clock.now() + people.LONGEST_SNOOZE:
        raise Invalid.field("until", "out_of_range", words.bad_day)
    return begins


def _page(
    request: HttpRequest, person: Subscriber, spoken: str, *, said: str, fault: str
) -> HttpResponse:
    words, names = PREFERENCES[spoken], _names(person)
    until, today = person.snoozed_until, clock.now().astimezone(_zone(person)).date()
    snoozed = ""
    if until and until > clock.now():
        with override(spoken):
            day = date_format(until.astimezone(_zone(person)), "DATE_FORMAT")
        snoozed = words.snoozed.format(until=day)
    on = (SubscriptionState.CONFIRMED, SubscriptionState.PENDING)
    context = {
        "language": spoken,
        "words": words,
        "person": person,
        "workspace": person.workspace,
        "about": words.about.format_map(names),
        "data_detail": words.data_detail.format_map(names),
        "leave_all": words.leave_all.format_map(names),
        "places": [
            (each, state in on, state == SubscriptionState.PENDING)
            for each, state in preferences.places(person)
        ],
        "languages": _languages(person),
        "breaks": [(days, words.days.format(days=days)) for days in BREAKS],
        "snoozed": snoozed,
        "first_day": today + timedelta(days=1),
        "last_day": today + people.LONGEST_SNOOZE - timedelta(days=1),
        "said": said,
        "fault": fault,
    }
    page = render_to_string("delivery/preferences.html", context, request)
    return HttpResponse(page, status=400 if fault else 200, headers=PRIVATE)


def _languages(person: Subscriber) -> list[tuple[str, str]]:
    """What may be chosen: what our pages speak, and what they are known to."""
    own = person.language
    return [*LANGUAGES, *([(own, own)] if own and own not in dict(LANGUAGES) else [])]


def _ended(request: HttpRequest, person: Subscriber, spoken: str) -> HttpResponse:
    """Of an old link the only use is a new one, which goes to the mailbox."""
    words = PREFERENCES[spoken]
    form = {
        "title": words.ended,
        "detail": words.ended_detail.format_map(_names(person)),
        "do": words.new_link,
    }
    if request.method == "POST":
        personal.ask(person, kind=RequestKind.LINK, language=spoken)
        form = {"title": words.ended, "detail": words.mailed}
    return _answer(request, person, spoken, form, status=410)


def _answer(
    request: HttpRequest,
    person: Subscriber,
    spoken: str,
    form: Mapping[str, Any],
    status: int = 200,
) -> HttpResponse:
    context = {**form, "language": spoken, "workspace": person.workspace}
    page = render_to_string("delivery/request.html", context, request)
    return HttpResponse(page, status=status, headers=PRIVATE)


def _download(person: Subscriber) -> StreamingHttpResponse:
    headers = {
        **PRIVATE,
        "Content-Disposition": f'attachment; filename="{dossier.file_name(person)}"',
    }
    return StreamingHttpResponse(
        personal.export(person, by=SUBSCRIBER), content_type="application/zip", headers=headers
    )


def _read(token: str) -> Reader:
    try:
        return tracking.read_preferences(token)
    except BadToken:
        raise Http404 from None


def _person(request: HttpRequest, subscriber_id: int) -> Subscriber:
    """Raises Http404 for who is not there, or not any more."""
    known = Subscriber.objects.select_related("workspace").filter(erased_at=None)
    person = known.filter(pk=subscriber_id).first()
    if person is None:
        raise Http404
    check_host(request, person.workspace_id)
    return person


def _names(person: Subscriber) -> Mapping[str, str]:
    return {"sender": person.workspace.name, "address": person.email}


def _zone(person: Subscriber) -> Any:
    fallback, _ = localtime.zone_or(person.workspace.time_zone, localtime.UTC_ZONE)
    return localtime.zone_or(person.time_zone, fallback)[0]
