"""Sign-up forms: a page, the same in a frame, and the same as JSON. No login, no script needed.

What a form answers never depends on who an address belongs to. Nothing here waits for Valkey.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.loader import render_to_string
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from emailseq.lib import addresses, clock, ids, signing
from emailseq.lib.errors import Invalid
from emailseq.lib.signing import BadToken
from subscribers import captcha, hygiene, services
from subscribers.models import Form
from subscribers.services import Full, Origin, TooMany
from subscribers.wording import IN

PURPOSE = "f"
LEAST, MOST = timedelta(seconds=2), timedelta(hours=2)  # between reading a form and sending it
TRAP = "website"  # a field that people do not see
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_ANYWHERE = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "Accept, Content-Type",
    "Access-Control-Allow-Methods": "GET, POST",
}
_SCRIPT = """\
(function () {
  var script = document.currentScript, frame = document.createElement("iframe");
  frame.src = %s;
  frame.title = %s;
  frame.style.cssText = "border:0;width:100%%;height:30rem";
  script.parentNode.insertBefore(frame, script);
})();
"""


@csrf_exempt  # without a session there is nothing to ride on, and a form stands on others' pages
@require_http_methods(["GET", "HEAD", "POST", "OPTIONS"])
def form(request: HttpRequest, form_id: str) -> HttpResponse:
    """GET shows the form, POST takes what was filled in; both as JSON for whoever speaks that."""
    found = _form(form_id)
    if _speaks_json(request):
        return _by_program(request, found)
    if request.method == "POST":
        return _sent(request, found)
    return _page(request, found, {}, "")


@require_safe
def script(request: HttpRequest, form_id: str) -> HttpResponse:
    """Puts the form into the page that loads it, in a frame where the script stands."""
    found = _form(form_id)
    body = _SCRIPT % (json.dumps(found.url), json.dumps(found.name).replace("<", "\\u003c"))
    headers = {"Cache-Control": "public, max-age=300", "X-Content-Type-Options": "nosniff"}
    headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return HttpResponse(body, content_type="text/javascript; charset=utf-8", headers=headers)


def token_of(form: Form) -> str:
    """Says when the form was shown, so that nothing fills it in faster than people can."""
    shown_at = int(clock.now().timestamp())
    return signing.sign(PURPOSE, form.pk.to_bytes(8) + shown_at.to_bytes(8))


def _form(form_id: str) -> Form:
    """Raises Http404 for a form that is not there, or closed."""
    uid = ids.decode(Form.prefix, form_id)
    forms = Form.objects.select_related("workspace").filter(archived_at=None)
    found = forms.filter(uid=uid).first() if uid else None
    if found is None:
        raise Http404
    return found


def _speaks_json(request: HttpRequest) -> bool:
    if request.method == "POST":
        return request.content_type == "application/json"
    return request.method == "OPTIONS" or request.headers.get("Accept") == "application/json"


def _sent(request: HttpRequest, form: Form) -> HttpResponse:
    given, words = request.POST.dict(), IN[form.language]
    lists = request.POST.getlist("lists")
    try:
        _check(request, form, given)
        if (meant := _meant(given)) and given.get("kept") != given["email"]:
            question = words.meant.format(meant)
            return _page(request, form, given, question, kept=given["email"])
        _record(request, form, given, lists if len(_choices(form)) > 1 else None)
    except TooMany as error:
        told = words.full if isinstance(error, Full) else words.too_many
        return _page(request, form, given, told, 429)
    except Invalid as error:
        known = {"too_fast", "token_ended", "consent", "captcha"}
        own = bool(known & {problem.code for problem in error.errors})
        return _page(request, form, given, words.once_more if own else error.detail, 400)
    if form.redirect_url:
        answer: HttpResponse = HttpResponseRedirect(form.redirect_url, status=303)
        return _dressed(answer, form)
    return _page(request, form, given, "", sent=True)


def _meant(given: Mapping[str, Any]) -> str:
    """The address that somebody probably meant. It says nothing of who is known here."""
    try:
        return hygiene.suggestion(addresses.parse(given.get("email", "")).key)
    except addresses.BadAddress:
        return ""


def _by_program(request: HttpRequest, form: Form) -> HttpResponse:
    """The same for scripts on others' pages, which need no key but the form's id."""
    if request.method == "OPTIONS":
        return HttpResponse(status=204, headers=_ANYWHERE)
    if request.method != "POST":
        return _told(_described(form))
    try:
        given = _read(request)
        _check(request, form, given)
        _record(request, form, given, given.get("lists"))
    except TooMany as error:
        return _told({"code": error.code, "detail": error.detail}, 429)
    except Invalid as error:
        faults = [problem.__dict__ for problem in error.errors]
        return _told({"code": error.code, "detail": error.detail, "errors": faults}, 400)
    told = {"state": "asked", "redirect_url": form.redirect_url or None}
    if meant := _meant(given):
        told["did_you_mean"] = meant
    return _told(told, 202)


def _told(document: Mapping[str, Any], status: int = 200) -> HttpResponse:
    return JsonResponse(document, status=status, headers={**_HEADERS, **_ANYWHERE})


def _described(form: Form) -> dict[str, Any]:
    return {
        "id": form.public_id,
        "name": form.name,
        "intro": form.intro,
        "consent_text": form.consent_text,
        "asks_name": form.asks_name,
        "lists": [{"id": each.public_id, "name": each.name} for each in _choices(form)],
        "token": token_of(form),
        **({"captcha": widget._asdict()} if (widget := captcha.widget()) else {}),
    }


def _read(request: HttpRequest) -> dict[str, Any]:
    """The members of a JSON body. Raises Invalid."""
    try:
        given = json.loads(request.body)
    except ValueError as error:
        raise Invalid.field("", "malformed_json", "The body is no JSON.") from error
    if not isinstance(given, dict):
        raise Invalid.field("", "malformed_json", "The body is no JSON object.")
    lists = given.get("lists")
    for name in ("email", "token", "first_name", "last_name", "captcha", TRAP):
        if not isinstance(given.get(name, ""), str):
            raise Invalid.field(name, "invalid", f"{name} is a text.")
    if lists is not None and not (
        isinstance(lists, list) and all(isinstance(each, str) for each in lists)
    ):
        raise Invalid.field("lists", "invalid", "lists is a list of ids.")
    return given


def _check(request: HttpRequest, form: Form, given: Mapping[str, Any]) -> None:
    """Raises Invalid unless a person had the time to read the form, and has said yes to it."""
    now = clock.now()
    shown_at = _shown_at(form, given.get("token", ""))
    if shown_at is None or now - shown_at > MOST:
        raise Invalid.field("token", "token_ended", "Read the form anew for a token.")
    if now - shown_at < LEAST:
        raise Invalid.field("token", "too_fast", "That was faster than people are: try again.")
    if given.get("consent") not in (True, "yes"):
        raise Invalid.field("consent", "consent", "Nobody is signed up who does not agree.")
    captcha.check(given, ip=request.META.get("REMOTE_ADDR"))


def _shown_at(form: Form, token: str) -> datetime | None:
    try:
        payload = signing.read(PURPOSE, token)
    except BadToken:
        return None
    if int.from_bytes(payload[:8]) != form.pk:
        return None
    return datetime.fromtimestamp(int.from_bytes(payload[8:]), UTC)


def _record(
    request: HttpRequest, form: Form, given: Mapping[str, Any], lists: list[str] | None
) -> None:
    """Take it, unless it fell into the trap: a program that fills in all hears the same."""
    if given.get(TRAP):
        return
    page, agent = request.headers.get("Referer", ""), request.headers.get("User-Agent", "")
    services.record_sign_up(
        form,
        email=given.get("email", ""),
        lists=lists,
        first_name=given.get("first_name", "").strip(),
        last_name=given.get("last_name", "").strip(),
        origin=Origin(request.META.get("REMOTE_ADDR") or None, agent, page),
    )


def _choices(form: Form) -> list[Any]:
    return list(form.lists.joinable().order_by("name"))


def _page(
    request: HttpRequest,
    form: Form,
    given: Mapping[str, str],
    fault: str,
    status: int = 200,
    *,
    sent: bool = False,
    kept: str = "",
) -> HttpResponse:
    context = {
        "form": form,
        "words": IN[form.language],
        "choices": _choices(form),
        "given": given,
        "fault": fault,
        "sent": sent,
        "kept": kept,  # who sends it as it is means it
        "token": token_of(form),
        "trap": TRAP,
        "captcha": captcha.widget(),
    }
    page = render_to_string("subscribers/form.html", context, request)
    return _dressed(HttpResponse(page, status=status), form)


def _dressed(answer: HttpResponse, form: Form) -> HttpResponse:
    """Any page may show the form in a frame; sent, it leads nowhere but here and where it says."""
    target = urlsplit(form.redirect_url)
    beyond = f" https://{target.netloc}" if form.redirect_url else ""
    widget = captcha.widget()
    judge = "; ".join(
        f"{kind}-src {widget.origins}" for kind in ("script", "frame", "connect") if widget
    )
    policy = (
        f"default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; {judge}; "
        f"frame-ancestors *; form-action 'self'{beyond}"
    )
    for name, value in {**_HEADERS, "Content-Security-Policy": policy}.items():
        answer.headers[name] = value
    return answer
