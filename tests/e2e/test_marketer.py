"""A marketer's first hour: a sequence from a recipe to somebody's timeline, by keyboard alone."""

from __future__ import annotations

import re
import uuid
from email.message import EmailMessage

import httpx
import pytest
from playwright.sync_api import Locator, expect

from tests.e2e.product import Product
from tests.e2e.window import Window

pytestmark = pytest.mark.e2e

ADA = f"ada-{uuid.uuid4().hex[:8]}@example.org"


def test_from_a_recipe_to_somebodys_timeline(product, signed_in, open_window):
    window = open_window(base_url=product.url, storage_state=signed_in)

    sequence = take_recipe(window)
    write_message(window, sequence)
    branch_off(window)
    always_send(window)
    play_for(window, sequence, "b.lindner@mail.example.com")
    publish(window)
    two_at_once(window, open_window(base_url=product.url, storage_state=signed_in), sequence)
    sign_up(window, product)
    story = read_story(window)
    publish_again(window, sequence)
    leave(window, product, story)


def steps(window: Window) -> Locator:
    return window.page.locator("#page-content > .bo-stack > ol.bo-flow > li")


def take_recipe(window: Window) -> str:
    window.page.goto("/admin/")
    window.press("Sequences")
    window.open_dialog("Start from a recipe")
    window.choose("Recipe", "Welcome")
    window.write("Name", "First steps")
    window.write("Slug", f"first-{uuid.uuid4().hex[:8]}")
    window.choose("List", "Harbour newsletter")
    window.submit("Start from a recipe")
    titles = ["Welcome 1, hello", "Wait 2 days", "Welcome 2, how it works"]
    titles += ["Wait until Tuesday, 10:00", "Welcome 3, a question"]
    expect(steps(window).locator("h2")).to_contain_text(titles)
    return window.page.url


def write_message(window: Window, sequence: str) -> None:
    """Change a message, see it beside, as somebody gets it, and mend what the checks say."""
    page = window.page
    window.press(steps(window).nth(0).get_by_role("link", name="Welcome 1, hello"))
    page.wait_for_url("**/template/**")
    window.tab_to(page.get_by_label("HTML"))
    page.keyboard.press("Control+Home")
    page.keyboard.type('<h1>Ahoy</h1><p><a href="http://harbour.example/">Your berth</a></p>')
    window.press("Save")
    preview = page.frame_locator("#preview-frame")
    expect(preview.locator("h1")).to_have_text("Ahoy")
    window.press("Look and checks")
    insecure = page.get_by_text("Links begin with https: “http://harbour.example/”.")
    expect(insecure).to_be_visible()
    window.write("Whose address begins with", "b.lindner@")
    window.press("Show")
    expect(page.frame_locator("#page-content iframe").locator("body")).to_contain_text(
        "Hello Björn"
    )

    window.press("Draft")
    html = page.get_by_label("HTML")
    mended = html.input_value().replace("http://harbour", "https://harbour")
    window.tab_to(html)
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(mended)
    window.press("Save")
    expect(preview.locator("a", has_text="Your berth")).to_have_attribute(
        "href", re.compile("^https:")
    )
    window.press("Look and checks")
    expect(page.get_by_role("heading", name="Checks")).to_be_visible()
    expect(insecure).to_have_count(0)
    page.goto(sequence)


def branch_off(window: Window) -> None:
    """Who has clicked goes another way, and gets a message of their own."""
    page = window.page
    add = steps(window).last
    window.press(add.locator("summary"))
    window.open_dialog(window.button("Branch", within=add))
    window.press("Condition")
    what = page.locator("#dialog .bo-rule-lines select").first
    expect(what).to_be_focused()
    # htmx hears of a change once the line has settled, 20 ms later: nobody is as fast as a test.
    expect(page.locator(".htmx-added, .htmx-settling")).to_have_count(0)
    what.select_option("message:clicked")
    expect(page.locator("#dialog .bo-rule-lines select")).not_to_have_count(1)
    window.submit("Branch")
    block = steps(window).nth(5)
    expect(block.locator(".bo-arm")).to_have_count(2)
    otherwise = block.locator(".bo-arm").last
    window.press(otherwise.locator("summary"))
    window.open_dialog(window.button("Email", within=otherwise))
    window.choose("Template", "Welcome 3")
    window.submit("Email")
    expect(steps(window).nth(5).locator(".bo-arm").last.locator("h2")).to_contain_text("Welcome 3")


def always_send(window: Window) -> None:
    """Any hour will do: the recipe's hours would keep this from ending before the morning."""
    window.open_dialog("Settings")
    window.write("Messages leave from", " ")
    window.write("until", " ")
    window.submit("Save")


def play_for(window: Window, sequence: str, address: str) -> None:
    """When would this person get what, and why?"""
    page = window.page
    window.press("Play it for somebody")
    window.write("Address of somebody", address)
    window.press("Play it")
    played = page.locator("section[aria-labelledby=played-title] tbody tr")
    subjects = ["Welcome to Harbour", "How to make the most of it", "May we ask you something?"]
    for number, subject in enumerate(subjects):
        expect(played.locator("summary").nth(number)).to_have_text(subject)
    expect(played.first).to_contain_text("Europe/Berlin")
    page.goto(sequence)


def publish(window: Window) -> None:
    window.open_dialog("Publish")
    window.submit("Publish")
    expect(window.page.locator(".bo-summary")).to_contain_text("Live")
    expect(window.page.locator(".bo-summary")).to_contain_text("version 1")


def two_at_once(window: Window, other: Window, sequence: str) -> None:
    """Who is later with a step is told so, and nothing is lost."""
    other.page.goto(sequence)
    for each, days in ((window, "3"), (other, "4")):
        each.open_dialog(steps(each).nth(1).get_by_role("button", name="Change this step"))
        each.write("How long?", days)
    window.submit("Save")
    other.press("Save")
    expect(other.page.locator("#dialog")).to_contain_text("Somebody else has changed “First steps”")
    expect(other.field("How long?")).to_have_value("4")
    window.page.reload()
    expect(steps(window).nth(1)).to_contain_text("Wait 3 days")
    other.submit("Save")
    window.page.reload()
    expect(steps(window).nth(1)).to_contain_text("Wait 4 days")
    other.page.close()


def sign_up(window: Window, product: Product) -> None:
    """A form is made; Ada fills it in, and says yes by the mail she gets."""
    page = window.page
    window.press("Forms")
    window.open_dialog("New form")
    window.write("Name", "Aboard")
    window.tab_to(window.place.get_by_label("Harbour newsletter"))
    page.keyboard.press("Space")
    window.write("Consent text", "Send me the newsletter")
    window.submit("Create")
    page.goto(page.get_by_role("region", name="A link").get_by_role("link").inner_text())
    window.write("Email", ADA)
    window.tab_to(page.get_by_role("checkbox", name="Send me the newsletter"))
    page.keyboard.press("Space")
    page.wait_for_timeout(2500)  # whoever is faster is taken for a program
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_be_visible()
    [asked] = product.wait_for_mails(ADA, 1)
    body = asked.get_body(("plain",)).get_content()
    page.goto(re.search(r"https?://[^\s)]+", body)[0])
    page.get_by_role("button").first.click()
    expect(page.locator("h1")).to_be_visible()
    product.wait_for_mails(ADA, 3)  # of the other sequence of the list, too
    assert [str(mail["Subject"]) for mail in of_first_steps(product)] == ["Welcome to Harbour"]


def read_story(window: Window) -> str:
    """What happened to Ada, and what comes next."""
    page = window.page
    page.goto("/admin/subscribers/subscriber/")
    page.keyboard.press("/")
    page.keyboard.type(ADA)
    page.keyboard.press("Enter")
    window.press(ADA)
    page.wait_for_url("**/change/**")
    expect(page.locator("#page-content")).to_contain_text("Entered First steps")
    expect(page.locator("#page-content")).to_contain_text("Was sent “Welcome 1, hello”")
    expect(page.locator("#page-content")).to_contain_text("How to make the most of it")
    return page.url


def publish_again(window: Window, sequence: str) -> None:
    """Who is inside is shown, and moves along."""
    page = window.page
    page.goto(sequence)
    expect(page.locator(".bo-summary")).to_contain_text("changes not published")
    dialog = window.open_dialog("Publish")
    expect(dialog).to_contain_text("1 person is inside")
    expect(dialog).to_contain_text("Different")
    window.choose("Who is inside", "Move")
    window.submit("Publish")
    expect(page.locator(".bo-summary")).to_contain_text("version 2")


def leave(window: Window, product: Product, story: str) -> None:
    """One click on the mail program's button, and nothing comes any more."""
    [welcome] = of_first_steps(product)
    link = str(welcome["List-Unsubscribe"]).strip("<>")
    assert httpx.post(link, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    window.page.goto(story)
    left = window.page.get_by_text("Left First steps early: they are not confirmed on its list")
    for _ in range(40):
        if left.count():
            break
        window.page.wait_for_timeout(500)
        window.page.reload()
    expect(left).to_be_visible()
    assert len(of_first_steps(product)) == 1


def of_first_steps(product: Product) -> list[EmailMessage]:
    """Their list has another sequence, too."""
    subjects = ("Welcome to Harbour", "How to make the most of it", "May we ask you something?")
    return [mail for mail in product.mails(ADA) if mail["Subject"] in subjects]
