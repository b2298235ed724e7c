from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.urls import reverse

from accounts.audit import SYSTEM
from accounts.models import Invitation, Membership, Workspace
from accounts.services import create_api_key
from accounts.tests.factories import MembershipFactory
from analytics.conversions import create_conversion
from campaigns.tests.factories import CampaignFactory
from delivery.models import Feedback, Outbox, SendLedger
from delivery.services import domains, mailboxes, transports, webhooks
from delivery.services.feedback import NewFeedback, record_feedback
from delivery.services.transactional import send_transactional
from delivery.tests.factories import queue
from emailseq.lib import clock
from sequences.models import Enrollment
from sequences.tests.factories import EMAIL, make_live, make_runs
from subscribers import services as people
from subscribers.facts import CustomEvent
from subscribers.models import EventName, Import
from subscribers.states import SuppressionReason
from templates_app import services as templates
from templates_app.models import Template
from templates_app.services.brand import save_block
from templates_app.services.images import keep_image
from templates_app.states import MessageClass
from templates_app.tests.test_pictures import picture

World = dict[type[Model], Model]


def make_world(workspace: Workspace, *, text: str = "Harbour") -> World:
    """One object of everything that the back office shows, each called `text` where it can be."""
    membership = Membership.objects.filter(workspace=workspace).first()
    membership = membership or MembershipFactory(workspace=workspace)
    key, _ = create_api_key(workspace=workspace, name=text, scopes=["lists:read"], by=SYSTEM)
    sequence = make_live(EMAIL, timedelta(days=2), EMAIL, workspace=workspace, name=text)
    [run] = make_runs(sequence)
    person = run.subscriber
    people.upsert(workspace, email=person.email, by=SYSTEM, first_name=text, last_name=text)
    template = sequence.steps.first().template
    type(template).objects.filter(pk=template.pk).update(name=text, subject=text)
    field = people.create_field(workspace, key="city", label=text, kind="text", by=SYSTEM)
    tag = people.create_tag(workspace, name=text[:64], slug="text", by=SYSTEM)
    segment = people.create_segment(
        workspace, name=text, slug="text", rule={"tag": "text", "op": "has"}, by=SYSTEM
    )
    form = people.create_form(
        workspace,
        name=text,
        lists=[people.create_list(workspace, name=text, slug="open", by=SYSTEM)],
        consent_text=text,
        by=SYSTEM,
    )
    sign_up = people.record_sign_up(form, email="new@example.com", origin=people.Origin(None))
    told = CustomEvent("order_placed", uid=person.uid, properties={text: 1})
    people.record_event(workspace, told, by=SYSTEM)
    suppression = people.suppress(
        workspace,
        email=f"gone-{workspace.pk}@example.com",
        reason=SuppressionReason.MANUAL,
        by=SYSTEM,
        note=text,
    )
    campaign = CampaignFactory(list=sequence.list, name=text, template=template)
    imported = Import.objects.create(
        workspace=workspace, list=sequence.list, file_name=text, digest=f"{workspace.pk}"
    )
    domain = domains.create_domain(workspace, name=f"w{workspace.pk}.example", by=SYSTEM)
    domain.findings[0]["found"] = [text]
    domain.save()
    relay = transports.create_transport(
        workspace, name=text, host="smtp.harbour.example", by=SYSTEM
    )
    transports.pause_transport(relay, by=SYSTEM)
    lane = relay.lanes.get()
    type(lane).objects.update(reason=text)
    endpoint, _ = webhooks.create_endpoint(
        workspace, url="https://93.184.216.34/hook", types=["*"], by=SYSTEM
    )
    call = webhooks.send_test(endpoint, by=SYSTEM)
    doubtful, sent = _messages(workspace, person, sequence, text)
    record_feedback([NewFeedback(sent.pk, "remark", clock.now(), reason=text, told_by=text)])
    feedback = Feedback.objects.get(message_id=sent.pk)
    mailbox = mailboxes.create_mailbox(
        workspace, name=text, host="mx.example", username="b", password="hush", by=SYSTEM
    )
    type(mailbox).objects.update(fault=text, failing_since=clock.now())
    thanks = send_transactional(workspace, template=_receipt(workspace), to=person, by=SYSTEM)
    image = keep_image(workspace, content=picture(), name=text[:100], alt=text, by=SYSTEM)
    bought = create_conversion(workspace, name=text[:100], event_name="order_placed", by=SYSTEM)
    invitation = Invitation.objects.create(
        workspace=workspace, email="new@example.com", group=membership.group, invited_by=text[:254]
    )
    audited = workspace_audit(workspace)
    made = (membership, key, audited, sequence, sequence.steps.first(), run, person, template)
    made = (*made, sequence.live_version)
    rest = (sequence.list, sequence.sender, field, suppression, campaign, imported, doubtful, sent)
    block = save_block(
        workspace,
        name=text[:100],
        slug="signature",
        blocks=[{"id": "a", "kind": "text", "text": "Yours"}],
        by=SYSTEM,
    )
    known = EventName.objects.of(workspace).get()
    others = (
        invitation,
        bought,
        block,
        image,
        domain,
        relay,
        lane,
        tag,
        known,
        segment,
        form,
        sign_up,
        endpoint,
        call,
        feedback,
        mailbox,
        thanks,
        workspace,
    )
    return {type(each): each for each in (*made, *rest, *others)}


def _receipt(workspace: Workspace) -> Template:
    receipt = templates.create_template(
        workspace,
        name="Receipt",
        slug="receipt",
        subject="Thanks",
        text="Thank you.",
        message_class=MessageClass.TRANSACTIONAL,
        by=SYSTEM,
    )
    templates.publish(receipt, by=SYSTEM)
    return receipt


def workspace_audit(workspace: Workspace) -> Any:
    return _model("accounts.auditentry").objects.of(workspace).order_by("-id").first()


def urls_of(target: Model) -> dict[str, str]:
    """Every action on an object, by the name of its verb."""
    model_admin = admin.site._registry[type(target)]
    offers = (*model_admin._get_base_actions_detail(), *model_admin._get_base_actions_row())
    return {
        offer.method.original_function_name: reverse(f"admin:{offer.action_name}", args=[target.pk])
        for offer in offers
    }


def list_actions(model: type[Model]) -> list[str]:
    offers = admin.site._registry[model]._get_base_actions_list()
    return [reverse(f"admin:{offer.action_name}") for offer in offers]


def page_of(target: Model, page: str = "change") -> str:
    return reverse(f"admin:{target._meta.label_lower.replace('.', '_')}_{page}", args=[target.pk])


def list_of(model: type[Model]) -> str:
    return reverse(f"admin:{model._meta.label_lower.replace('.', '_')}_changelist")


def _messages(
    workspace: Workspace, person: Any, sequence: Any, text: str
) -> tuple[Outbox, SendLedger]:
    run = Enrollment.objects.get(sequence=sequence)
    queue([run.subscriber], on=sequence.list, source_id=sequence.pk, kind="sequence")
    message = Outbox.objects.get(kind="sequence", source_id=sequence.pk)
    now = clock.now()
    in_doubt = {"wire_at": now, "doubt_at": now, "lease_token": uuid.uuid4()}
    Outbox.objects.filter(pk=message.pk).update(**in_doubt, last_reply=text)
    shared = {
        field.attname: getattr(message, field.attname)
        for field in SendLedger._meta.fields
        if hasattr(message, field.attname)
    }
    sent = SendLedger.objects.create(
        **{**shared, "id": message.pk + 1_000_000},
        finished_at=now,
        outcome="sent",
        reason="",
        reply=text,
    )
    message.refresh_from_db()
    return message, sent


def _model(label: str) -> Any:
    return next(model for model in admin.site._registry if model._meta.label_lower == label)
