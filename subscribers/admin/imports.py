"""Imports: the list, and the page of one from its file to its result."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.http import Http404, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from emailseq.backoffice.columns import column, state_badge
from emailseq.backoffice.mixins import WorkspaceAdmin
from emailseq.backoffice.pages import Request, allows, render_page, require
from emailseq.backoffice.verbs import Verb
from emailseq.lib.errors import AppError
from subscribers.admin.import_forms import SetUpForm, UploadForm
from subscribers.imports import jobs, parts
from subscribers.imports.presets import PRESETS
from subscribers.models import Import, ImportPart
from subscribers.states import IMPORT_MOVES, ImportKind, ImportState

STOP_POLLING = 286
BUSY = (ImportState.CHECKING, ImportState.RUNNING, ImportState.UNDOING)
_FILES = {
    kind.value: kind
    for kind in (ImportPart.Kind.REFUSED, ImportPart.Kind.HINTS, ImportPart.Kind.KEPT)
}
_FIGURES = {
    "created": _("New"),
    "updated": _("Changed"),
    "unchanged": _("As they are"),
    "suppressed": _("Suppressed, and stay so"),
    "unsubscribed": _("Have left the list, and stay so"),
    "barred": _("Suppressed by their status"),
    "erased": _("Erased before: left out"),
    "duplicates": _("Named again"),
    "refused": _("Refused rows"),
    "typo": _("Perhaps mistyped"),
    "disposable": _("Thrown away soon"),
    "role": _("Of roles, not people"),
}
_OF_SUPPRESSIONS = {
    "created": _("Newly suppressed"),
    "updated": _("Now for a stronger reason"),
    "unchanged": _("As before"),
}
_UNDONE = {
    "people_removed": _("People taken out again"),
    "people_kept": _("People who stay"),
    "values_restored": _("Values as they were"),
    "values_kept": _("Values that stay"),
    "places_removed": _("Places on the list taken back"),
    "places_kept": _("Places that stay"),
    "suppressions_lifted": _("Suppressions lifted"),
}


@admin.register(Import)
class ImportAdmin(WorkspaceAdmin):
    resource = "subscribers"
    hint = _(
        "Bring people in from a file or from a spreadsheet, or addresses that must not be sent to."
    )
    moves = IMPORT_MOVES
    list_before_template = "subscribers/imports_hint.html"
    change_form_template = "subscribers/import.html"
    list_display = (
        "file_name",
        state_badge,
        column(_("Into"), lambda job: job.list or job.get_kind_display()),
        column(_("New"), lambda job: job.created_count),
        column(_("Changed"), lambda job: job.updated_count),
        column(_("As they are"), lambda job: job.unchanged_count),
        column(_("Refused"), lambda job: job.refused_count),
        "created_at",
    )
    list_filter = ("state",)
    list_select_related = ("list",)
    page_verbs = (
        Verb(
            jobs.start,
            name="start",
            label=_("Start the import"),
            icon="play_arrow",
            sentence=_("“{}” is brought in, in the background. You can undo it later."),
            done=_("“{}” is on its way in. You may close the page."),
            primary=True,
            when=lambda job: job.state == ImportState.CHECKED,
        ),
        Verb(
            jobs.resume,
            name="resume",
            label=_("Go on"),
            icon="restart_alt",
            sentence=_("“{}” goes on behind the last rows that came in."),
            done=_("“{}” goes on."),
            primary=True,
            when=lambda job: job.stored,  # not what a command reads
        ),
        Verb(
            jobs.cancel,
            name="cancel",
            label=_("Cancel the import"),
            icon="cancel",
            sentence=_("No more rows of “{}” come in. Those that are in stay until you undo them."),
            done=_("“{}” is cancelled."),
        ),
        Verb(
            jobs.undo,
            name="undo",
            label=_("Undo"),
            icon="undo",
            sentence=_(
                "Whom “{}” has brought and who have done nothing since go again, and what it has "
                "changed is as it was, unless somebody has changed it since. A list tells what "
                "stays."
            ),
            done=_("“{}” is being undone."),
        ),
    )

    def get_urls(self) -> list[URLPattern]:
        def page(view: Any) -> Any:
            return self.admin_site.admin_view(view)

        name = "subscribers_import"
        return [
            path("upload/", page(self.upload), name=f"{name}_upload"),
            path("<int:pk>/setup/", page(require_POST(self.set_up)), name=f"{name}_setup"),
            path("<int:pk>/progress/", page(self.progress), name=f"{name}_progress"),
            path("<int:pk>/<str:kind>.csv", page(self.download), name=f"{name}_file"),
            *super().get_urls(),
        ]

    def upload(self, request: Request) -> HttpResponseBase:
        """The first step: a file or pasted rows."""
        require(request, "subscribers:write")
        posted = request.POST if request.method == "POST" else None
        form = UploadForm(posted, files=request.FILES, request=request, target=None)
        if form.is_valid():
            try:
                job = jobs.upload(request.workspace, by=request.actor, **form.arguments())
                return redirect(self.url_of(job))
            except AppError as error:
                form.refuse(error)
        names = [preset.name for preset in PRESETS]
        title = str(_("Import people"))
        return render_page(
            request, "subscribers/import_upload.html", title=title, form=form, presets=names
        )

    def set_up(self, request: Request, pk: int) -> HttpResponseBase:
        """The second step, saved; and the dry run of it, if that was the button."""
        require(request, "subscribers:write")
        job = self.get_object(request, str(pk))
        form = SetUpForm(request.POST, request=request, target=job)
        if form.is_valid():
            if form.cleaned_data["confirmed"]:
                require(request, "subscriptions:confirm")
            try:
                with transaction.atomic():
                    jobs.set_up(job, by=request.actor, **form.arguments())
                    if request.POST.get("then") == "check":
                        jobs.check(job, by=request.actor)
                messages.success(request, str(_("Saved.")))
                return redirect(self.url_of(job))
            except AppError as error:
                job.refresh_from_db()
                form.refuse(error)
        context = self.page_context(request, job) | {"form": form, "original": job}
        return render_page(
            request, "subscribers/import.html", title=str(job), opts=self.opts, **context
        )

    def progress(self, request: Request, pk: int) -> HttpResponse:
        """How far it is, for its page to ask every other second; the page is new at the end."""
        require(request, "subscribers:read")
        job = self.get_object(request, str(pk))
        answer = render(request, "subscribers/import_progress.html", _shown(job))
        if job.state not in BUSY:
            answer.status_code = STOP_POLLING
            answer.headers["HX-Refresh"] = "true"
        return answer

    def download(self, request: Request, pk: int, kind: str) -> StreamingHttpResponse:
        """The refused rows, the odd addresses, or what an undo has left alone."""
        require(request, "subscribers:read")
        job = self.get_object(request, str(pk))
        if kind not in _FILES:
            raise Http404
        found = parts.contents(job, _FILES[kind])
        answer = StreamingHttpResponse(found, content_type="text/csv; charset=utf-8")
        answer.headers["Content-Disposition"] = f'attachment; filename="{kind}.csv"'
        return answer

    def page_context(self, request: Request, target: Import) -> dict[str, Any]:
        is_open = target.state in (ImportState.DRAFT, ImportState.CHECKED)
        form = None
        if is_open and target.stored and allows(request, "subscribers:write"):
            form = SetUpForm(request=request, target=target)
        return {"form": form, **_shown(target)}


def _shown(job: Import) -> dict[str, Any]:
    """What the page and its progress show of an import."""
    words = _FIGURES | (_OF_SUPPRESSIONS if job.kind == ImportKind.SUPPRESSIONS else {})
    names = ("created", "updated", "unchanged", "refused")
    done = {name: getattr(job, f"{name}_count") for name in names}
    if job.suppressed_count:
        done["barred"] = job.suppressed_count
    if job.erased_count:
        done["erased"] = job.erased_count
    report, held = job.undo_report or {}, set(job.parts.values_list("kind", flat=True).distinct())
    would = job.preview or {}
    return {
        "job": job,
        "is_busy": job.state in BUSY,
        "would": _figures(words, would | would.get("hints", {})),
        "samples": would.get("samples", ()),
        "done": _figures(words, done),
        "undone": _figures(_UNDONE, report),
        "has_refused": ImportPart.Kind.REFUSED in held,
        "has_hints": ImportPart.Kind.HINTS in held,
        "has_kept": ImportPart.Kind.KEPT in held,
        "encoding": str(job.layout.get("encoding", "")).removesuffix("-sig"),
    }


def _figures(words: dict[str, Any], numbers: dict[str, Any]) -> list[tuple[Any, int]]:
    """What is always told, and of the rest what there is."""
    return [
        (words[name], numbers[name])
        for name in words
        if numbers.get(name) or (name in numbers and name in _OF_SUPPRESSIONS)
    ]
