"""The verbs of templates: write a draft, publish it, put it away."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any

from django.db import transaction
from django.db.models import Max

from accounts import audit
from accounts.audit import Actor
from accounts.models import Workspace
from emailseq.lib import clock
from emailseq.lib.errors import InUse, Invalid, Problem, Stale
from emailseq.lib.text import check as check_characters
from emailseq.lib.unique import taken
from subscribers.models import CustomField
from templates_app import lint, liquid, merge_fields
from templates_app.compiler import Compiled, compile_languages, compile_template
from templates_app.liquid import TemplateError
from templates_app.models import Template, TemplateVersion
from templates_app.services import content, languages
from templates_app.states import MessageClass

PARTS = ("subject", "html", "text")
# A message leads its reader out, unless it asks whether they want to come in.
WAY_OUT, WAY_IN = "unsubscribe", "confirm"
WAYS = (WAY_OUT, WAY_IN)
_MISSING = {
    WAY_OUT: (
        "unsubscribe_missing",
        "Put {{{{ links.unsubscribe }}}} into the {}: everybody may leave.",
    ),
    WAY_IN: ("confirm_missing", "Put {{{{ links.confirm }}}} into the {}: that is what it asks."),
}
_EDITABLE = ("name", "slug", *PARTS, "mode", "source", "document")


@transaction.atomic
def create_template(
    workspace: Workspace,
    *,
    name: str,
    slug: str,
    subject: str,
    by: Actor,
    html: str = "",
    text: str = "",
    message_class: str = MessageClass.MARKETING,
    **made_of: Any,
) -> Template:
    """Make a draft; without a `text`, one is made from the `html` when it is sent.

    Instead of `html`, `made_of` may be a `document` of blocks, or a `source` and its `mode`.

    A transactional one reads `data.…`, which comes with each message, and needs no way out. It is
    transactional for good.

    Raises Invalid for faulty content, Conflict when the slug is taken.
    """
    template = Template(workspace=workspace, message_class=message_class)
    parts = {"subject": subject, "text": text, **made_of} | ({"html": html} if html else {})
    _set(template, name=name, slug=slug, **parts)
    with taken("template", slug):
        template.save()
    template.saved_blocks.set(content.saved_blocks(template))
    audit.record(workspace, "template.created", by=by, on=template)
    return template


@transaction.atomic
def save_draft(
    template: Template, *, by: Actor, expected_revision: int | None = None, **changes: Any
) -> Template:
    """Change name, slug, subject, text, or what the HTML is made of.

    What is published stays as it is. Another `mode` goes on with what there is, if it can.

    Raises Invalid and Conflict as above, Stale when the draft is not at `expected_revision`.
    """
    lock(template, expected_revision)
    _set(template, **changes)
    template.revision += 1
    template.updated_at = clock.now()
    with taken("template", template.slug):
        template.save(update_fields=[*_EDITABLE, "revision", "updated_at"])
    template.saved_blocks.set(content.saved_blocks(template))
    record = {"revision": template.revision, "changed": sorted(changes)}
    audit.record(template.workspace_id, "template.updated", by=by, on=template, changes=record)
    return template


@transaction.atomic
def publish(
    template: Template,
    *,
    by: Actor,
    expected_revision: int | None = None,
    ways: Collection[str] = WAYS,
) -> TemplateVersion:
    """Freeze the draft into a version, or return the published one when nothing has changed.

    Raises Invalid: for an archived template, for no content, for content that does not compile any
    more, and for a part with none of `ways`, or without the postal address. Stale as above.
    """
    lock(template, expected_revision)
    content.make(template)  # with the brand and the saved blocks as they are now
    spoken = languages.drafts_of(template)
    translations = languages.frozen(spoken)
    published = template.published_version
    if published and _is_said_by(published, template, translations):
        for each in (template, *spoken.values()):
            _check_ways_of(each, ways)
        return published
    if template.archived_at:
        raise Invalid([Problem("", "archived", f"The template “{template}” is archived.")])
    compiled = check(template, ways=ways)
    latest = template.versions.aggregate(number=Max("number"))["number"]
    version = TemplateVersion.objects.create(
        template=template,
        number=(latest or 0) + 1,
        links=list(compiled.links),
        mode=template.mode,
        source=template.source,
        document=template.document,
        translations=translations,
        **_sources(template),
    )
    template.published_version = version
    template.save(update_fields=["published_version", "html"])
    changes = {"version": version.number}
    audit.record(template.workspace_id, "template.published", by=by, on=template, changes=changes)
    return version


@transaction.atomic
def freeze(version: TemplateVersion, *, subject: str) -> TemplateVersion:
    """The same as a version says under another subject, as a version; what is published stays so.

    Translations keep their own subjects. Raises Invalid for a subject that does not compile.
    """
    template = version.template
    lock(template, None)
    own = Template(workspace=template.workspace)
    _set(own, subject=subject, html=version.html, text=version.text)
    latest = template.versions.aggregate(number=Max("number"))["number"]
    return TemplateVersion.objects.create(
        template=template,
        number=(latest or 0) + 1,
        links=list(compile_languages(_sources(own), version.translations).links),
        translations=version.translations,
        **_sources(own),
    )


def check_subject(template: Template, subject: str) -> None:
    """Raise Invalid unless the template could be sent under this subject."""
    filled(template, subject=subject, html=template.html, text=template.text)


@transaction.atomic
def archive(template: Template, *, by: Actor, expected_revision: int | None = None) -> bool:
    """Put a template away: it cannot be published any more. False when it was away already.

    Raises Stale as above, and InUse, naming them, while sequences or campaigns to come need it.
    """
    lock(template, expected_revision)
    if template.archived_at:
        return False
    if used_by := template.used_by():
        listed = ", ".join(f"“{name}”" for name in used_by[:5])
        raise InUse(f"“{template}” is still used by {listed}.", used_by=used_by)
    template.archived_at = clock.now()
    template.save(update_fields=["archived_at"])
    audit.record(template.workspace_id, "template.archived", by=by, on=template)
    return True


def check(template: Template, *, ways: Collection[str] = WAYS) -> Compiled:
    """The draft in all languages, if it may be published. Raises Invalid with what is in the way.

    A fault of a translation names its language in front.
    """
    problems = _faults_of(template, ways)
    for language, own in languages.drafts_of(template).items():
        at = f"/translations/{language}"
        problems += [replace(each, pointer=at + each.pointer) for each in _faults_of(own, ways)]
    if problems:
        raise Invalid(problems)
    try:
        return compiled(template)
    except TemplateError as error:  # all languages together have too many links
        raise Invalid.field("html", "template_invalid", str(error)) from None


def compiled(template: Template) -> Compiled:
    """The draft in all languages, whether it may be published or not.

    Raises Invalid and TemplateError where it does not compile.
    """
    content.make(template)
    spoken = languages.drafts_of(template)
    others = {language: _sources(own) for language, own in spoken.items()}
    return compile_languages(_sources(template), others)


def filled(template: Template, **parts: Any) -> Template:
    """Content of its own, in the workspace and of the class of a template. Raises Invalid."""
    own = Template(workspace=template.workspace, message_class=template.message_class)
    _set(own, **parts)
    return own


def count_change(template: Template) -> None:
    """Make what others have read of a locked draft stale."""
    template.revision += 1
    template.updated_at = clock.now()
    template.save(update_fields=["revision", "updated_at"])


def check_ways(content: Template | TemplateVersion, ways: Collection[str]) -> None:
    """Raise Invalid unless there is content, and each part of it has one of the `ways`."""
    if problems := list(_wayless(content, ways)):
        raise Invalid(problems)


def data_paths(version: TemplateVersion) -> list[tuple[str, ...]]:
    """What a version reads of the data that comes with each message, as the names after `data`."""
    uses = [use for source in _sources(version).values() for use in liquid.check(source).uses]
    return sorted({use.path[1:] for use in uses if use.path[:1] == ("data",)})


def _bodies(content: Template | TemplateVersion) -> dict[str, str]:
    bodies = {part: source for part, source in _sources(content).items() if source.strip()}
    bodies.pop("subject", None)
    if not bodies:
        raise Invalid.field("html", "required", "The template is empty: write HTML or text.")
    return bodies


def _check_ways_of(template: Template, ways: Collection[str]) -> None:
    """Like `check_ways`, and what leads out of something says who sends it, too.

    A transactional template needs no way, and serves nobody who needs one.
    """
    if template.message_class != MessageClass.TRANSACTIONAL:
        if problems := [*_wayless(template, ways), *_unaddressed(template)]:
            raise Invalid(problems)
    elif ways is not WAYS:
        detail = f"“{template}” is for transactional messages: choose a marketing template."
        raise Invalid.field("template", "transactional", detail)
    else:
        _bodies(template)


def _faults_of(draft: Template, ways: Collection[str]) -> list[Problem]:
    try:
        _check(draft)
        _check_ways_of(draft, ways)
    except Invalid as error:
        return list(error.errors)
    return []


def _wayless(content: Template | TemplateVersion, ways: Collection[str]) -> Iterator[Problem]:
    code, why = _MISSING[next(iter(ways))]
    for part, source in _bodies(content).items():
        if not _our_links(source).intersection(ways):
            yield Problem(f"/{part}", code, why.format(part))


def _unaddressed(template: Template) -> Iterator[Problem]:
    leading = {
        part: source
        for part, source in _bodies(template).items()
        if WAY_IN not in _our_links(source)
    }
    if leading:
        yield from lint.unaddressed(leading, template.workspace.postal_address)


def lock(template: Template, expected_revision: int | None) -> None:
    """Let nobody else change a draft meanwhile. Raises Stale."""
    template.refresh_from_db(from_queryset=Template.objects.select_for_update(no_key=True))
    if expected_revision not in (None, template.revision):
        raise Stale(f"Somebody else has changed “{template}”; look at it again.")


def _set(template: Template, **changes: Any) -> None:
    if unknown := changes.keys() - set(_EDITABLE):
        raise TypeError(f"A template has no {', '.join(unknown)} to change.")
    check_characters(**changes)
    for name in {"name", "slug", "subject", "text"} & changes.keys():
        setattr(template, name, changes[name])
    content.change(template, changes)
    _check(template)


def _is_said_by(version: TemplateVersion, template: Template, translations: Any) -> bool:
    same = _sources(version) == _sources(template)
    return same and bool(version.translations == translations)


def _sources(row: Template | TemplateVersion) -> dict[str, str]:
    return {part: getattr(row, part) for part in PARTS}


def _check(template: Template) -> Compiled:
    """The draft, compiled. Raises Invalid with all that its parts are refused for."""
    fields = CustomField.objects.of(template.workspace).values_list("key", flat=True)
    if problems := [
        *_misshapen(template.subject),
        *_faults(template, custom=set(fields)),
    ]:
        raise Invalid(problems)
    try:
        return compile_template(**_sources(template))
    except TemplateError as error:
        member = content.part_of(template)
        raise Invalid.field(member, "template_invalid", str(error)) from None


def _misshapen(subject: str) -> Iterator[Problem]:
    limit = Template._meta.get_field("subject").max_length or 0
    if not subject.strip():
        yield Problem("/subject", "required", "A message has a subject.")
    if len(subject) > limit or len(subject.splitlines()) > 1:
        detail = f"A subject is one line of at most {limit} characters."
        yield Problem("/subject", "too_long", detail)


def _faults(template: Template, *, custom: set[str]) -> Iterator[Problem]:
    takes_data = template.message_class == MessageClass.TRANSACTIONAL
    for pointer, source in content.written(template):
        try:
            analysis = liquid.check(source, reserved=merge_fields.ROOTS)
        except TemplateError as error:
            yield Problem(pointer, "template_invalid", str(error))
        else:
            for detail in merge_fields.unknown(analysis, custom=custom, takes_data=takes_data):
                yield Problem(pointer, "unknown_field", detail)


def _our_links(source: str) -> set[str]:
    """Which of `links.…` a part uses."""
    try:
        uses = liquid.check(source).uses
    except TemplateError as error:  # it was published under looser rules
        raise Invalid.field("html", "template_invalid", str(error)) from None
    return {use.path[1] for use in uses if use.path[:1] == ("links",) and len(use.path) > 1}
