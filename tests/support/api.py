"""Every route of the API as the URL conf has it, and a workspace that has one of everything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from drf_spectacular.generators import EndpointEnumerator

from accounts.audit import SYSTEM
from accounts.models import APIKey, Workspace
from accounts.services import create_api_key
from accounts.tests.factories import WorkspaceFactory
from analytics.conversions import create_conversion
from analytics.models import Conversion
from campaigns import variants
from campaigns.models import Campaign
from campaigns.tests.factories import CampaignFactory
from delivery.models import (
    DkimKey,
    Mailbox,
    SenderIdentity,
    SendingDomain,
    TransactionalMessage,
    Transport,
    WebhookCall,
    WebhookEndpoint,
)
from delivery.services import domains, mailboxes, transports, webhooks
from delivery.services.transactional import send_transactional
from sequences.models import Backfill, Enrollment, Sequence, Step, Trigger
from sequences.services.backfill import start_backfill
from sequences.tests.factories import EMAIL, make_live, make_runs
from subscribers.facts import CustomEvent
from subscribers.imports.jobs import upload
from subscribers.models import (
    CustomField,
    Event,
    EventName,
    Form,
    Import,
    List,
    Segment,
    Subscriber,
    Subscription,
    Suppression,
    Tag,
    TagAssignment,
)
from subscribers.services import (
    create_field,
    create_form,
    create_segment,
    create_tag,
    record_event,
    suppress,
    tag_people,
)
from subscribers.states import SuppressionReason
from templates_app.models import Brand, Image, SavedBlock, Template
from templates_app.services import create_template, publish, put_translation
from templates_app.services.brand import save_block
from templates_app.services.images import keep_image
from templates_app.states import MessageClass
from templates_app.tests.test_pictures import picture

WEBHOOK = "https://93.184.216.34/hook"


@dataclass(frozen=True)
class Operation:
    """One method of one route."""

    method: str
    path: str
    view: type
    action: str

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


def operations() -> list[Operation]:
    found = []
    for path, _, method, callback in EndpointEnumerator().get_api_endpoints():
        if path.startswith("/api/v1/") and hasattr(callback, "actions"):
            action = callback.actions[method.lower()]
            found.append(Operation(method, path, callback.cls, action))
    return found


@dataclass(frozen=True)
class World:
    """The ids of a workspace's objects, by the first part of the path that they live under."""

    workspace: Workspace
    ids: dict[str, str]

    def fill(self, path: str, **others: str) -> str:
        """The path with this workspace's objects in it, or `others` by collection.

        What stands in braces is an object of the collection that is named before it.
        """
        ids, filled = {**self.ids, **others}, list[str]()
        for part in path.split("/"):
            filled.append(ids[filled[-1]] if part.startswith("{") else part)
        return "/".join(filled)

    def snapshot(self) -> dict[str, Any]:
        """Every row of the workspace that a call could have changed."""
        own = {"workspace": self.workspace}
        by_sequence = {"sequence__workspace": self.workspace}
        rows = {
            model: list(model.objects.filter(**own).order_by("pk").values())
            for model in (
                *(List, Subscriber, Suppression, Template, Sequence, Campaign),
                *(Import, Tag, CustomField, EventName, Segment, Form, Conversion),
                *(Brand, SavedBlock, Image, APIKey),
                *(
                    SenderIdentity,
                    SendingDomain,
                    Transport,
                    Mailbox,
                    TransactionalMessage,
                    Backfill,
                    Enrollment,
                    Event,
                ),
                *(WebhookEndpoint, WebhookCall),
            )
        }
        rows[Step] = list(Step.objects.filter(**by_sequence).order_by("pk").values())
        rows[Trigger] = list(Trigger.objects.filter(**by_sequence).order_by("pk").values())
        keys = DkimKey.objects.filter(domain__workspace=self.workspace)
        rows[DkimKey] = list(keys.order_by("pk").values())
        places = Subscription.objects.filter(list__workspace=self.workspace)
        rows[Subscription] = list(places.order_by("pk").values())
        carried = TagAssignment.objects.filter(tag__workspace=self.workspace)
        rows[TagAssignment] = list(carried.order_by("pk").values())
        return rows


def make_world() -> World:
    workspace = WorkspaceFactory()
    sequence = make_live(EMAIL, workspace=workspace)
    (run,) = make_runs(sequence)
    campaign = CampaignFactory(list=sequence.list)
    tried = [variants.Other(subject="Another subject")]
    variants.set_trial(campaign, variants=tried, by=SYSTEM, expected_revision=1)
    suppression = suppress(
        workspace, email="no@example.com", reason=SuppressionReason.MANUAL, by=SYSTEM
    )
    domain = domains.create_domain(workspace, name="harbour.example", by=SYSTEM)
    relay = transports.create_transport(
        workspace, name="Relay", host="smtp.harbour.example", by=SYSTEM
    )
    bounces = mailboxes.create_mailbox(
        workspace,
        name="Bounces",
        host="imap.harbour.example",
        username="bounces",
        password="hush hush",
        by=SYSTEM,
    )
    endpoint, _ = webhooks.create_endpoint(workspace, url=WEBHOOK, types=["*"], by=SYSTEM)
    vip = create_tag(workspace, name="VIP", by=SYSTEM)
    tag_people(vip, [run.subscriber_id], by=SYSTEM)
    boat = create_field(workspace, key="boat", label="Boat", kind="text", by=SYSTEM)
    pros = create_segment(
        workspace, name="VIPs", slug="vips", rule={"tag": "vip", "op": "has"}, by=SYSTEM
    )
    form = create_form(
        workspace, name="Join", lists=[sequence.list], consent_text="Yes, mail me.", by=SYSTEM
    )
    people = upload(
        workspace, file_name="people.csv", content=[b"email\nada@example.com\n"], by=SYSTEM
    )
    told = CustomEvent("order_placed", uid=run.subscriber.uid, properties={"total": 7})
    record_event(workspace, told, by=SYSTEM)
    receipt = create_template(
        workspace,
        name="Receipt",
        slug="receipt",
        subject="Thanks",
        text="Thank you.",
        message_class=MessageClass.TRANSACTIONAL,
        by=SYSTEM,
    )
    publish(receipt, by=SYSTEM)
    put_translation(
        campaign.template, language="de", subject="Hallo", html=campaign.template.html, by=SYSTEM
    )
    publish(campaign.template, by=SYSTEM)
    open_from = [{"id": "a", "kind": "text", "text": "Open from nine"}]
    hours = save_block(workspace, name="Hours", slug="hours", blocks=open_from, by=SYSTEM)
    thanks = send_transactional(workspace, template=receipt, to=run.subscriber, by=SYSTEM)
    boats = keep_image(workspace, content=picture(), name="Boats", by=SYSTEM)
    key, _ = create_api_key(workspace, name="Shop", scopes=["lists:read"], by=SYSTEM)
    bought = create_conversion(workspace, name="Bought", event_name="order_placed", by=SYSTEM)
    return World(
        workspace,
        {
            "conversions": bought.public_id,
            "saved-blocks": hours.public_id,
            "media": boats.public_id,
            "api-keys": key.public_id,
            "tags": vip.public_id,
            "fields": boat.public_id,
            "forms": form.public_id,
            "segments": pros.public_id,
            "lists": sequence.list.public_id,
            "imports": people.public_id,
            "subscribers": run.subscriber.public_id,
            "by-email": run.subscriber.email,
            "suppressions": suppression.public_id,
            "templates": campaign.template.public_id,
            "sender-identities": sequence.sender.public_id,
            "sequences": sequence.public_id,
            "steps": sequence.steps.get().key,
            "trials": sequence.steps.get().key,
            "versions": "1",
            "translations": "de",
            "enrollments": run.public_id,
            "backfills": start_backfill(sequence, per_day=10, by=SYSTEM).public_id,
            "campaigns": campaign.public_id,
            "sending-domains": domain.public_id,
            "transports": relay.public_id,
            "messages": thanks.public_id,
            "mailboxes": bounces.public_id,
            "webhook-endpoints": endpoint.public_id,
            "deliveries": webhooks.send_test(endpoint, by=SYSTEM).public_id,
        },
    )
