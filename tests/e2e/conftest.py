"""`make e2e`: the running product, and a browser that notices whatever goes wrong in it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, StorageState, expect, sync_playwright

from tests.e2e.product import Product, quickstart
from tests.e2e.window import Window

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    folder = tmp_path_factory.mktemp("product")
    for passage in (folder, folder.parent):
        passage.chmod(0o711)  # root's servers run as somebody else
    with quickstart(folder) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.fail(f"There is no {CHROMIUM}: apt-get install chromium, or name one as CHROMIUM=…")
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # Playwright's loop waits in this thread
        sandbox = [] if os.geteuid() else ["--no-sandbox"]
        expect.set_options(timeout=20_000)  # a busy machine is slow, not broken
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=sandbox)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def signed_in(browser: Browser, product: Product) -> StorageState:
    """The owner's cookies; the link that gives them works once."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(product.login_link)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/admin/")
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def open_window(browser: Browser) -> Iterator[Callable[..., Window]]:
    """Opens browser windows; at the end of the test, nothing may have gone wrong in any of them."""
    windows: list[Window] = []

    def open_one(**options: object) -> Window:
        windows.append(Window.of(browser.new_context(**options)))
        return windows[-1]

    yield open_one
    faults = [fault for window in windows for fault in window.faults]
    for window in windows:
        window.page.context.close()
    assert faults == []
