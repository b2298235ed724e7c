"""Templates that are made of blocks, MJML or Markdown; the brand, saved blocks and starters."""

from __future__ import annotations

import pytest

from accounts.tests.api import Api
from accounts.tests.factories import WorkspaceFactory
from templates_app import blocks, review
from templates_app.models import Template
from templates_app.starters import NAMES

pytestmark = pytest.mark.django_db

FOOTER = {"id": "z", "kind": "footer"}


def text(words: str, **members) -> dict:
    return {"id": "a", "kind": "text", "text": words, **members}


def document(*given: dict) -> dict:
    return {"v": 1, "blocks": [*given, FOOTER]}


@pytest.fixture
def workspace():
    return WorkspaceFactory(name="Acme", postal_address="1 Long Road")


@pytest.fixture
def api(workspace):
    return Api(workspace)


def make(api, **members):
    answer = api("POST", "/templates", {"name": "News", "subject": "Hi", **members})
    assert answer.status_code == 201, answer.content
    return answer.json()


def faults(answer):
    assert answer.status_code == 400
    return {(fault["pointer"], fault["code"]) for fault in answer.json()["errors"]}


def change(api, **members):
    return api("PATCH", "/templates/news", members, match="*")


def test_blocks_are_written_published_and_read_back(api):
    made = make(api, document=document(text("Hello **{{ subscriber.first_name }}**")))

    published = api("POST", "/templates/news/publish", match="*")

    assert made["mode"] == "blocks"
    assert made["document"] == document(text("Hello **{{ subscriber.first_name }}**"))
    assert "Hello <strong>{{ subscriber.first_name }}</strong>" in made["html"]
    assert published.status_code == 200, published.content
    version = Template.objects.get().published_version
    assert (version.mode, version.document) == ("blocks", made["document"])
    assert version.html == made["html"]


def test_what_is_wrong_with_a_block_is_told_at_the_block(api):
    make(api, document=document(text("Hello")))

    unknown = change(api, document=document(text("{{ subscriber.frist_name }}")))
    broken = change(api, document=document(text("x", **{"if": "=="}), {"id": "a", "kind": "x"}))
    absent = change(api, document=document({"id": "s", "kind": "saved", "block": "hours"}))
    by_hand = change(api, html="<p>Mine</p>")

    assert faults(unknown) == {("/document/blocks/0/text", "unknown_field")}
    assert "did you mean subscriber.first_name?" in unknown.json()["errors"][0]["detail"]
    assert ("/document/blocks/1/kind", "invalid_choice") in faults(broken)
    assert ("/document/blocks/0/if", "template_invalid") in faults(broken)
    assert faults(absent) == {("/document/blocks/0/block", "not_found")}
    assert faults(by_hand) == {("/html", "made")}
    assert api("GET", "/templates/news").json()["document"] == document(text("Hello"))


def test_blocks_become_mjml_and_mjml_becomes_html(api):
    made = make(api, document=document(text("Hello")))

    as_mjml = change(api, mode="mjml").json()
    as_html = change(api, mode="html").json()
    again = change(api, mode="blocks").json()

    assert as_mjml["source"].startswith("<mjml>")
    assert as_mjml["html"] == as_html["html"] == made["html"]
    assert (again["mode"], again["document"]) == ("blocks", made["document"])


@pytest.mark.parametrize(
    ("mode", "source", "said"),
    [
        ("mjml", "<mjml>\n<mj-body><mj-zection/></mj-body></mjml>", "Line 2: <mj-zection>: did"),
        ("mjml", "<mjml><mj-body></mj-body>\n{{ subscriber.x }}</mjml>", "Line 2: "),
        ("markdown", "Hello\n\n{{ subscriber.x }}", "Line 3: subscriber.x"),
        ("markdown", "{% if %}", "Line 1: "),
    ],
)
def test_a_fault_of_code_is_told_with_its_line(api, mode, source, said):
    answer = api(
        "POST", "/templates", {"name": "News", "subject": "Hi", "mode": mode, "source": source}
    )

    assert {pointer for pointer, _ in faults(answer)} == {"/source"}
    assert said in answer.json()["errors"][0]["detail"]
    assert not Template.objects.exists()


def test_markdown_and_plain_text_are_enough(api):
    made = make(api, mode="markdown", source="# Hi\n\n[Leave]({{ links.unsubscribe }})")
    plain = change(api, mode="text", text="Hi\n{{ links.unsubscribe }}")

    assert '<a href="{{ links.unsubscribe }}"' in made["html"]
    assert (plain.json()["html"], plain.json()["text"]) == ("", "Hi\n{{ links.unsubscribe }}")


def test_a_source_without_a_mode_is_refused(api):
    answer = api("POST", "/templates", {"name": "News", "subject": "Hi", "source": "x"})

    assert faults(answer) == {("/mode", "required")}


def test_the_brand_shows_at_the_next_publishing(api):
    make(api, document=document({"id": "b", "kind": "button", "text": "Go", "href": "#"}))
    api("POST", "/templates/news/publish", match="*")
    before = Template.objects.get().published_version

    changed = api("PATCH", "/brand", {"accent": "#aa1155", "layout": "letter"})
    api("POST", "/templates/news/publish", match="*")
    again = api("POST", "/templates/news/publish", match="*")

    after = Template.objects.get().published_version
    assert changed.json()["accent"] == "#aa1155"
    assert api("GET", "/brand").json() == changed.json()
    assert "#aa1155" not in before.html
    assert "#aa1155" in after.html
    assert (before.number, after.number, again.json()["version"]) == (1, 2, 2)


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"accent": "red"}, ("/accent", "invalid")),
        ({"paper": "#fff"}, ("/paper", "invalid")),
        ({"logo": "javascript:alert(1)"}, ("/logo", "invalid_address")),
        ({"website": "https://x.example/" + "a" * 200}, ("/website", "too_long")),
        ({"logo_width": 5000}, ("/logo_width", "out_of_range")),
    ],
)
def test_a_brand_that_no_message_could_have_is_refused(api, given, fault):
    assert faults(api("PATCH", "/brand", given)) == {fault}
    assert api("GET", "/brand").json()["accent"] == blocks.Look().accent


def test_templates_share_a_saved_block_which_stays_while_they_do(api):
    hours = api("POST", "/saved-blocks", {"name": "Hours", "blocks": [text("From nine")]})
    make(api, document=document({"id": "s", "kind": "saved", "block": "hours"}))
    api("POST", "/templates/news/publish", match="*")

    told = api("GET", "/saved-blocks/hours").json()
    kept = api("DELETE", "/saved-blocks/hours", match="*")
    changed = api("PATCH", "/saved-blocks/hours", {"blocks": [text("From ten")]}, match="*")
    api("POST", "/templates/news/publish", match="*")

    assert hours.status_code == 201
    assert told["used_by"] == ["News"]
    assert (kept.status_code, kept.json()["code"]) == (409, "in_use")
    assert changed.status_code == 200
    one, two = Template.objects.get().versions.order_by("number")
    assert "From nine" in one.html
    assert "From ten" in two.html
    change(api, document=document(text("None of it")))
    assert api("DELETE", "/saved-blocks/hours", match="*").status_code == 204


def test_a_saved_block_has_no_faults_and_no_saved_ones_in_it(api):
    inner = {"id": "s", "kind": "saved", "block": "hours"}

    assert faults(api("POST", "/saved-blocks", {"name": "A", "blocks": [inner]})) == {
        ("/blocks/0/kind", "invalid_choice")
    }
    assert faults(api("POST", "/saved-blocks", {"name": "A", "blocks": [text("")]})) == {
        ("/blocks/0/text", "required")
    }


def test_the_gallery_has_eight(api):
    shown = api("GET", "/templates/starters").json()["data"]

    assert [each["slug"] for each in shown] == list(NAMES)
    assert len(shown) == 8


@pytest.mark.parametrize("starter", NAMES)
def test_a_starter_is_published_as_it_is_and_nothing_is_odd_about_it(api, starter):
    api("PATCH", "/brand", {"website": "https://harbour-tea.com/"})

    made = api("POST", "/templates/from-starter", {"starter": starter, "name": "News"})

    assert made.status_code == 201, made.content
    checks = review.check(Template.objects.get())
    assert (checks.blocks, checks.warnings) == ([], [])
    assert api("POST", "/templates/news/publish", match="*").status_code == 200
    assert "example.com" not in made.json()["html"]
