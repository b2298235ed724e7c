"""A draft as somebody would get it: somebody in particular, anybody, or who has least to say."""

from __future__ import annotations

from random import randint
from typing import Any, NamedTuple

from django.db.models import Case, F, IntegerField, QuerySet, Value, When
from django.db.models.expressions import RawSQL

from accounts.models import Workspace
from delivery import letters
from delivery.utm import NOTHING, Tags, tagged
from emailseq.lib.errors import Invalid
from subscribers.models import Subscriber
from templates_app import rendering, review, samples, services
from templates_app.lint import reading
from templates_app.liquid import TemplateError
from templates_app.models import Template
from templates_app.rendering import RenderError

RANDOM, EMPTIEST = "random", "emptiest"
LOOKED_AT = 10_000  # of the newest people, for the one with least


class Shown(NamedTuple):
    """What a person would get; `size` is the bytes of its HTML as it is sent."""

    subject: str
    preheader: str
    html: str
    text: str
    size: int


def everybody(workspace: Workspace) -> QuerySet[Subscriber]:
    return Subscriber.objects.of(workspace).filter(archived_at=None)


def somebody(people: QuerySet[Subscriber], who: str) -> Subscriber | None:
    """Any of them (`random`), or whoever has the fewest merge fields (`emptiest`)."""
    if who == EMPTIEST:
        return _emptiest(people)
    newest, oldest = people.order_by("-pk").first(), people.order_by("pk").first()
    if newest is None or oldest is None:
        return None
    drawn = randint(oldest.pk, newest.pk)  # noqa: S311 - guards nothing
    return people.filter(pk__gte=drawn).order_by("pk").first()


def sample(workspace: Workspace) -> Subscriber:
    """Somebody of whom everything is known, who is nobody."""
    known: dict[str, Any] = samples.full(workspace)["subscriber"]
    fields = {key: value for key, value in known.items() if key not in samples.FULL}
    return Subscriber(workspace=workspace, fields=fields, **samples.FULL)


def show(
    template: Template, person: Subscriber, *, language: str = "", tags: Tags = NOTHING
) -> Shown:
    """The draft as this person would get it, or in another language. Links are not tracked, and
    lead where a click leads in the end.

    Raises Invalid where the draft does not work for them.
    """
    context = letters.context_of(person)
    try:
        compiled = services.compiled(template).spoken_to(language or person.language)
        shown = rendering.preview(compiled, context, via=lambda url: tagged(url, tags))
        size = review.weight(compiled, context)
    except (TemplateError, RenderError) as error:
        raise Invalid.field("", "template_invalid", str(error)) from error
    return Shown(shown.subject, reading.preheader(shown.html), shown.html, shown.text, size)


def _emptiest(people: QuerySet[Subscriber]) -> Subscriber | None:
    newest = people.order_by("-pk").values("pk")[:LOOKED_AT]
    names = sum((_is_there(name) for name in ("first_name", "last_name", "time_zone")), Value(0))
    count = "(SELECT count(*) FROM jsonb_object_keys(fields))"
    fields = RawSQL(count, (), output_field=IntegerField())  # noqa: S611 - it holds no input
    least = Subscriber.objects.filter(pk__in=newest).annotate(known=names + fields)
    return least.order_by(F("known"), "pk").first()


def _is_there(name: str) -> Any:
    return Case(When(**{name: ""}, then=0), default=1, output_field=IntegerField())
