"""A browser window: used by keyboard, looked at by axe, and it writes down whatever goes wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import axe_playwright_python
from playwright.sync_api import BrowserContext, ConsoleMessage, Dialog, Locator, Page, expect
from playwright.sync_api import TimeoutError as TookTooLong

HOOK = Path(__file__).with_suffix(".js")
AXE = Path(axe_playwright_python.__file__).parent / "axe.min.js"
TABS = 200  # nobody presses Tab as often as this; a control further away is out of reach


@dataclass
class Window:
    page: Page
    faults: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, context: BrowserContext) -> Window:
        window = cls(context.new_page())
        context.expose_function("note", window._note)
        context.add_init_script(path=HOOK)
        window.page.on("pageerror", lambda error: window._note("error", error.stack or str(error)))
        window.page.on("console", window._hear)
        window.page.on("dialog", window._refuse)
        window.page.set_default_timeout(20_000)
        return window

    def _note(self, kind: str, said: str) -> None:
        self.faults.append(f"{self.page.url} {kind}: {said}")

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._note("console", message.text)

    def _refuse(self, dialog: Dialog) -> None:
        self._note("dialog", dialog.message)
        dialog.dismiss()

    # --- By keyboard ------------------------------------------------------------------------------

    @property
    def place(self) -> Locator:
        """Where somebody is: in the dialog while there is one, else on the page."""
        dialog = self.page.locator("#dialog")
        return dialog if dialog.is_visible() else self.page.locator("body")

    def tab_to(self, target: Locator) -> None:
        """Press Tab until the control has the focus, as somebody without a mouse would."""
        expect(target).to_be_visible()
        for _ in range(TABS):
            if target.evaluate("(control) => control === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"{target} cannot be reached by Tab")

    def press(self, target: str | Locator) -> None:
        """Go to a button or link by Tab and press it."""
        self.tab_to(self.button(target) if isinstance(target, str) else target)
        self.page.keyboard.press("Enter")

    def button(self, name: str, *, within: Locator | None = None) -> Locator:
        place = within or self.place
        button = place.get_by_role("button", name=name, exact=True)
        found = button.or_(place.get_by_role("link", name=name, exact=True))
        return found.first

    def open_dialog(self, target: str | Locator) -> Locator:
        """Press what opens a dialog, and wait until that has taken the focus."""
        self.press(target)
        expect(self.page.locator("#dialog :focus")).to_have_count(1)
        return self.page.locator("#dialog")

    def submit(self, name: str) -> None:
        """Press a button, and wait until it has led to another page."""
        with self.page.expect_navigation():
            self.press(name)

    def field(self, label: str) -> Locator:
        return self.place.get_by_label(re.compile(f"^{re.escape(label)}")).first

    def write(self, label: str, text: str) -> None:
        """Go to a field by Tab and write over what stands in it."""
        self.tab_to(self.field(label))
        self.page.keyboard.press("Control+A")
        self.page.keyboard.type(text)

    def choose(self, label: str, option: str) -> None:
        """Go to a select by Tab and type the beginning of what it is to be."""
        self.tab_to(self.field(label))
        self.page.keyboard.type(option)
        expect(self.field(label).locator("option:checked")).to_contain_text(option)

    # --- Whoever looks ----------------------------------------------------------------------------

    def faults_seen(self, *rules: str) -> list[str]:
        """What keeps somebody out of the page, by axe's rules (all of them, unless named)."""
        if not self.page.evaluate("() => 'axe' in window"):
            self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found: list[str] = self.page.evaluate("(rules) => keepsOut(rules)", rules)
        return found

    def sticking_out(self) -> list[str]:
        """What makes the page wider than the window."""
        fits = "() => document.documentElement.scrollWidth <= innerWidth"
        try:
            self.page.wait_for_function(fits, timeout=3_000)  # charts take a moment
            return []
        except TookTooLong:
            found: list[str] = self.page.evaluate("sticksOut()")
            return found
