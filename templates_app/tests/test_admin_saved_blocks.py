from __future__ import annotations

import pytest
from django.urls import reverse

from accounts.audit import SYSTEM
from accounts.tests.backoffice import act, is_done, sign_in
from templates_app.models import SavedBlock
from templates_app.services.brand import save_block
from templates_app.tests.factories import TemplateFactory

pytestmark = pytest.mark.django_db

BLOCKS = [
    {
        "id": "p",
        "kind": "columns",
        "columns": [
            [{"id": "t", "kind": "text", "text": "Pier 7"}],
            [{"id": "b", "kind": "button", "text": "Call", "href": "tel:+49"}],
        ],
    },
]
FIELDS = {
    "name": "Signature",
    "p.tone": "plain",
    "t.text": "Pier 8",
    "t.align": "left",
    "b.text": "Call",
    "b.href": "tel:+49",
    "b.align": "left",
    "b.look": "filled",
    "p.stack": "on",
}


def url(page: str, saved: SavedBlock) -> str:
    return reverse(f"admin:templates_app_savedblock_{page}", args=[saved.pk])


@pytest.fixture
def client():
    return sign_in()


@pytest.fixture
def saved(client):
    return save_block(client.workspace, name="Foot", slug="foot", blocks=BLOCKS, by=SYSTEM)


def test_a_saved_block_is_changed_where_it_is_shown_and_its_uses_are_named(client, saved):
    holder = TemplateFactory(workspace=client.workspace, name="Welcome")
    holder.saved_blocks.add(saved)

    page = client.get(url("change", saved)).content.decode()
    done = act(client, url("save", saved), **FIELDS, revision=1)

    saved.refresh_from_db()
    assert "Welcome" in page
    assert is_done(done)
    assert saved.name == "Signature"
    left, right = saved.blocks[0]["columns"]
    assert (left[0]["text"], right[0]["href"]) == ("Pier 8", "tel:+49")
    assert "Pier 8" in client.get(url("preview", saved)).content.decode()
    refused = act(client, url("remove", saved)).content.decode()
    assert "is still used by “Welcome”" in refused
    holder.saved_blocks.clear()
    assert is_done(act(client, url("remove", saved)))
    assert not SavedBlock.objects.exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"t.text": ""}, "Write something here"),
        ({"b.href": "nowhere"}, "is no address"),
        ({"name": " "}, "This field is required."),
        ({"revision": 7}, "Somebody else has changed"),
    ],
)
def test_what_is_refused_is_told_and_changes_nothing(client, saved, given, said):
    answer = act(client, url("save", saved), **{**FIELDS, "revision": 1, **given})

    saved.refresh_from_db()
    assert said in answer.content.decode()
    assert (saved.name, saved.blocks, saved.revision) == ("Foot", BLOCKS, 1)


def test_readers_change_nothing_and_strangers_see_nothing(saved):
    analyst = sign_in(role="Analyst", workspace=saved.workspace)

    assert 'name="t.text"' not in analyst.get(url("change", saved)).content.decode()
    assert act(analyst, url("save", saved), **FIELDS, revision=1).status_code == 403
    assert sign_in().get(url("change", saved)).status_code == 404
    assert sign_in().get(url("preview", saved)).status_code == 404
