"""The style sheet of a document. Pure.

What can be inlined is, later on; the rest, which is for small and for dark screens, stays.
"""

from __future__ import annotations

from templates_app.blocks.look import DARK_CANVAS, DARK_PAPER, DARK_TEXT, Look


def sheet(look: Look) -> str:
    """CSS for what the MJML attributes cannot say."""
    return _plain(look) + _small() + _dark(look)


def _plain(look: Look) -> str:
    return f"""
.es-text h1, .es-text h2, .es-text h3, .es-h {{ margin: 0; line-height: 1.25; }}
.es-h {{ font-size: inherit; font-weight: 700; }}
.es-text p, .es-small p {{ margin: 0 0 12px; }}
.es-text p:last-child, .es-small p:last-child {{ margin: 0; }}
.es-text ul, .es-text ol {{ margin: 0; padding: 0 0 0 22px; }}
.es-text li {{ margin: 0 0 6px; }}
.es-text blockquote {{ margin: 0; padding: 4px 0 4px 18px; border-left: 3px solid {look.accent}; \
font-size: 18px; }}
.es-text .es-by {{ font-size: 14px; opacity: 0.75; }}
.es-text a {{ color: {look.link}; text-decoration: underline; }}
.es-text a.es-name {{ color: inherit; text-decoration: none; }}
.es-inverse a {{ color: {look.on_accent}; }}
.es-small a {{ color: {look.muted}; text-decoration: underline; }}
"""


def _small() -> str:
    return """
@media only screen and (max-width: 479px) {
  .es-columns > table > tbody > tr > td > div { padding-bottom: 12px; }
  .es-text h1 { font-size: 25px !important; }
}
"""


def _dark(look: Look) -> str:
    """The rules for dark screens; who only inverts colours finds nothing here that breaks it."""
    canvas = DARK_PAPER if look.layout == "letter" else DARK_CANVAS
    return f"""
:root {{ color-scheme: light dark; supported-color-schemes: light dark; }}
@media (prefers-color-scheme: dark) {{
  body, .es-canvas {{ background: {canvas} !important; background-color: {canvas} !important; }}
  .es-plain, .es-plain > table {{ background: {DARK_PAPER} !important; }}
  .es-tint, .es-tint > table {{ background: {look.dark_tint} !important; }}
  .es-text div, .es-text h1, .es-text h2, .es-text h3, .es-text p, .es-text li, .es-text td \
{{ color: {DARK_TEXT} !important; }}
  .es-text a {{ color: {look.dark_link} !important; }}
  .es-text a.es-name {{ color: {DARK_TEXT} !important; }}
  .es-inverse div, .es-inverse h1, .es-inverse h2, .es-inverse h3, .es-inverse p, \
.es-inverse li, .es-inverse a, .es-inverse a.es-name {{ color: {look.on_accent} !important; }}
  .es-outline.es-on-plain td, .es-outline.es-on-tint td, .es-outline.es-on-plain a, \
.es-outline.es-on-tint a {{ background: transparent !important; \
color: {look.dark_link} !important; border-color: {look.dark_link} !important; }}
  .es-line p {{ border-top-color: {look.dark_line} !important; }}
  .es-small div, .es-small p, .es-small a {{ color: {look.dark_muted} !important; }}
}}
"""
