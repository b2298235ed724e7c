"""The block list of the back office: one POST per change, and what it refuses."""

from __future__ import annotations

import pytest
from django.urls import reverse

from accounts.tests.backoffice import act, is_done, sign_in
from templates_app.models import Brand, SavedBlock, Template
from templates_app.starters import NAMES
from templates_app.tests.factories import TemplateFactory

pytestmark = pytest.mark.django_db

WORDS = {"id": "a", "kind": "text", "text": "Hello"}
PAIR = {"id": "b", "kind": "columns", "columns": [[{**WORDS, "id": "c"}], []]}
FOOTER = {"id": "z", "kind": "footer"}


@pytest.fixture
def client():
    return sign_in()


@pytest.fixture
def template(client):
    document = {"v": 1, "blocks": [WORDS, PAIR, FOOTER]}
    return TemplateFactory(workspace=client.workspace, mode="blocks", document=document)


def url(verb: str, template: Template) -> str:
    return reverse(f"admin:templates_app_template_{verb}", args=[template.pk])


def post(client, template, **given):
    template.refresh_from_db()
    given.setdefault("revision", template.revision)
    answer = client.post(url("blocks", template), given, headers={"hx-request": "true"})
    template.refresh_from_db()
    return answer


def ids(template):
    return [block["id"] for block in template.document["blocks"]]


def test_blocks_are_added_moved_copied_and_removed(client, template):
    added = post(client, template, do="add", kind="heading")
    assert ids(template) == ["a", "b", "b5", "z"]
    assert 'id="open-b5" aria-expanded="true"' in added.content.decode()

    post(client, template, do="up", block="b5")
    post(client, template, do="up", block="b5")
    post(client, template, do="up", block="b5")
    assert ids(template) == ["b5", "a", "b", "z"]

    post(client, template, do="down", block="b5")
    post(client, template, do="duplicate", block="b")
    assert ids(template) == ["a", "b5", "b", "b6", "z"]

    post(client, template, do="remove", block="b")
    post(client, template, do="add", kind="button", place="b6.1")
    assert ids(template) == ["a", "b5", "b6", "z"]
    assert [block["kind"] for block in template.document["blocks"][2]["columns"][1]] == ["button"]
    assert (template.revision, "A heading" in template.html) == (9, True)


def test_what_is_written_is_kept_and_shown_in_the_preview(client, template):
    saved = post(client, template, do="save", block="c", text="**Bold** words", align="right")

    page = saved.content.decode()
    assert template.document["blocks"][1]["columns"][0][0] == {
        "id": "c",
        "kind": "text",
        "text": "**Bold** words",
        "align": "right",
    }
    assert "Saved at" in page
    assert 'id="blocks-revision" name="revision" value="2"' in page
    assert 'id="preview-frame"' in page
    assert 'id="summary-c"' in page
    assert "<strong>Bold</strong> words" in client.get(url("preview", template)).content.decode()


def test_what_says_the_same_is_no_change(client, template):
    post(client, template, do="save", block="a", text="Hello", align="left", tone="plain")
    post(client, template, do="save", block="a", text="Hello", align="left", tone="plain")

    assert template.revision == 2


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"block": "a", "text": "{{ subscriber.frist_name }}"}, "did you mean subscriber.first"),
        ({"block": "a", "text": ""}, "Write something here, or delete the block."),
        ({"block": "a", "text": "x", "if": "=="}, ""),
        ({"name": "", "subject": "x"}, "This field is required."),
        ({"name": "x", "subject": "{{ subscriber.x }}"}, "Line 1: subscriber.x: did you mean"),
        ({"block": "a", "text": "Mine", "revision": 7}, "Somebody else has changed"),
    ],
)
def test_what_is_refused_is_told_and_changes_nothing(client, template, given, said):
    before = template.document

    answer = post(client, template, do="save", align="left", tone="plain", **given)

    assert "bo-error" in answer.content.decode()
    assert said in answer.content.decode()
    assert "preview-frame" not in answer.content.decode()
    assert (template.document, template.revision) == (before, 1)


@pytest.mark.parametrize(
    "given",
    [
        {"do": "up", "block": "gone"},
        {"do": "add", "kind": "nonsense"},
        {"do": "add", "kind": "footer", "place": "b.0"},
        {"do": "add", "kind": "text", "place": "b.9"},
        {"do": "nonsense", "block": "a"},
    ],
)
def test_what_makes_no_sense_changes_nothing(client, template, given):
    answer = post(client, template, **given)

    assert "not there any more" in answer.content.decode()
    assert (ids(template), template.revision) == (["a", "b", "z"], 1)


def test_who_may_not_write_gets_no_list(template):
    assert sign_in().get(url("blocks", template)).status_code == 404
    analyst = sign_in(role="Analyst", workspace=template.workspace)
    assert post(analyst, template, do="remove", block="a").status_code == 403
    assert 'id="blocks"' not in analyst.get(url("change", template)).content.decode()
    assert ids(template) == ["a", "b", "z"]


def test_the_way_of_working_is_changed_by_a_dialog(client, template):
    assert is_done(act(client, url("mode", template), mode="mjml", revision=1))

    template.refresh_from_db()
    page = client.get(url("change", template)).content.decode()
    assert (template.mode, template.source[:6]) == ("mjml", "<mjml>")
    assert 'name="source"' in page
    assert 'id="blocks"' not in page
    assert client.get(url("blocks", template)).status_code == 404


def test_a_starter_is_looked_at_and_begun_with(client):
    gallery = client.get(reverse("admin:templates_app_template_gallery")).content.decode()
    looks = [
        client.get(reverse("admin:templates_app_template_starter", args=[slug])) for slug in NAMES
    ]

    assert is_done(
        act(client, reverse("admin:templates_app_template_start"), starter="event", name="Party")
    )

    assert gallery.count("<iframe") == 8
    assert {answer.status_code for answer in looks} == {200}
    assert all("sandbox" in answer.headers["Content-Security-Policy"] for answer in looks)
    template = Template.objects.get()
    assert (template.slug, template.mode) == ("party", "blocks")
    assert template.document["blocks"][0]["kind"] == "header"


def test_the_brand_is_set_from_the_list(client):
    form = client.get(reverse("admin:templates_app_template_brand")).content.decode()
    look = {"accent": "#aa1155", "text": "#111111", "paper": "#ffffff", "canvas": "#eeeeee"}
    named = {"font": "serif", "heading_font": "serif", "corners": "square", "layout": "bar"}
    given = {**look, **named, "logo_width": 120, "revision": 1}

    saved = act(client, reverse("admin:templates_app_template_brand"), **given)
    stale = act(client, reverse("admin:templates_app_template_brand"), **given)

    assert 'value="#2457d6"' in form
    assert is_done(saved)
    assert "Somebody else has changed the brand" in stale.content.decode()
    brand = Brand.objects.get()
    assert (brand.accent, brand.layout, brand.revision) == ("#aa1155", "bar", 2)


def test_a_block_is_kept_for_other_templates(client, template):
    none_yet = post(client, template, do="add", kind="saved")
    kept = act(client, url("keep", template) + "?block=c", name="Greeting")
    post(client, template, do="add", kind="saved")

    assert "There is no saved block yet" in none_yet.content.decode()
    assert is_done(kept)
    assert SavedBlock.objects.get().blocks == [{**WORDS, "id": "c"}]
    assert template.document["blocks"][2] == {"id": "b5", "kind": "saved", "block": "greeting"}
    assert list(template.saved_blocks.values_list("slug", flat=True)) == ["greeting"]
