"""Segments: the rule as it is stored, beside what it says and whom it matches."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.audit import Actor
from emailseq.backoffice.columns import column, state_badge
from emailseq.backoffice.forms import NamedForm, VerbForm
from emailseq.backoffice.mixins import WorkspaceAdmin
from emailseq.backoffice.pages import Request, allows, require
from emailseq.backoffice.verbs import Verb, archive, create, edit
from emailseq.lib.errors import AppError, Invalid, Problem
from subscribers import services
from subscribers.admin.rule_form import (
    RuleField,
    RuleWidget,
    place_faults,
    read_json,
    redrawn,
)
from subscribers.models import Segment, Subscriber
from subscribers.segments import rules
from subscribers.segments.explain import explain, explain_all
from subscribers.segments.lines import Line, complete, written
from subscribers.segments.preview import preview
from subscribers.segments.references import exported
from subscribers.services.segments import used_by
from subscribers.states import SEGMENT_MOVES, SegmentKind, SegmentState

EXAMPLE = {"all": [{"field": "email", "op": "exists"}, {"message": "clicked", "within": "P30D"}]}
SHOWN_MEMBERS = 10


class RuleForm(VerbForm):
    rule = RuleField(label=_("Who?"))

    def refuse(self, error: AppError) -> None:
        if isinstance(error, Invalid) and "rule" in self.data:  # as JSON
            error = Invalid([_with_place(problem) for problem in error.errors])
        elif isinstance(error, Invalid):
            left = place_faults(self.fields["rule"].widget, error, below="/rule")
            if len(left) < len(error.errors):
                self.add_error("rule", gettext("Look at what is marked."))
            error = Invalid(left)
        super().refuse(error)


class NewSegmentForm(RuleForm, NamedForm):
    frozen = forms.BooleanField(
        required=False, label=_("Frozen: whoever it matches now, and nobody later")
    )
    field_order = ("name", "slug", "rule", "frozen")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.initial.setdefault("rule", EXAMPLE)

    def arguments(self) -> dict[str, Any]:
        given = super().arguments()
        kind = SegmentKind.FROZEN if given.pop("frozen") else SegmentKind.DYNAMIC
        return {**given, "kind": kind}


class EditorForm(RuleForm):
    guarded = True
    name = forms.CharField(max_length=100)
    announce = forms.BooleanField(
        required=False, label=_("Start what waits for people who come and go by a new rule")
    )
    field_order = ("name", "rule", "announce")

    def values_of(self, target: Segment) -> dict[str, Any]:
        rule = rules.dump(exported(rules.parse(target.rule), target.workspace))
        return {**super().values_of(target), "rule": rule}


class CopyForm(NamedForm):
    def values_of(self, target: Any) -> dict[str, Any]:
        return {}


def _with_place(problem: Problem) -> Problem:
    """Says in the sentence, too, which part of the rule it is about."""
    place = problem.pointer.removeprefix("/rule")
    if place == problem.pointer or not place:
        return problem
    return Problem(problem.pointer, problem.code, f"{place}: {problem.detail}")


def _copy(segment: Segment, *, name: str, slug: str, by: Actor) -> Segment:
    return services.create_segment(
        segment.workspace, name=name, slug=slug, rule=segment.rule, by=by
    )


def _what_leaves(segment: Segment) -> str:
    sentence = _("{leaving} of {members} members do not match any more. Shall they leave?")
    return sentence.format(leaving=segment.leaving_count, members=segment.member_count)


def _is_dynamic(segment: Segment) -> bool:
    return segment.kind == SegmentKind.DYNAMIC


@admin.register(Segment)
class SegmentAdmin(WorkspaceAdmin):
    resource = "segments"
    hint = _("Saved rules over subscribers. Their members follow by themselves.")
    moves = SEGMENT_MOVES
    list_display = (
        "name",
        column(_("Rule"), lambda row: row.sentence),
        state_badge,
        "kind",
        "member_count",
        "refreshed_at",
    )
    list_filter = ("kind", "state")
    search_fields = ("name__istartswith",)
    change_form_template = "subscribers/segment.html"
    list_verbs = (create(services.create_segment, label=_("New segment"), form=NewSegmentForm),)
    page_verbs = (
        Verb(
            services.let_members_leave,
            name="confirm",
            label=_("Let them leave"),
            icon="logout",
            sentence=_what_leaves,
            done=_("They leave within a minute."),
            primary=True,
        ),
        Verb(
            services.recount_segment,
            name="recount",
            label=_("Recount"),
            icon="refresh",
            sentence=_("The members of “{}” are looked up now rather than when they are due."),
            done=_("“{}” is counted within a few seconds."),
            when=_is_dynamic,
        ),
        Verb(
            services.freeze_segment,
            name="freeze",
            label=_("Freeze"),
            icon="ac_unit",
            sentence=_("“{}” keeps the members who they are now, for good."),
            done=_("“{}” is frozen."),
            when=_is_dynamic,
        ),
        Verb(
            _copy,
            name="copy",
            label=_("Duplicate"),
            icon="content_copy",
            form=CopyForm,
            done=_("“{}” is there."),
        ),
        archive(services.archive_segment, title=_("Put this segment away?")),
    )
    inner_verbs = (
        edit(
            services.update_segment,
            name="save",
            form=EditorForm,
            template="subscribers/segment_editor.html",
        ),
    )

    def get_urls(self) -> list[URLPattern]:
        own = {"preview": self.preview_fragment, "rule": self.rule_fragment}
        return [
            *(
                path(
                    f"{name}/", self.admin_site.admin_view(view), name=f"subscribers_segment_{name}"
                )
                for name, view in own.items()
            ),
            *super().get_urls(),
        ]

    def get_queryset(self, request: Request) -> Any:
        return super().get_queryset(request).filter(archived_at=None).select_related("workspace")

    def read_beside(self, rows: list[Any]) -> None:
        if rows:
            said = explain_all([rules.parse(row.rule) for row in rows], rows[0].workspace)
            for row, sentence in zip(rows, said, strict=True):
                row.sentence = sentence

    def page_context(self, request: Request, target: Segment) -> dict[str, Any]:
        members = Subscriber.objects.filter(segments__segment=target).order_by("-pk")
        may_see = allows(request, "subscribers:read")
        return {
            "segment": target,
            "sentence": explain(rules.parse(target.rule), target.workspace),
            "form": self._editor(request, target),
            "members": members[:SHOWN_MEMBERS] if may_see else (),
            "used_by": sorted(used_by(target)),
            "asks": target.state == SegmentState.ASKING,
        }

    def preview_fragment(self, request: Request) -> HttpResponse:
        """What the rule that somebody is writing comes to, beside it."""
        require(request, "segments:read")
        context: dict[str, Any] = {"may_see": allows(request, "subscribers:read")}
        given = RuleWidget().value_from_datadict(request.POST, {}, "rule")
        try:
            if isinstance(given, Line):
                rule = written(whole := complete(given))
                context["left_out"] = whole.count() < given.count()
            else:
                rule = read_json(given or "")
            if rule:
                context["preview"] = preview(rule, request.workspace)
        except forms.ValidationError as error:
            context["faults"] = error.messages
        except Invalid as error:
            context["faults"] = [_with_place(problem).detail for problem in error.errors]
        return render(request, "subscribers/segment_preview.html", context)

    def rule_fragment(self, request: Request) -> HttpResponse:
        """The field of a rule, in whatever form, after a press of one of its buttons."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not (allows(request, "segments:read") or allows(request, "sequences:read")):
            raise PermissionDenied
        try:
            answer = HttpResponse(redrawn(request.POST, request.workspace))
        except Invalid as error:
            return HttpResponse(error.detail, status=400, content_type="text/plain")
        answer["HX-Trigger-After-Settle"] = "rule-drawn"
        return answer

    def _editor(self, request: Request, target: Segment) -> EditorForm | None:
        may_edit = self.may_write(request, target) and target.kind == SegmentKind.DYNAMIC
        return EditorForm(request=request, target=target) if may_edit else None
