"""What must hold on every page and for every action, whatever it is about."""

from __future__ import annotations

from html import escape
from html.parser import HTMLParser

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.permissions import ROLES, granted
from accounts.tests.backoffice import act, sign_in
from accounts.tests.factories import UserFactory, WorkspaceFactory
from campaigns.models import Campaign
from emailseq.backoffice.navigation import SECTIONS
from emailseq.backoffice.tests.world import list_actions, list_of, make_world, page_of, urls_of
from sequences.models import Sequence
from subscribers.models import Subscriber
from templates_app.models import Template

pytestmark = pytest.mark.django_db

ENTRIES = [entry for _, entries in SECTIONS for entry in entries]
NAUGHTY = """"><script>alert(1)</script><b x-init='alert(2)' onclick=x>{{ 7*7 }}</b>"""


def every_page(world):
    yield reverse("admin:index")
    yield reverse("admin:calendar")
    yield reverse("admin:inbox")
    yield reverse("admin:workspaces")
    for page in ("overview", "delivery", "people", "insights"):
        yield reverse("admin:reports", args=[page])
    for model in (Sequence, Campaign):
        yield reverse("admin:report", args=[model.source_kind, world[model].pk])
    for model, target in world.items():
        yield list_of(model)
        yield page_of(target)
    for page in ("simulate", "forecast", "why"):
        yield page_of(world[Sequence], page)
    for page in ("look", "languages", "versions", "used"):
        yield page_of(world[Template], page)
    yield reverse("admin:templates_app_template_language", args=[world[Template].pk, "de"])
    yield reverse("admin:templates_app_template_version", args=[world[Template].pk, 1])
    yield reverse("admin:sequences_enrollment_ahead", args=[world[Subscriber].pk])
    yield f"{page_of(world[Sequence], 'simulate')}?first_name=Ada"
    yield f"{page_of(world[Sequence], 'why')}?person={world[Subscriber].public_id}"


def every_action(world):
    for model, target in world.items():
        yield from list_actions(model)
        yield from urls_of(target).values()


def fingerprint() -> dict[str, str]:
    """A digest of the content of every table."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_class c WHERE c.relkind IN ('r', 'p')"
            " AND c.relnamespace = 'public'::regnamespace AND NOT c.relispartition"
        )
        tables = [name for (name,) in cursor.fetchall()]
        digests = {}
        for table in tables:
            cursor.execute(
                f'SELECT md5(string_agg(t::text, chr(10) ORDER BY t::text)) FROM "{table}" t'
            )
            digests[table] = cursor.fetchone()[0]
        return digests


def scripts_in(page: str) -> list[str]:
    """Whatever a browser without a policy would run that is not a file of ours."""
    found: list[str] = []

    class Finder(HTMLParser):
        def handle_starttag(self, tag, attributes):
            named = dict(attributes)
            if tag == "script" and not named.get("src", "").startswith(("/static/", "/admin/")):
                found.append(self.get_starttag_text())
            for name, value in attributes:
                evaluated = name.startswith(("x-", "hx-", ":", "@")) and "alert" in (value or "")
                if name.startswith("on") or evaluated:
                    found.append(self.get_starttag_text())

    Finder().feed(page)
    return found


def test_the_world_holds_one_of_everything_registered():
    world = make_world(WorkspaceFactory())

    assert set(world) == set(admin.site._registry)


def test_looking_changes_nothing_and_shows_hostile_text_as_text():
    client = sign_in()
    world = make_world(client.workspace, text=NAUGHTY)
    before = fingerprint()
    urls = [*every_page(world), *every_action(world)]

    answers = {url: client.get(url) for url in urls}

    assert len(urls) > 60
    for url, answer in answers.items():
        page = answer.content.decode()
        assert answer.status_code == 200, url
        assert "script-src 'self' 'unsafe-eval';" in answer.headers["Content-Security-Policy"]
        assert scripts_in(page) == [], url
    assert sum(escape(NAUGHTY) in answer.content.decode() for answer in answers.values()) > 20
    assert fingerprint() == before


def test_nothing_is_written_by_stock_forms_or_deleted():
    client = sign_in()
    world = make_world(client.workspace)
    before = fingerprint()

    for target in world.values():
        assert client.post(page_of(target), {}).status_code == 403
        assert client.post(page_of(target, "delete"), {"post": "yes"}).status_code == 403
        added = reverse(f"admin:{target._meta.label_lower.replace('.', '_')}_add")
        assert client.post(added, {}).status_code == 403

    assert fingerprint() == before


def test_another_workspace_is_not_there():
    client = sign_in()
    foreign = make_world(WorkspaceFactory(name="Elsewhere"), text="Foreign secret")
    before = fingerprint()

    for target in foreign.values():
        assert client.get(page_of(target)).status_code == 404
        for url in urls_of(target).values():
            assert client.get(url).status_code == 404
            assert client.post(url, {}).status_code == 404
        assert b"Foreign secret" not in client.get(list_of(type(target))).content

    assert fingerprint() == before


def test_choices_of_a_form_are_of_the_own_workspace():
    client = sign_in()
    world = make_world(client.workspace)
    make_world(WorkspaceFactory(), text="Foreign secret")

    for url in every_action(world):
        assert b"Foreign secret" not in client.get(url).content, url


def test_nobody_gets_in_without_a_membership():
    stranger = Client()
    stranger.force_login(UserFactory(is_superuser=True))

    for client in (Client(), stranger):
        answer = client.get(reverse("admin:index"))
        assert answer.status_code == 302
        assert answer.url == "/admin/login/?next=/admin/"
        assert client.get("/admin/login/", follow=True).status_code == 200


@pytest.mark.parametrize("role", ROLES)
def test_a_role_sees_what_its_permissions_say(role):
    client = sign_in(role=role)
    make_world(client.workspace)
    page = client.get(reverse("admin:index")).content.decode()

    for entry in ENTRIES[1:]:
        url = reverse(f"admin:{entry.url_name}")
        may = granted(ROLES[role], entry.permission)
        assert client.get(url).status_code == (200 if may else 403), url
        assert (f'href="{url}"' in page) is may, url


@pytest.mark.parametrize("role", ["Author", "Analyst"])
def test_whoever_may_not_see_people_sees_no_address(role):
    client = sign_in(role=role)
    world = make_world(client.workspace)
    address = world[Subscriber].email.encode()

    pages = [client.get(url) for url in every_page(world)]

    assert any(page.status_code == 200 for page in pages)
    assert not any(address in page.content for page in pages)


def test_an_action_needs_its_permission():
    client = sign_in(role="Analyst")
    world = make_world(client.workspace)
    before = fingerprint()

    for url in every_action(world):
        assert act(client, url).status_code == 403, url

    assert fingerprint() == before


def test_an_action_needs_its_token():
    client = sign_in()
    world = make_world(client.workspace)
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(client.user)
    before = fingerprint()

    for url in every_action(world):
        assert strict.post(url, {}).status_code == 403, url

    assert fingerprint() == before


def test_every_page_is_read_in_few_queries():
    client = sign_in()
    world = make_world(client.workspace)
    client.get(reverse("admin:index"))  # the first page reads content types, once per process
    counts = {}

    for url in every_page(world):
        with CaptureQueriesContext(connection) as queries:
            client.get(url)
        counts[url] = len(queries)

    assert max(counts.values()) <= 20, counts
