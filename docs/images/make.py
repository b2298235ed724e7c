"""Take the screenshots of the README from a running `manage.py quickstart`.

    python docs/images/make.py LOGIN_LINK      # the link that quickstart prints

It drives the machine's Chromium through Playwright: `pip install playwright`, best into a virtual
environment of its own; CHROMIUM names the browser.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from urllib.parse import urljoin

from playwright.sync_api import Page, sync_playwright

HERE = Path(__file__).resolve().parent
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
SIZE = {"width": 1400, "height": 900}


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
        browser.close()


def take(page: Page, name: str, url: str | None) -> None:
    page.goto(urljoin(page.url, url or ""), wait_until="networkidle")
    page.screenshot(path=HERE / f"{name}.png")


if __name__ == "__main__":
    main(sys.argv[1])
