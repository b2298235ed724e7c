"""A template rendered for those who would get it: what would go wrong, and how often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from time import monotonic
from typing import Any

from django.db.models import F, QuerySet

from delivery import letters
from emailseq.lib.errors import Problem
from subscribers.models import Subscriber
from templates_app import liquid, rendering, review
from templates_app.compiler import Compiled, compile_template
from templates_app.lint.rules import CLIPPED
from templates_app.liquid import TemplateError
from templates_app.models import Template
from templates_app.rendering import RenderError
from templates_app.services import PARTS

LOOKED_AT = 1_000  # people, spread over all of them
SECONDS = 2.0
_SAID = {
    "render_failed": ("html", "it cannot be rendered"),
    "subject_empty": ("subject", "the subject is empty"),
    "size_clipped": ("html", "Gmail clips it at 102 KB"),
    "link_incomplete": ("html", "a link lacks what makes it theirs"),
}


def rehearse(template: Template, people: QuerySet[Subscriber], *, count: int) -> list[Problem]:
    """What goes wrong for some of these `count` people; of many, every so-manieth is looked at."""
    try:
        compiled = compile_template(**{part: getattr(template, part) for part in PARTS})
    except TemplateError:
        return []  # that is in the way of everybody, and told elsewhere
    links = [liquid.check(link).bare for link in compiled.links]
    found, total, until = Counter[str](), 0, monotonic() + SECONDS
    for person in _spread(people, count):
        person.workspace = template.workspace
        found.update(set(_faults(compiled, links, letters.context_of(person))))
        total += 1
        if monotonic() > until:
            break
    return [_problem(code, found[code], total) for code in _SAID if found[code]]


def _spread(people: QuerySet[Subscriber], count: int) -> Iterator[Subscriber]:
    step = max(1, count // LOOKED_AT)
    rows = people.annotate(turn=F("pk") % step).filter(turn=0) if step > 1 else people
    return rows.order_by("pk")[:LOOKED_AT].iterator()


def _faults(
    compiled: Compiled, links: Sequence[frozenset[tuple[str, ...]]], context: Mapping[str, Any]
) -> Iterator[str]:
    try:
        if not rendering.preview(compiled, context).subject.strip():
            yield "subject_empty"
        if review.weight(compiled, context) > CLIPPED:
            yield "size_clipped"
    except RenderError:
        yield "render_failed"
    if any(_lacks(context, path) for bare in links for path in bare):
        yield "link_incomplete"


def _lacks(context: Mapping[str, Any], path: tuple[str, ...]) -> bool:
    value: Any = context
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value in (None, "")


def _problem(code: str, number: int, total: int) -> Problem:
    part, said = _SAID[code]
    return Problem(f"/{part}", code, f"For {number} of {total} people looked at {said}.")
