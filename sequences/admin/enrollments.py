"""People's ways through sequences: what happened on one, what is ahead, what can be done to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.audit import Actor
from emailseq.backoffice.columns import column, state_badge, subscriber_link
from emailseq.backoffice.mixins import WorkspaceAdmin
from emailseq.backoffice.pages import Request, require
from emailseq.backoffice.verbs import Verb, pause, resume
from emailseq.lib import clock
from emailseq.lib.errors import Conflict
from sequences import dry_run, kinds, outlook, why
from sequences.admin.insight import shown
from sequences.admin.words import step_words
from sequences.dry_run import Script
from sequences.models import Enrollment, Step
from sequences.program import EmailStep
from sequences.services import lifecycle
from sequences.states import ENROLLMENT_MOVES, LIVE_RUN, StepKind
from subscribers.admin import timeline
from subscribers.admin.timeline import Words
from subscribers.models import Subscriber

CAME_TO = Words("arrow_forward", "plain", _("Came to step {number}: {step}"))
LEFT_BY = Words("call_split", "plain", _("Left step {number} by the arm {arm}"))


def _one(verb: Callable[..., int]) -> Callable[..., None]:
    """A verb on runs as one on a single run. Raises Conflict when the run's state forbids it."""

    def act(run: Enrollment, *, by: Actor) -> None:
        if not verb(Enrollment.objects.filter(pk=run.pk), by=by):
            raise Conflict(gettext("Its state does not allow that."))

    return act


VERBS = (
    pause(_one(lifecycle.pause), right="sequences:write"),
    resume(_one(lifecycle.resume), right="sequences:write"),
    Verb(
        _one(lifecycle.exit),
        name="exit",
        label=_("End"),
        right="sequences:write",
        icon="logout",
        done=_("“{}” has ended."),
    ),
)


@admin.register(Enrollment)
class EnrollmentAdmin(WorkspaceAdmin):
    """Reached from a sequence, whose id the URL then carries as a filter."""

    resource = "subscribers"  # its rows name people, whom not every author may see
    hint = _("One row per run: who is inside, how far, and when they go on.")
    list_display = (
        column(_("Run"), lambda run: gettext("Run %d") % run.run),
        subscriber_link,
        "sequence",
        state_badge,
        column(_("Stands at"), lambda run: run.stands_at),
        "started_at",
        "due_at",
        "reason",
    )
    list_select_related = ("subscriber", "sequence")
    list_filter = ("state",)
    change_form_template = "sequences/run.html"
    moves = ENROLLMENT_MOVES
    row_verbs = VERBS
    page_verbs = VERBS

    def get_urls(self) -> list[URLPattern]:
        fragment = self.admin_site.admin_view(self.ahead_fragment)
        route = "of/<int:subscriber_id>/ahead/"
        return [path(route, fragment, name="sequences_enrollment_ahead"), *super().get_urls()]

    def ahead_fragment(self, request: Request, subscriber_id: int) -> HttpResponse:
        """What sequences are going to send to somebody, for their page."""
        require(request, "subscribers:read")
        person = get_object_or_404(Subscriber.objects.of(request.workspace), pk=subscriber_id)
        ahead = [
            {**shown(line), "run": run}
            for run, entry in outlook.upcoming(person)
            for line in dry_run.in_words(
                [entry], dry_run.of_version(run.version_id), request.workspace
            )
        ]
        return render(request, "sequences/ahead.html", {"ahead": ahead})

    def get_queryset(self, request: Request) -> Any:
        beside = ("subscriber", "sequence__workspace", "sequence__list", "version")
        return super().get_queryset(request).select_related(*beside).defer("version__program")

    def read_beside(self, rows: list[Any]) -> None:
        places = {(row.sequence_id, row.position.partition("/")[0]) for row in rows}
        steps = Step.objects.filter(
            sequence__in={sequence for sequence, _ in places}, key__in={key for _, key in places}
        ).select_related("template")
        names = {(step.sequence_id, step.key): step_words(step) for step in steps}
        for row in rows:
            row.stands_at = names.get((row.sequence_id, row.position.partition("/")[0]), "")

    def page_context(self, request: Request, target: Enrollment) -> dict[str, Any]:
        script = dry_run.of_version(target.version_id)
        return {
            "run": target,
            "told": [_told(entry, script) for entry in why.log(target)],
            "ahead": _ahead(target, script) if target.state in LIVE_RUN else [],
        }


def _told(entry: dict[str, Any], script: Script) -> dict[str, Any]:
    """An entry of the log as a sentence, with its icon and its colour."""
    key, kind = entry["step"], entry["kind"]
    if kind == kinds.ENROLLMENT_STEP:
        words = LEFT_BY if entry["arm"] else CAME_TO
    else:
        plain = Words("circle", "plain", kind)
        told = timeline.WORDS
        words = told.get(f"{kind} {entry['verdict']}") or told.get(kind, plain)
    step = script.program.at(key) if key in script.program else None
    names = {
        "number": script.numbers.get(key, "–"),
        "step": StepKind(step.kind).label if step else key,
        "arm": entry["arm"],
        "message": script.slugs.get(getattr(step, "template_version_id", 0), gettext("a message")),
        "reason": entry["why"] or gettext("no reason given"),
        "source": gettext("the sequence"),
    }
    beside = entry["why"] if "{reason}" not in str(words.sentence) else ""
    if entry["variant"]:
        beside = gettext("Variant %s") % entry["variant"]
    sentence = str(words.sentence).format_map(names)
    return {"at": entry["at"], "words": words, "sentence": sentence, "beside": beside}


def _ahead(run: Enrollment, script: Script) -> list[dict[str, Any]]:
    """The messages of the next 30 days, if they do nothing but get their mail."""
    until = clock.now() + outlook.DAYS * outlook.DAY
    entries = [
        entry
        for _run, found in outlook.ahead([run], until=until)
        for entry in found
        if entry.kind == EmailStep.kind
    ]
    return [shown(line) for line in dry_run.in_words(entries, script, run.sequence.workspace)]
