"""Take the screenshots of the docs from a running `manage.py quickstart`.

    python docs/images/make.py LOGIN_LINK      # the link that quickstart prints

It drives the machine's Chromium through Playwright: `pip install playwright`, best into a virtual
environment of its own; CHROMIUM names the browser.
"""

from __future__ import annotations

import os
import sys
from base64 import b64encode
from itertools import product
from pathlib import Path
from typing import Literal
from urllib.parse import urljoin

from playwright.sync_api import Page, ViewportSize, sync_playwright

HERE = Path(__file__).resolve().parent
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
SIZE: ViewportSize = {"width": 1400, "height": 900}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
ROW = "margin:16px;display:flex;gap:16px;align-items:flex-start;background:#c9ced6"


def main(login_link: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport=SIZE, color_scheme="light")
        page.goto(login_link)
        page.get_by_role("button", name="Sign in").click()
        take(page, "dashboard", urljoin(login_link, "/admin/"))
        page.goto(urljoin(login_link, "/admin/sequences/sequence/"))
        take(page, "sequence", page.locator("#result_list th a").last.get_attribute("href"))
        take(page, "inbox", urljoin(login_link, "/admin/inbox/"))
        take_starters(page, urljoin(login_link, "/admin/templates_app/template/starters/"))
        browser.close()


def take(page: Page, name: str, url: str | None) -> None:
    page.goto(urljoin(page.url, url or ""), wait_until="networkidle")
    page.screenshot(path=HERE / f"{name}.png")


def take_starters(page: Page, gallery: str) -> None:
    """A picture of each starter: on a desk and on a phone, in light and in dark."""
    page.goto(gallery)
    frames = page.locator(".bo-gallery iframe").all()
    for url in [frame.get_attribute("src") or "" for frame in frames]:
        shots = []
        for width, scheme in product((680, 390), SCHEMES):
            page.set_viewport_size({"width": width, "height": 400})
            page.emulate_media(color_scheme=scheme)
            page.goto(urljoin(gallery, url))
            shots.append((width, b64encode(page.screenshot(full_page=True)).decode()))
        pictures = "".join(
            f'<img width="{width // 2}" src="data:image/png;base64,{shot}">'
            for width, shot in shots
        )
        page.set_viewport_size({"width": 1166, "height": 400})
        page.goto("about:blank")
        page.set_content(f'<body style="{ROW}">{pictures}</body>')
        name = url.strip("/").rpartition("/")[2]
        page.screenshot(path=HERE / "starters" / f"{name}.png", full_page=True)


if __name__ == "__main__":
    main(sys.argv[1])
