"""What stands in the way of a template, and what to look at twice: for pages, API and commands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.db.models import Count, Q, QuerySet, TextField, Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce
from django.db.models.lookups import Exact

from emailseq.lib import signing
from emailseq.lib.errors import Invalid, Problem
from subscribers.models import Subscriber
from templates_app import lint, liquid, rendering, samples, services, versions
from templates_app.compiler import Compiled, compile_template
from templates_app.lint import Checks
from templates_app.liquid import TemplateError
from templates_app.models import Image, Template, TemplateVersion
from templates_app.rendering import Addresses, RenderError, address
from templates_app.services import languages

LOOKED_AT = 50_000  # people whose fields are counted; of more it is said how many that were
_COLUMNS = ("first_name", "last_name", "time_zone")


def check(template: Template) -> Checks:
    """What keeps the draft from being published, and what is odd about it."""
    try:
        services.check(template)
        blocks: list[Problem] = []
    except Invalid as refused:
        blocks = list(map(_told, refused.errors))
    everybody = Subscriber.objects.of(template.workspace).filter(archived_at=None)
    return Checks(blocks, warnings(template, to=everybody))


def warnings(template: Template, *, to: QuerySet[Subscriber]) -> list[Problem]:
    """What is odd about a draft that goes to these people, in all languages; nothing of one that
    does not compile."""
    try:
        spoken = {"": template, **languages.drafts_of(template)}
        found = [each for tag, own in spoken.items() for each in _oddities(template, own, tag)]
        return [*found, *_gaps(list(spoken.values()), to)]
    except (Invalid, TemplateError):
        return []


def _oddities(template: Template, draft: Template, language: str) -> Iterator[Problem]:
    try:
        compiled = compile_template(**_sources(draft))
        before = list(_earlier_subjects(template, language))
        piece = _piece(draft, compiled, before)
    except (TemplateError, RenderError):
        return
    at = f"/translations/{language}" if language else ""
    for each in lint.warnings(piece):
        yield _told(replace(each, pointer=at + each.pointer))


def _told(problem: Problem) -> Problem:
    """What is wrong with a translation says with which."""
    _, place, language, *_rest = [*problem.pointer.split("/"), "", "", ""]
    if place != "translations":
        return problem
    return replace(problem, detail=f"{language}: {problem.detail}")


def gaps(keys: list[str], *, of: QuerySet[Subscriber]) -> tuple[int, dict[str, int]]:
    """How many people were looked at, and how many of those have nothing in each field."""
    looked_at = Subscriber.objects.filter(pk__in=of.order_by("pk").values("pk")[:LOOKED_AT])
    counts = {
        f"empty_{place}": Count("pk", filter=_is_empty(key)) for place, key in enumerate(keys)
    }
    found = looked_at.aggregate(people=Count("pk"), **counts)
    return found.pop("people"), dict(zip(keys, found.values(), strict=True))


def weight(compiled: Compiled, context: Mapping[str, Any]) -> int:
    """The bytes of the HTML as it is sent: encoded, and with addresses as long as real ones."""
    click = address(f"{settings.TRACKING_URL}/c/v2.{signing.newest()}.7fffffff.")
    end = address("0" * 32)
    ends = [end] * (len(compiled.links) + 1)
    ours = dict.fromkeys(services.WAYS, settings.TRACKING_URL + "0" * 50)
    addresses = Addresses(click, ends, click + end, click + end, ours, end)
    return sum(map(len, rendering.render(compiled, context, addresses).html_qp))


def _gaps(drafts: list[Template], people: QuerySet[Subscriber]) -> Iterator[Problem]:
    sources = [(part, source) for draft in drafts for part, source in _sources(draft).items()]
    printed = {
        path[1]: part
        for part, source in reversed(sources)  # the first that prints it is told
        for path in liquid.check(source).bare
        if path[:1] == ("subscriber",) and len(path) == 2
    }
    printed.pop("email", None)
    if not printed:
        return
    total, empty = gaps(sorted(printed), of=people)
    whom = f"of the first {total}" if total == LOOKED_AT else f"of {total}"
    for key, count in empty.items():
        if count:
            detail = f"subscriber.{key} is empty for {count} {whom} people, and has no default."
            yield Problem(f"/{printed[key]}", "field_empty", detail)


def _piece(draft: Template, compiled: Compiled, earlier: list[str]) -> lint.Piece:
    full, reading = samples.full(draft.workspace), lint.read(draft.html)
    sources = [each.source for each in reading.pictures]
    return lint.Piece(
        reading=reading,
        shown=rendering.preview(compiled, full),
        size=weight(compiled, full),
        bare_subject=rendering.preview(compiled, samples.bare(draft.workspace)).subject,
        earlier=earlier,
        weights=Image.objects.of(draft.workspace).weights(sources),
    )


def _earlier_subjects(template: Template, language: str) -> Iterator[str]:
    context = samples.full(template.workspace)
    others = TemplateVersion.objects.filter(template__workspace=template.workspace_id)
    last = others.exclude(template=template).order_by("-id").values_list("id", flat=True).first()
    for compiled in versions.compiled([last] if last else []).values():
        yield rendering.preview(compiled.spoken_to(language), context).subject


def _is_empty(key: str) -> Q:
    if key in _COLUMNS:
        return Q(**{key: ""})
    stored = Coalesce(KeyTextTransform(key, "fields"), Value("", TextField()))
    return Q(Exact(stored, Value("")))


def _sources(template: Template) -> dict[str, str]:
    return {part: getattr(template, part) for part in services.PARTS}
