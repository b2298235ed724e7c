"""ESPs that a transport may lead to: how they are asked, what they answer, what they call back.

What their APIs look like is anymail's knowledge; its sending and its signals are not used.
"""

from __future__ import annotations

import email
import json
import warnings
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import default as policy
from email.utils import formataddr
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

from anymail import exceptions
from anymail.backends import brevo, mailgun, mailtrap, postmark, resend, sendgrid, sparkpost
from anymail.message import AnymailMessage
from anymail.signals import AnymailTrackingEvent
from anymail.webhooks import brevo as brevo_hooks
from anymail.webhooks import mailgun as mailgun_hooks
from anymail.webhooks import mailtrap as mailtrap_hooks
from anymail.webhooks import postmark as postmark_hooks
from anymail.webhooks import resend as resend_hooks
from anymail.webhooks import sendgrid as sendgrid_hooks
from anymail.webhooks import sparkpost as sparkpost_hooks
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest

from delivery.replies import Reply
from delivery.transports.http import Call, Response, Unspeakable, refusal
from delivery.transports.smtp import Envelope

MOST_TOGETHER = 20  # as many as a micro-batch has: all of them are in doubt when the line is cut
METADATA = "emailseq_id"  # under this name a message carries its id there and back


@dataclass(frozen=True)
class Esp:
    """`key` and `name` are what its backend calls a transport's password and user name; the user
    name may be left out. It is asked at `url`, or the same on one of `hosts`.

    `signs` is what its callbacks' view calls the key that they are signed with. `batch` is a page
    that takes several messages and answers for each; `whole` that it takes a message in one piece.
    """

    label: str
    backend: type[Any]
    view: type[Any]
    url: str
    key: str = "api_key"
    name: str = ""
    hosts: frozenset[str] = frozenset()
    signs: str = ""
    may_sign: bool = False  # or prove itself by a user name and a password, like all others
    probe: str = ""  # a page that only a valid key opens
    headers: Mapping[str, str] | None = None
    batch: str = ""
    whole: bool = False

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""


ESPS: Mapping[str, Esp] = {
    "postmark": Esp(
        label="Postmark",
        backend=postmark.EmailBackend,
        view=postmark_hooks.PostmarkTrackingWebhookView,
        url="https://api.postmarkapp.com/",
        key="server_token",
        name="message_stream",
        probe="server",
        headers={"X-PM-KeepID": "true"},  # or it makes a Message-ID of its own
        batch="email/batch",
    ),
    "sendgrid": Esp(
        label="SendGrid",
        backend=sendgrid.EmailBackend,
        view=sendgrid_hooks.SendGridTrackingWebhookView,
        url="https://api.sendgrid.com/v3/",
        hosts=frozenset({"api.eu.sendgrid.com"}),
        signs="tracking_webhook_verification_key",
        may_sign=True,
        probe="scopes",
    ),
    "mailgun": Esp(
        label="Mailgun",
        backend=mailgun.EmailBackend,
        view=mailgun_hooks.MailgunTrackingWebhookView,
        url="https://api.mailgun.net/v3/",
        name="sender_domain",
        hosts=frozenset({"api.eu.mailgun.net"}),
        signs="webhook_signing_key",
        probe="domains",
        whole=True,
    ),
    "brevo": Esp(
        label="Brevo",
        backend=brevo.EmailBackend,
        view=brevo_hooks.BrevoTrackingWebhookView,
        url="https://api.brevo.com/v3/",
        probe="account",
    ),
    "sparkpost": Esp(
        label="SparkPost",
        backend=sparkpost.EmailBackend,
        view=sparkpost_hooks.SparkPostTrackingWebhookView,
        url="https://api.sparkpost.com/api/v1/",
        name="subaccount",
        hosts=frozenset({"api.eu.sparkpost.com"}),
        probe="account",
    ),
    "resend": Esp(
        label="Resend",
        backend=resend.EmailBackend,
        view=resend_hooks.ResendTrackingWebhookView,
        url="https://api.resend.com/",
        probe="domains",
    ),
    "mailtrap": Esp(
        label="Mailtrap",
        backend=mailtrap.EmailBackend,
        view=mailtrap_hooks.MailtrapTrackingWebhookView,
        url="https://send.api.mailtrap.io/api/",
        key="api_token",
    ),
}
# What the API writes itself, or has fields of its own for.
_NOT_HEADERS = {
    *("from", "to", "subject", "reply-to", "date", "mime-version", "dkim-signature"),
    *("content-type", "content-transfer-encoding", "return-path"),
}


class Dialect:
    """How one account of an ESP is spoken to (`transports.http.Dialect`)."""

    def __init__(self, esp: Esp, *, key: str, name: str = "", url: str = "") -> None:
        options = {esp.key: key, "api_url": url or esp.url}
        if esp.name and name:
            options[esp.name] = name
        self._esp = esp
        self.most = MOST_TOGETHER if esp.batch else 1
        with warnings.catch_warnings():
            # Anymail no longer tries its part for SendGrid against the real one.
            warnings.simplefilter("ignore")
            self._backend = esp.backend(**options)

    def __call__(self, envelope: Envelope) -> Call:
        message = _message(envelope, self._esp.headers or {})
        try:
            payload = self._backend.build_message_payload(message, {})
            asked = payload.get_request_params(self._backend.api_url)
        except (exceptions.AnymailError, ValueError) as error:
            raise Unspeakable(str(error).partition("\n")[0]) from error

        def read(answer: Response) -> Sequence[Reply]:
            return [self._read(answer, payload, message)]

        return Call(_request(_in_one_piece(asked, envelope) if self._esp.whole else asked), read)

    def join(self, calls: Sequence[Call]) -> Call:
        """One request for all of them. What it answers for each reads as if that had been alone."""
        if len(calls) == 1:
            return calls[0]
        bodies = ",".join(call.request["content"] for call in calls)
        page = self._backend.api_url + self._esp.batch
        request = {**calls[0].request, "url": page, "content": f"[{bodies}]"}

        def read(answer: Response) -> Sequence[Reply]:
            alone = _told_apart(answer, len(calls))
            return [
                reply for call, each in zip(calls, alone, strict=True) for reply in call.read(each)
            ]

        return Call(request, read)

    def probe(self) -> Mapping[str, Any] | None:
        """How to ask whether the key is valid, sending nothing; None where there is no way to."""
        if not self._esp.probe:
            return None
        blank = Envelope(0, "", "nobody@example.com", b"From: nobody@example.com\r\n\r\n\r\n")
        headers = self(blank).request["headers"]
        keep = {name: value for name, value in headers.items() if name.lower() != "content-type"}
        return {"method": "GET", "url": self._backend.api_url + self._esp.probe, "headers": keep}

    def _read(self, answer: Response, payload: Any, message: AnymailMessage) -> Reply:
        words = answer.text
        try:
            self._backend.raise_for_status(answer, payload, message)
            statuses = self._backend.parse_recipient_status(answer, payload, message)
            [told] = statuses.values()
        except Exception:  # noqa: BLE001 - whatever it stumbles over, the answer tells no more
            if answer.is_success:  # it may have been taken; nobody can tell from this
                return Reply(0, "", f"HTTP {answer.status_code} {words}"[:400], "dot")
            return refusal(answer.status_code, words)
        if told.status in ("sent", "queued"):
            return Reply(250, "2.0.0", str(told.message_id or ""), "dot")
        if told.status in ("invalid", "rejected", "failed"):
            # It takes nothing for this recipient. What it knows of them is not known to us, so
            # this is what mail servers say of a mailbox that is closed: nobody is suppressed.
            return Reply(550, "5.2.1", f"{told.status}: {' '.join(words.split())}"[:400], "rcpt")
        if not answer.is_success:
            return refusal(answer.status_code, words)
        return Reply(0, "", f"{told.status}: {words}"[:400], "dot")


def url_at(esp: Esp, *, host: str, plain: bool = False) -> str:
    """Where an ESP is asked at another host than its own."""
    return urlsplit(esp.url)._replace(scheme="http" if plain else "https", netloc=host).geturl()


def _message(envelope: Envelope, headers: Mapping[str, str]) -> AnymailMessage:
    """The message in parts, as APIs want it. Its id goes with it, to come back with callbacks."""
    mail = email.message_from_bytes(envelope.data, _class=EmailMessage, policy=policy)
    to = mail["To"].addresses[0].display_name if mail["To"] and mail["To"].addresses else ""
    text, html = (mail.get_body((kind,)) for kind in ("plain", "html"))
    made = AnymailMessage(
        subject=str(mail["Subject"] or ""),
        body=text.get_content() if text else "",
        from_email=str(mail["From"] or envelope.sender),
        to=[formataddr((to, envelope.recipient))],
        reply_to=[str(each) for each in mail.get_all("Reply-To", [])],
        headers={**_headers(mail), **headers},
        metadata={METADATA: str(envelope.id)},
    )
    if html:
        made.attach_alternative(html.get_content(), "text/html")
    for part in mail.iter_attachments():
        content = part.get_payload(decode=True)
        made.attach(part.get_filename(), content, part.get_content_type())
    return made


def _headers(mail: EmailMessage) -> dict[str, str]:
    return {name: str(value) for name, value in mail.items() if name.lower() not in _NOT_HEADERS}


def _in_one_piece(asked: Mapping[str, Any], envelope: Envelope) -> dict[str, Any]:
    """Mailgun's other way in: the message as it is, signature and all."""
    told = {name: asked["data"][name] for name in ("to", f"v:{METADATA}")}
    mail = ("message.eml", envelope.data, "message/rfc822")
    return {**asked, "url": asked["url"] + ".mime", "data": told, "files": {"message": mail}}


def _told_apart(answer: Response, count: int) -> list[Response]:
    """Postmark's answer to a batch as the answers to its messages; to all of them, if it is one."""
    try:
        told = json.loads(answer.content) if answer.is_success else None
    except ValueError:
        told = None
    if not isinstance(told, list) or len(told) != count:
        return [answer] * count
    return [Response(422 if _error_code(each) else 200, json=each) for each in told]


def _error_code(told: Any) -> Any:
    return told.get("ErrorCode") if isinstance(told, dict) else None


def _request(asked: Mapping[str, Any]) -> dict[str, Any]:
    """What `requests` would be called with, for httpx."""
    headers = {**(asked["headers"] or {})}
    if asked["auth"]:
        headers["Authorization"] = f"Basic {b64encode(':'.join(asked['auth']).encode()).decode()}"
    data = asked["data"]
    body = {"data": data} if isinstance(data, dict) else {"content": data}
    more = {name: asked[name] for name in ("params", "files") if asked.get(name)}
    return {"method": asked["method"], "url": asked["url"], "headers": headers, **body, **more}


# Callbacks


class Forged(Exception):
    """A callback that its ESP has not signed."""


def view_of(esp: Esp, secret: str) -> Any:
    """Anymail's view of an ESP's callbacks, to verify and to parse; nothing is served by it.

    `secret` is `user:password`, or the key that the ESP signs with. Raises ValueError for a secret
    that proves nothing with this ESP.
    """
    signed = ":" not in secret
    if signed and not esp.signs:
        raise ValueError("USER:PASSWORD, as in the address that the ESP calls.")
    if not signed and esp.signs and not esp.may_sign:
        raise ValueError("The key that the ESP signs its callbacks with.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # anymail warns of views without a user name and a password
        return esp.view(**{esp.signs if signed else "webhook_secret": secret})


def verify(esp: Esp, secret: str, request: HttpRequest) -> None:
    """Raises Forged unless the request comes from the ESP."""
    try:
        view_of(esp, secret).run_validators(request)
    except exceptions.AnymailWebhookValidationFailure as error:
        raise Forged(str(error)) from error


def parse(esp: Esp, request: HttpRequest) -> list[AnymailTrackingEvent]:
    """What a verified callback tells. Raises ValueError for what is no callback of this ESP."""
    reader = view_of(esp, "-" if esp.signs and not esp.may_sign else "-:-")
    try:
        return list(reader.parse_events(request))
    except Exception as error:
        raise ValueError(f"No callback of {esp.label}: {error!r}"[:300]) from error


def request_of(
    body: bytes, *, content_type: str, environment: Mapping[str, Any] | None = None
) -> HttpRequest:
    """A request that was read, or written down, once more."""
    return WSGIRequest(
        {
            **(environment or {}),
            "REQUEST_METHOD": "POST",
            "CONTENT_TYPE": content_type,
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": BytesIO(body),
        }
    )


def choices() -> Iterable[tuple[str, str]]:
    """The ESPs by name and label."""
    return [(name, esp.label) for name, esp in ESPS.items()]
