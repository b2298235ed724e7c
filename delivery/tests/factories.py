from __future__ import annotations

import factory

from accounts.audit import SYSTEM
from accounts.tests.factories import WorkspaceFactory
from delivery import services
from delivery.dkim import RSA_2048
from delivery.models import Outbox, SenderIdentity, SendingDomain
from delivery.services import NewMessage, domains
from delivery.states import MessageClass, Priority, SourceKind
from delivery.tests.names import NameServer
from emailseq.lib import clock
from subscribers.models import List, Subscriber
from templates_app.tests.factories import TemplateVersionFactory


class SenderFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = SenderIdentity

    workspace = factory.SubFactory(WorkspaceFactory)
    name = "Mié at Harbour"
    email = "mie@harbour.example"
    reply_to = "help@harbour.example"


def make_domain(
    names: NameServer, *algorithms: str, name: str = "harbour.example", **given
) -> SendingDomain:
    """A verified domain that signs by RSA, or by what is given."""
    domain = domains.create_domain(
        given.pop("workspace", None) or WorkspaceFactory(), name=name, by=SYSTEM, **given
    )
    for algorithm in algorithms:
        domains.rotate_key(domain, algorithm=algorithm, by=SYSTEM)
    if algorithms and RSA_2048 not in algorithms:
        domain.keys.filter(algorithm=RSA_2048).delete()
    names.publish(domain)
    return domains.check_domain(domain, by=SYSTEM)


def queue(
    people: list[Subscriber],
    *,
    on: List | None,
    source_id: int = 1,
    kind: str = SourceKind.CAMPAIGN,
    priority: int = Priority.CAMPAIGN,
    message_class: str = MessageClass.MARKETING,
    sender: SenderIdentity | None = None,
    **content,
) -> list[Outbox]:
    """A due message from one source to each of the people, through the public verbs."""
    workspace = people[0].workspace
    version = TemplateVersionFactory(template__workspace=workspace, **content)
    sender = sender or SenderFactory(workspace=workspace)
    services.mirror(workspace=workspace, kind=kind, source_id=source_id, name="November news")
    services.queue_many(
        [
            NewMessage(
                workspace.pk,
                kind,
                source_id,
                "",
                0,
                "",
                person.pk,
                on and on.pk,
                version.pk,
                sender.pk,
                message_class,
                priority,
            )
            for person in people
        ],
        now=clock.now(),
    )
    return [*Outbox.objects.filter(source_id=source_id, kind=kind).order_by("id")]
