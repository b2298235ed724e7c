"""CSS moved into `style` attributes, within limits. Pure; the only importer of `css_inline`."""

from __future__ import annotations

import re
from collections import Counter

from css_inline import CSSInliner

from templates_app.liquid import TemplateError
from templates_app.markup import Unit, scan

MAX_ELEMENTS = 10_000
MAX_DEPTH = 120
MAX_WORK = 1_000_000_000
MAX_GROWTH = 40_000_000

# It reads file:// and http stylesheets unless told not to. `keep_at_rules` would keep @media but
# lose `a:hover`; these two keep exactly what cannot be inlined.
_INLINER = CSSInliner(
    load_remote_stylesheets=False, keep_style_tags=True, remove_inlined_selectors=True
)
_VOID = "area base br col embed hr img input link meta source track wbr"
VOID = frozenset(_VOID.split())
_CLOSED_BY_OTHERS = "p li td th tr tbody thead tfoot option optgroup dt dd colgroup rp rt"
_SHALLOW = VOID | frozenset(_CLOSED_BY_OTHERS.split())
_DECLARATION = re.compile("[;{]")


def inline_styles(html: str) -> str:
    """A whole document with its styles inlined, serialised the HTML5 way. Raises TemplateError.

    It ends the process on some 10,000 nested elements (its recursion has no guard), and merging
    styles takes the square of the declarations for every element: both are refused up front.
    """
    units = list(scan(html))
    tags = sum(unit.kind == "tag" for unit in units)
    styles = "".join(unit.source for unit in units if unit.name == "style")
    declarations = len(_DECLARATION.findall(styles))
    if tags > 2 * MAX_ELEMENTS:  # most have a closing one
        raise TemplateError(f"The HTML has more than {MAX_ELEMENTS} elements.")
    if _depth(units) > MAX_DEPTH:
        raise TemplateError(f"Elements are nested more than {MAX_DEPTH} deep.")
    if declarations**2 * tags > MAX_WORK or len(styles) * tags > MAX_GROWTH:
        raise TemplateError("There are too many styles for this many elements.")
    return _INLINER.inline(html)


def _depth(units: list[Unit]) -> int:
    """At most this many elements are open at once, but for those that close each other."""
    opened: Counter[str] = Counter()
    depth = deepest = 0
    for unit in units:
        if unit.kind != "tag" or unit.name in _SHALLOW:
            continue
        if not unit.closing:
            opened[unit.name] += 1
            depth += 1
            deepest = max(deepest, depth)
        elif opened[unit.name]:
            opened[unit.name] -= 1
            depth -= 1
    return deepest
