"""What is odd about what the messages of a draft say, to those who may get them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from emailseq.lib.errors import Problem
from sequences import draft
from sequences.draft import Node
from sequences.models import Sequence
from sequences.validate.words import of_step
from subscribers.models import Subscriber, Subscription
from subscribers.states import SubscriptionState
from templates_app import review
from templates_app.models import Template


def warnings(sequence: Sequence, nodes: Iterable[Node]) -> Iterator[Problem]:
    """Of each template once, at the first step that sends it."""
    people = Subscriber.objects.of(sequence.workspace).filter(archived_at=None)
    if sequence.list:
        places = Subscription.objects.filter(list=sequence.list, state=SubscriptionState.CONFIRMED)
        people = people.filter(pk__in=places.values("subscriber"))
    sent: dict[Template, Node] = {}
    for node in draft.walk(nodes):
        for template in _templates(node):
            sent.setdefault(template, node)
    for template, node in sent.items():
        for odd in review.warnings(template, to=people):
            yield of_step(node, odd.code, f"“{template}”: {odd.detail}", member="/template")


def _templates(node: Node) -> Iterator[Template]:
    if node.step.template:
        yield node.step.template
    yield from (each.template for each in node.step.variants.all())
