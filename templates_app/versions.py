"""Compiled versions, kept in the process: a version never changes, so it is compiled once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection
from functools import partial
from typing import NoReturn

from templates_app.compiler import Compiled, compile_languages
from templates_app.liquid import Scope, TemplateError
from templates_app.models import TemplateVersion

_KEPT = 500
_cache: OrderedDict[int, Compiled] = OrderedDict()


def compiled(version_ids: Collection[int]) -> dict[int, Compiled]:
    """The compiled versions by id; one query for those that are not kept yet.

    A version that was published under looser rules and does not compile any more fails to render,
    with the reason, so that it costs its own messages and not the batch.
    """
    found = {version_id: _cache[version_id] for version_id in version_ids if version_id in _cache}
    missing = set(version_ids) - found.keys()
    unknown = TemplateVersion.objects.filter(pk__in=missing).order_by("pk") if missing else ()
    for version in unknown:
        found[version.pk] = _cache[version.pk] = _compile(version)
    while len(_cache) > _KEPT:
        _cache.popitem(last=False)
    return found


def _compile(version: TemplateVersion) -> Compiled:
    try:
        sources = {"subject": version.subject, "html": version.html, "text": version.text}
        return compile_languages(sources, version.translations)
    except TemplateError as error:
        fail = partial(_fail, error)
        return Compiled(subject=fail, text=fail, html=fail, links=())


def _fail(error: TemplateError, _scope: Scope) -> NoReturn:
    raise error
