"""Every page of the back office in a real browser: what only a browser can find."""

from __future__ import annotations

import json

import pytest
from django.conf import settings
from django.urls import reverse

from accounts.tests.backoffice import sign_in
from emailseq.backoffice.tests.test_isolation_and_safety import every_page
from emailseq.backoffice.tests.world import make_world

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
# Each would run where somebody forgot to escape, in a place of its own kind.
SMUGGLED = (
    """"><script>alert(1)</script>'><img src=x onerror=alert(2)> onfocus=alert(3) {{ 7*7 }}""",
    """</title></textarea><svg onload=alert(4)><b x-init="alert(5)" onfocus=alert(6)>""",
)


@pytest.fixture
def visit(open_window, live_server):
    """Opens pages of the back office as an owner, whose client it takes."""

    def visitor(client, **options):
        window = open_window(base_url=live_server.url, **options)
        cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
        window.page.context.add_cookies(
            [{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": live_server.url}]
        )
        return window

    return visitor


def pages(client, **world):
    """What is shown as a page: not what another page fetches."""
    urls = dict.fromkeys(every_page(make_world(client.workspace, **world)))
    return [url for url in urls if not url.endswith("/ahead/")]


def test_every_page_is_for_everybody(visit):
    """By day and by night, and on a phone."""
    client = sign_in()
    window = visit(client)

    found = {}
    for url in pages(client):
        window.page.set_viewport_size(DESK)
        window.page.emulate_media(color_scheme="light")
        assert window.page.goto(url).status == 200, url
        faults = window.faults_seen()
        window.page.emulate_media(color_scheme="dark")
        faults += [f"dark {fault}" for fault in window.faults_seen("color-contrast")]
        window.page.set_viewport_size(PHONE)
        faults += window.sticking_out()
        if faults:
            found[url] = faults

    assert not found, json.dumps(found, indent=1)


@pytest.mark.parametrize("text", SMUGGLED)
def test_no_text_becomes_a_script(visit, text):
    client = sign_in()
    window = visit(client)

    for url in pages(client, text=text):
        assert window.page.goto(url).status == 200, url


def test_a_file_is_chosen(visit, tmp_path):
    window = visit(sign_in())
    (tmp_path / "people.csv").write_text("email\nada@example.org\n")

    window.page.goto(reverse("admin:subscribers_import_upload"))
    chooser = window.page.locator("input[type=file]")
    chooser.set_input_files(tmp_path / "people.csv")

    assert chooser.evaluate("input => input.files[0].name") == "people.csv"
    assert window.faults == []
