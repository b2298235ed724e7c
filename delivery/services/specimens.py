"""Test sends: of a template here, of campaigns and sequences on the floors above."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from django.db import transaction

from accounts import audit
from accounts.audit import Actor
from accounts.models import Membership, Workspace
from delivery import previews, specimens
from delivery.envelope import HeaderError
from delivery.models import SenderIdentity, Specimen
from emailseq.lib import clock, ids
from emailseq.lib.errors import Invalid
from subscribers import services as people
from subscribers.models import Subscriber, Suppression
from subscribers.states import SuppressionReason
from templates_app import services as templates
from templates_app.compiler import Compiled, compile_template
from templates_app.liquid import TemplateError
from templates_app.models import Template
from templates_app.rendering import RenderError

MOST = 5  # addresses
MOST_AT_ONCE = 100  # messages: a long sequence to everybody
MOST_AN_HOUR = 300
HOUR = timedelta(hours=1)


class Said(NamedTuple):
    """What one message says, and who says it; None: the workspace's first sender."""

    compiled: Compiled
    sender: SenderIdentity | None = None


class Whom(NamedTuple):
    """Who gets a test, and as whom; without a `person`, as somebody who has everything.

    Who may send at all may write to `anybody`, others to those who work here.
    """

    to: Sequence[str]
    person: Subscriber | None = None
    language: str = ""
    data: Mapping[str, Any] = specimens.NO_DATA
    anybody: bool = False


def try_template(template: Template, *, by: Actor, **whom: Any) -> int:
    """Send the draft of a template as a test, `Whom`; how many messages. Raises Invalid."""
    return send_test(template, [Said(compiled(template))], Whom(**whom), by=by)


def compiled(template: Template, *, subject: str = "") -> Compiled:
    """The draft of a template, maybe under another subject. Raises Invalid."""
    try:
        found = templates.compiled(template)
        if not subject or subject == template.subject:
            return found
        alone = compile_template(subject=subject, html="", text="-")
        return found._replace(subject=alone.subject)
    except TemplateError as error:
        detail = f"The template “{template}”: {error}"
        raise Invalid.field("", "template_invalid", detail) from None


@transaction.atomic
def send_test(on: Any, said: Sequence[Said], whom: Whom, *, by: Actor) -> int:
    """Put test messages on their way, one of each for each address; how many that are.

    Nobody becomes a subscriber by that, and no number counts it. Raises Invalid: for addresses that
    are none, too many, suppressed or not of the team, and for content that does not work.
    """
    workspace: Workspace = on.workspace
    addresses = _addresses(workspace, whom)
    person = whom.person or previews.sample(workspace)
    first = SenderIdentity.objects.of(workspace).order_by("id").first()
    made = [
        _specimen(workspace, each, whom, person, to=to, first=first)
        for each in said
        for to in addresses
    ]
    _check_count(workspace, len(made))
    Specimen.objects.bulk_create(made)
    verb, changes = f"{on._meta.model_name}.tested", {"to": addresses, "messages": len(said)}
    audit.record(workspace, verb, by=by, on=on, changes=changes)
    return len(made)


def _addresses(workspace: Workspace, whom: Whom) -> list[str]:
    """Raises Invalid."""
    given = list(dict.fromkeys(people.parse_address(each).email for each in whom.to))
    if not 1 <= len(given) <= MOST:
        raise Invalid.field("to", "out_of_range", f"Write one to {MOST} addresses.")
    team = Membership.objects.filter(workspace=workspace).values_list("user__email", flat=True)
    known = {email.lower() for email in team}
    for each in given:
        if not (whom.anybody or each.lower() in known):
            detail = f"{each} is nobody of your team. Whoever may send campaigns can write there."
            raise Invalid.field("to", "not_of_the_team", detail)
        stopping = Suppression.objects.of(workspace).stopping(each.lower())
        if reason := stopping.exclude(reason=SuppressionReason.UNSUBSCRIBED).first():
            detail = f"{each} is suppressed: {reason.get_reason_display()}."
            raise Invalid.field("to", "suppressed", detail)
    return given


def _specimen(
    workspace: Workspace,
    said: Said,
    whom: Whom,
    person: Subscriber,
    *,
    to: str,
    first: SenderIdentity | None,
) -> Specimen:
    sender = said.sender or first
    if sender is None:
        raise Invalid.field("sender", "required", "The workspace has no sender.")
    uid = ids.new()
    try:
        subject, content = specimens.compose(
            said.compiled,
            person,
            sender=sender,
            to=to,
            name=ids.encode(Specimen.prefix, uid),
            language=whom.language,
            data=whom.data,
        )
    except (RenderError, HeaderError) as error:
        raise Invalid.field("", "template_invalid", str(error)) from error
    return Specimen(
        uid=uid,
        workspace=workspace,
        email=to,
        subject=subject[:500],
        content=content,
        sender=sender,
        due_at=clock.now(),
    )


def _check_count(workspace: Workspace, count: int) -> None:
    if count > MOST_AT_ONCE:
        raise Invalid.field("to", "too_many", f"These are {count} messages: name fewer addresses.")
    recent = Specimen.objects.of(workspace).filter(created_at__gt=clock.now() - HOUR)
    if recent.count() + count > MOST_AN_HOUR:
        detail = f"More than {MOST_AN_HOUR} tests within an hour: go on a little later."
        raise Invalid.field("to", "too_many", detail)
