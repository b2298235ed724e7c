"""Test sends of a sequence: all its messages, or those of a step."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from accounts.audit import Actor
from delivery.services import specimens
from delivery.services.specimens import Said, Whom
from emailseq.lib.errors import Invalid
from sequences import draft, frozen
from sequences.models import Sequence, Step
from templates_app.models import Template


def try_sequence(sequence: Sequence, *, by: Actor, **whom: Any) -> int:
    """Send every message of a sequence's draft as a test, in order; how many. Raises Invalid."""
    return _send(sequence, frozen.templates(draft.read(sequence)), by=by, **whom)


def try_step(step: Step, *, by: Actor, **whom: Any) -> int:
    """Send the message of a step as a test, in each variant; how many. Raises Invalid."""
    own = [step.template] if step.template else []
    others = [each.template for each in step.variants.select_related("template")]
    return _send(step.sequence, dict.fromkeys([*own, *others]), by=by, **whom)


def _send(sequence: Sequence, templates: Iterable[Template], *, by: Actor, **whom: Any) -> int:
    said = [Said(specimens.compiled(template), sequence.sender) for template in templates]
    if not said:
        raise Invalid.field("", "empty", "It sends no message yet.")
    return specimens.send_test(sequence, said, Whom(**whom), by=by)
