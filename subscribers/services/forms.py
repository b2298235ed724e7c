"""Forms, and what people send by them.

Anybody can type in anybody's address. So a form only asks to join: the person confirms by mail,
and what a stranger has typed in changes nothing that is known of them.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.db import transaction

from accounts import audit
from accounts.audit import Actor
from accounts.models import Workspace
from emailseq.lib import addresses, clock, text
from emailseq.lib.errors import AppError, Invalid
from subscribers.models import Form, List, SignUp, Subscriber
from subscribers.models.subscriber import MAX_NAME
from subscribers.services.addresses import parse_address
from subscribers.services.consent import Consent, ask_to_join
from subscribers.services.people import upsert

DAY, MOST_A_DAY = timedelta(days=1), 10  # sign-ups of one mailbox that have an effect
HOUR = timedelta(hours=1)

log = structlog.get_logger(__name__)


class Origin(NamedTuple):
    """From where a sign-up came."""

    ip: str | None
    agent: str = ""
    page: str = ""


class TooMany(AppError):
    """So many sign-ups came from one network that this one is not taken."""

    code = "rate_limited"


class Full(TooMany):
    """As many have signed up by the form today as it takes."""


@transaction.atomic
def create_form(
    workspace: Workspace, *, name: str, lists: Sequence[List], by: Actor, **attributes: Any
) -> Form:
    """Make a form: `consent_text`, and as wanted intro, language, asks_name, redirect_url, and
    `most_per_day`: how many sign-ups it takes in 24 hours.

    Raises Invalid: only public lists with double opt-in can be joined by a form.
    """
    made = Form(workspace=workspace, name=name, **attributes)
    _check(made, lists)
    made.save()
    made.lists.set(lists)
    audit.record(workspace, "form.created", by=by, on=made)
    return made


@transaction.atomic
def update_form(form: Form, *, by: Actor, **changes: Any) -> Form:
    """Change a form. Another consent text is another version; who signed up keeps theirs."""
    lists = changes.pop("lists", None)
    if changes.get("consent_text", form.consent_text) != form.consent_text:
        changes["consent_version"] = form.consent_version + 1
    for name, value in changes.items():
        setattr(form, name, value)
    _check(form, lists)
    form.save(update_fields=list(changes))
    if lists is not None:
        form.lists.set(lists)
        changes["lists"] = [each.public_id for each in lists]
    audit.record(form.workspace_id, "form.updated", by=by, on=form, changes=changes)
    return form


@transaction.atomic
def archive_form(form: Form, *, by: Actor) -> bool:
    """Close a form for good; what was sent by it is kept. False when that was so already."""
    archived = Form.objects.filter(pk=form.pk, archived_at=None).update(archived_at=clock.now())
    if archived:
        audit.record(form.workspace_id, "form.archived", by=by, on=form)
    return bool(archived)


def record_sign_up(
    form: Form,
    *,
    email: str,
    lists: Collection[str] | None = None,
    first_name: str = "",
    last_name: str = "",
    origin: Origin,
) -> SignUp:
    """Write down what somebody has sent; `lists` by public id, all of the form by default.

    Raises Invalid, TooMany when their network has sent more in this hour than the setting allows,
    and Full when the form takes no more today. None depends on whose address it is.
    """
    address = parse_address(email)
    names = {"first_name": first_name, "last_name": last_name}
    text.check(**names, agent=origin.agent, page=origin.page)
    for name, value in names.items():
        if len(value) > MAX_NAME:
            raise Invalid.field(name, "too_long", f"A name takes at most {MAX_NAME} characters.")
    open_lists = form.lists.joinable()
    chosen = [each.pk for each in open_lists if lists is None or each.public_id in lists]
    if not chosen:
        raise Invalid.field("lists", "required", "Choose at least one list of the form.")
    network, now = _network(origin.ip), clock.now()
    recent = SignUp.objects.filter(network=network, at__gt=now - HOUR)
    if recent.count() >= settings.FORM_SIGN_UPS_PER_HOUR:
        raise TooMany("Too many sign-ups came from this network within an hour.")
    of_late = SignUp.objects.filter(form=form, at__gt=now - DAY)
    if form.most_per_day and of_late.count() >= form.most_per_day:
        raise Full("This form takes no more sign-ups today.")
    return SignUp.objects.create(
        workspace_id=form.workspace_id,
        form=form,
        email=address.email,
        mailbox=addresses.folded(address.key),
        **names,
        lists=chosen,
        consent_text=form.consent_text,
        consent_version=form.consent_version,
        network=network,
        ip=origin.ip,
        agent=origin.agent[:300],
        page=origin.page[:500],
        at=now,
    )


@transaction.atomic
def take_sign_ups(*, limit: int = 500) -> int:
    """Do what people have sent: ask to join, for each. How many were taken."""
    waiting = SignUp.objects.filter(taken_at=None).order_by("id").select_related("form__workspace")
    batch = list(waiting.select_for_update(of=("self",), skip_locked=True)[:limit])
    for each in batch:
        try:
            with transaction.atomic():
                each.subscriber = _take(each)
        except AppError as error:  # one that cannot be taken must not keep the others waiting
            log.warning("sign_up_refused", sign_up=each.pk, error=error.detail)
        each.taken_at = clock.now()
        each.save(update_fields=["subscriber", "taken_at"])
    return len(batch)


def _take(sign_up: SignUp) -> Subscriber | None:
    """Ask to join; None where a mailbox has been typed in so often that nothing is done."""
    before = SignUp.objects.filter(
        mailbox=sign_up.mailbox, at__gt=sign_up.at - DAY, pk__lt=sign_up.pk
    )
    if before.count() >= MOST_A_DAY:
        return None
    form = sign_up.form
    by = Actor("form", form.pk, str(form))
    source = f"{form.name}, version {sign_up.consent_version}"
    consent = Consent(f"form: {source}", sign_up.consent_text, sign_up.ip)
    names = {"first_name": sign_up.first_name, "last_name": sign_up.last_name}
    known = Subscriber.objects.filter(
        workspace=form.workspace, address_key=parse_address(sign_up.email).key
    ).exists()
    given: dict[str, Any] = {}
    if not known:
        given = {name: value for name, value in names.items() if value}
    person, _ = upsert(form.workspace, email=sign_up.email, by=by, in_person=True, **given)
    for each in form.lists.joinable().filter(pk__in=sign_up.lists).order_by("pk"):
        ask_to_join(person, to=each, by=by, consent=consent)
    return person


def _check(form: Form, lists: Sequence[List] | None) -> None:
    texts = {"name": form.name, "intro": form.intro, "consent_text": form.consent_text}
    text.check(**texts)
    if not form.consent_text.strip():
        detail = "Say what people agree to: their consent is kept with these words."
        raise Invalid.field("consent_text", "required", detail)
    if form.most_per_day is not None and form.most_per_day < 1:
        raise Invalid.field("most_per_day", "out_of_range", "At least one, or leave it empty.")
    target = urlsplit(form.redirect_url)
    if form.redirect_url and (target.scheme != "https" or not target.hostname):
        raise Invalid.field("redirect_url", "invalid_url", "An https:// address, or none.")
    if lists is None:
        return
    joinable = set(List.objects.joinable().filter(pk__in=[each.pk for each in lists]))
    if not lists or joinable != set(lists):
        detail = "A form takes lists that are public and have double opt-in, at least one."
        raise Invalid.field("lists", "not_joinable", detail)


def _network(ip: str | None) -> str:
    """The network that an address is counted with: /24, or /64 of IPv6."""
    if not ip:
        return ""
    size = 64 if ":" in ip else 24
    return str(ipaddress.ip_network(f"{ip}/{size}", strict=False))
