"""Pages about a sequence that change nothing: played for one person, the days ahead, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from django.forms import Form
from django.http import HttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from delivery import explain
from delivery.explain import Gate
from delivery.states import SourceKind
from emailseq.backoffice.mixins import WorkspaceAdmin
from emailseq.backoffice.pages import Request, allows, render_page, require
from emailseq.lib.errors import AppError
from sequences import draft, dry_run, outlook, why
from sequences.admin.insight_forms import SimulationForm, WhyForm
from sequences.dry_run import Line
from sequences.models import Sequence
from sequences.states import StepKind
from subscribers.models import Subscriber

TITLES = {
    "simulate": _("Played for somebody"),
    "forecast": _("The next 30 days"),
    "why": _("Why?"),
}
# What the lines of a simulation are about, besides steps.
MOMENTS = {
    "started": _("They come in"),
    "completed": _("They have come to the end"),
    "goal": _("The goal is reached"),
    "exited": _("They leave"),
    "refused": _("They are not let in"),
    "held_out": _("They are held out, to compare with"),
}
GATES = {
    "sequence": _("Sequence"),
    "trigger": _("What starts it"),
    "entry rule": _("Entry rule"),
    "re-entry": _("Coming again"),
    "enrolled": _("Inside"),
    "holdout": _("Kept out, to compare"),
    "step": _("Step"),
    "archived": _("Archived?"),
    "suppressed": _("Suppressed?"),
    "consent": _("Consent"),
    "running": _("Running"),
    "paused": _("Everything paused?"),
    "fence": _("Deployment fence"),
    "safe mode": _("Safe mode"),
    "time zone": _("Time zone"),
    "window": _("Send window"),
    "quiet hours": _("Quiet hours"),
    "frequency cap": _("Frequency cap"),
}

View = Callable[[WorkspaceAdmin, Request, Sequence], HttpResponse]


def urls(owner: WorkspaceAdmin) -> list[URLPattern]:
    """Where the pages are, below the admin of sequences."""
    views: dict[str, View] = {"simulate": _simulate, "forecast": _forecast, "why": _why}
    return [
        path(
            f"<int:object_id>/{name}/",
            owner.admin_site.admin_view(partial(_view, owner, view)),
            name=f"sequences_sequence_{name}",
        )
        for name, view in views.items()
    ]


def offered(request: Request) -> dict[str, bool]:
    """Which of the pages the person may see."""
    return {
        "may_forecast": allows(request, "reports:read"),
        "may_ask_why": allows(request, "subscribers:read"),
    }


def _view(owner: WorkspaceAdmin, view: View, request: Request, object_id: int) -> HttpResponse:
    require(request, "sequences:read")
    return view(owner, request, owner.get_object(request, str(object_id)))


def _page(
    owner: WorkspaceAdmin, request: Request, sequence: Sequence, template: str, **context: Any
) -> HttpResponse:
    beside = {"opts": owner.opts, "original": sequence, "sequence": sequence}
    title = f"{sequence} · {TITLES[template]}"
    return render_page(request, f"sequences/{template}.html", title=title, **beside, **context)


def _simulate(owner: WorkspaceAdmin, request: Request, sequence: Sequence) -> HttpResponse:
    form = SimulationForm(request.GET or None, request=request, target=sequence)
    lines: list[dict[str, Any]] | None = None
    if form.is_valid():
        try:
            script = form.script()
            lines = [shown(line) for line in dry_run.dry_run(sequence, script, form.scenario())]
        except AppError as error:
            form.refuse(error)
    return _page(owner, request, sequence, "simulate", form=form, lines=lines)


def shown(line: Line) -> dict[str, Any]:
    """A line of a simulation for people to read."""
    entry = line.entry
    kind = MOMENTS[entry.kind] if entry.kind in MOMENTS else StepKind(entry.kind).label
    return {
        "line": line,
        "what": f"{kind} → {entry.arm}" if entry.arm else kind,
        "local": entry.local.replace(tzinfo=None),  # on their clock, whatever that of the reader
        "zone": entry.zone.key,
        "why": line.problem or entry.why,
    }


def _forecast(owner: WorkspaceAdmin, request: Request, sequence: Sequence) -> HttpResponse:
    require(request, "reports:read")
    found = outlook.forecast(sequence)
    return _page(
        owner,
        request,
        sequence,
        "forecast",
        forecast=found,
        days=found.by_day.items(),
        most=max(found.by_day.values(), default=0) or 1,
        total=sum(found.by_day.values()),
    )


def _why(owner: WorkspaceAdmin, request: Request, sequence: Sequence) -> HttpResponse:
    require(request, "subscribers:read")
    form = WhyForm(request.GET or None, request=request, target=sequence)
    answer: dict[str, Any] = {}
    if form.is_valid():
        answer = _answer(sequence, form)
    return _page(owner, request, sequence, "why", form=form, **answer)


def _answer(sequence: Sequence, form: Form) -> dict[str, Any]:
    person: Subscriber = form.cleaned_data["person"]
    gates = why.gates(person, sequence, step_key=form.cleaned_data["step"])
    return {
        "person": person,
        "gates": list(_gates(gates)),
        "closed": [gate for gate in gates if not gate.passed],
        "messages_of": list(_messages(sequence, person)),
    }


def _gates(gates: list[Gate]) -> Iterator[tuple[str, bool, str, str]]:
    """Each gate as its name, whether it is open, that in a word, and why."""
    for gate in gates:
        said = gettext("open") if gate.passed else gettext("closed")
        yield str(GATES.get(gate.gate, gate.gate)), gate.passed, said, gate.because


def _messages(sequence: Sequence, person: Subscriber) -> Iterator[str]:
    """What became of each message, by the number of its step while there is one."""
    numbers = {node.step.key: node.label for node in draft.walk(draft.read(sequence))}
    for line in explain.messages(person, SourceKind.SEQUENCE, sequence.pk):
        key, _colon, rest = line.partition(": ")
        yield f"{numbers.get(key, key)}: {rest}"
