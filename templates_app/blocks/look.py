"""How a document looks: the brand's colours and fonts, and what follows from them. Pure.

Nobody chooses the dark ones: they are made of the light ones, so that no brand is unreadable there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self

_SANS = "-apple-system, BlinkMacSystemFont, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"
STACKS = {
    "sans": _SANS,
    "rounded": f"ui-rounded, 'Hiragino Maru Gothic ProN', Quicksand, Nunito, {_SANS}",
    "serif": "Georgia, 'Times New Roman', Times, serif",
    "slab": "Rockwell, 'Rockwell Nova', 'Roboto Slab', 'DejaVu Serif', Georgia, serif",
    "mono": "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace",
}
DARK_CANVAS, DARK_PAPER, DARK_TEXT = "#101316", "#1a1e23", "#e8eaed"
WHITE = "#ffffff"
READABLE = 4.5  # WCAG 2.2 AA for text


@dataclass(frozen=True)
class Look:
    """A workspace's brand, as far as it shows in a message."""

    accent: str = "#2457d6"
    canvas: str = "#eef1f5"
    paper: str = WHITE
    text: str = "#1f2733"
    font: str = "sans"
    heading_font: str = "sans"
    corners: str = "round"
    layout: str = "card"
    logo: str = ""
    logo_alt: str = ""
    logo_width: int = 140

    def with_theme(self, theme: Mapping[str, Any]) -> Self:
        """The look of one document, which may differ from the brand."""
        known = {field.name for field in fields(self)}
        return replace(
            self, **{key: value for key, value in theme.items() if value and key in known}
        )

    @property
    def radius(self) -> int:
        return 8 if self.corners == "round" else 0

    @property
    def muted(self) -> str:
        return readable(mix(self.text, self.canvas, 0.35), on=self.canvas)

    @property
    def line(self) -> str:
        return mix(self.text, self.paper, 0.86)

    @property
    def tint(self) -> str:
        return mix(self.accent, self.paper, 0.9)

    @property
    def on_accent(self) -> str:
        return max((WHITE, self.text), key=lambda ink: contrast(ink, self.accent))

    @property
    def link(self) -> str:
        return readable(self.accent, on=self.tint)

    @property
    def dark_link(self) -> str:
        return readable(self.accent, on=self.dark_tint)

    @property
    def dark_tint(self) -> str:
        return mix(self.accent, DARK_PAPER, 0.82)

    @property
    def dark_line(self) -> str:
        return mix(DARK_TEXT, DARK_PAPER, 0.82)

    @property
    def dark_muted(self) -> str:
        return mix(DARK_TEXT, DARK_CANVAS, 0.3)


def mix(ink: str, ground: str, share: float) -> str:
    """`ink` with this share of `ground` in it."""
    pairs = zip(_channels(ink), _channels(ground), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def contrast(ink: str, ground: str) -> float:
    """The contrast ratio of WCAG 2.2."""
    lighter, darker = sorted((_luminance(ink), _luminance(ground)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def readable(ink: str, *, on: str) -> str:
    """The ink, lighter or darker as far as it takes to read it on this ground."""
    end = max((WHITE, "#000000"), key=lambda each: contrast(each, on))
    shades = (mix(ink, end, step / 20) for step in range(21))
    return next((shade for shade in shades if contrast(shade, on) >= READABLE), end)


def _channels(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[at : at + 2], 16) for at in (1, 3, 5))


def _luminance(colour: str) -> float:
    red, green, blue = (
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (channel / 255 for channel in _channels(colour))
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
