"""The languages of a template: which there are, how far each has come, and each as a page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from django.conf import global_settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import get_language_info
from django.utils.translation import gettext as _

from emailseq.backoffice.pages import Request, allows, render_page, require
from emailseq.lib.errors import AppError, Problem
from templates_app import review, services
from templates_app.admin.translating import Progress, form_of, progress
from templates_app.lint import Checks
from templates_app.models import Template, Translation
from templates_app.services.languages import frozen
from templates_app.services.translations import is_language


class Line(NamedTuple):
    """A language in the list."""

    row: Translation
    name: str
    progress: Progress
    state: str
    checks: Checks


def page(request: Request, template: Template) -> HttpResponse:
    """Which languages it speaks; `?language=` goes to one, or begins one."""
    wanted = request.GET.get("language", "").strip()
    if is_language(wanted):
        return redirect("admin:templates_app_template_language", template.pk, wanted)
    if wanted:
        messages.error(request, _("A language is written like en or pt-BR."))
    checks = review.check(template)
    lines = [
        Line(row, name_of(row.language), progress(template, row), state, of(checks, row.language))
        for row, state in _states(template)
    ]
    return render_page(
        request,
        "templates_app/languages.html",
        title=str(template),
        opts=template._meta,
        original=template,
        draft=template,
        tab="languages",
        lines=lines,
        known=_known(),
        may_write=_may_write(request, template),
        is_behind=any(line.state != "live" for line in lines),
    )


def language_page(request: Request, template: Template, language: str) -> HttpResponse:
    """What it says in one language, to be written; a POST saves or removes that."""
    if not is_language(language):
        raise Http404
    may_write = _may_write(request, template)
    row = template.translations.filter(language=language).first()
    if not (row or may_write):
        raise Http404
    form = form_of(language)(
        request.POST if request.method == "POST" else None, request=request, target=template
    )
    if request.method == "POST":
        require(request, "templates:write")
        if not may_write:
            raise Http404
        if answer := _act(request, template, form):
            return answer
    return render_page(
        request,
        "templates_app/language.html",
        title=f"{template} · {name_of(language)}",
        opts=template._meta,
        original=template,
        draft=template,
        tab="languages",
        language=language,
        name=name_of(language),
        row=row,
        form=form,
        may_write=may_write,
        progress=progress(template, row) if row else None,
        checks=of(review.check(template), language) if row else Checks(),
    )


def of(checks: Checks, language: str) -> Checks:
    """What the checks say of one language."""
    return Checks(_about(checks.blocks, language), _about(checks.warnings, language))


def name_of(language: str) -> str:
    """What a language is called where it is spoken."""
    try:
        return str(get_language_info(language.lower())["name_local"])
    except KeyError:
        return language


def _act(request: Request, template: Template, form: Any) -> HttpResponse | None:
    here = reverse("admin:templates_app_template_language", args=[template.pk, form.language])
    if request.POST.get("do") == "remove":
        services.remove_translation(template, language=form.language, by=request.actor)
        said = _("Nothing is said in %s any more, from the next publishing on.")
        messages.success(request, said % name_of(form.language))
        return redirect("admin:templates_app_template_languages", template.pk)
    if not form.is_valid():
        return None
    try:
        services.put_translation(template, by=request.actor, **form.arguments())
    except AppError as error:
        form.refuse(error)
        return None
    messages.success(request, _("Saved. It is published together with the draft."))
    return redirect(here)


def _may_write(request: Request, template: Template) -> bool:
    return template.archived_at is None and allows(request, "templates:write")


def _states(template: Template) -> Iterable[tuple[Translation, str]]:
    version = template.published_version
    published = version.translations if version else {}
    for row in template.translations.order_by("language"):
        kept = published.get(row.language)
        same = kept == frozen({row.language: row})[row.language]
        yield row, "live" if same else "changed" if kept else "draft"


def _about(problems: list[Problem], language: str) -> list[Problem]:
    at = f"/translations/{language}/"
    return [each for each in problems if each.pointer.startswith(at)]


def _known() -> list[tuple[str, str]]:
    """The languages to choose from; any other can be written."""
    tags = [code for code, _name in global_settings.LANGUAGES if "-" not in code]
    return [(code, name_of(code)) for code in [*tags, "pt-BR", "en-GB"] if is_language(code)]
