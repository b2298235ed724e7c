from __future__ import annotations

import pytest
from django.db import DatabaseError, transaction

from templates_app import rendering, versions
from templates_app.models import TemplateVersion
from templates_app.rendering import RenderError
from templates_app.tests.factories import TemplateVersionFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_kept(monkeypatch):
    monkeypatch.setattr(versions, "_cache", type(versions._cache)())


def test_versions_are_compiled_in_one_query_and_kept(django_assert_num_queries):
    first, second = TemplateVersionFactory(subject="One"), TemplateVersionFactory(subject="Two")

    with django_assert_num_queries(1):
        found = versions.compiled([first.pk, second.pk])
    with django_assert_num_queries(0):
        again = versions.compiled([second.pk])

    assert rendering.preview(found[first.pk], {}).subject == "One"
    assert found.keys() == {first.pk, second.pk}
    assert again[second.pk] is found[second.pk]


def test_the_oldest_versions_are_forgotten(monkeypatch):
    monkeypatch.setattr(versions, "_KEPT", 2)
    made = [TemplateVersionFactory().pk for _ in range(3)]

    found = versions.compiled(made)

    assert list(found) == made
    assert len(versions._cache) == 2


def test_a_version_that_does_not_compile_any_more_costs_its_own_messages_only():
    good, bad = TemplateVersionFactory(), TemplateVersionFactory(html="<p>{% include 'x' %}</p>")

    found = versions.compiled([good.pk, bad.pk])

    assert rendering.preview(found[good.pk], {}).subject == "Hello"
    with pytest.raises(RenderError) as failure:
        rendering.preview(found[bad.pk], {})
    assert str(failure.value) == "Line 1: There is no tag “include”."


def test_a_version_is_never_changed():
    version = TemplateVersionFactory()

    with pytest.raises(DatabaseError), transaction.atomic():
        TemplateVersion.objects.filter(pk=version.pk).update(subject="Other")

    version.refresh_from_db()
    assert version.subject == "Hello {{ subscriber.first_name }}"
