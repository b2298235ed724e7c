"""The names that a template may read. Pure.

`subscriber.<key>` is a built-in or a declared custom field (built-ins win), `workspace.…` the
sender of the message, `links.unsubscribe` the way out and `links.preferences` to what its reader
wants to get. A message that asks people to confirm their subscription has `links.confirm` and
`links.not_me` instead of the way out. A transactional one reads `data.…`, which whoever sends it
brings along.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from difflib import get_close_matches

from templates_app.liquid import Analysis, Use

BUILT_IN: dict[str, tuple[str, ...]] = {
    "subscriber": ("email", "first_name", "last_name", "time_zone"),
    "workspace": ("name", "postal_address"),
    "links": ("unsubscribe", "preferences", "confirm", "not_me"),
}
ROOTS = frozenset(BUILT_IN)


def unknown(
    analysis: Analysis, *, custom: Collection[str], takes_data: bool = False
) -> Iterator[str]:
    """What to do about each name that neither we nor the `custom` fields know, with its line."""
    known = {f"{root}.{name}" for root, names in BUILT_IN.items() for name in names}
    known |= {f"subscriber.{key}" for key in custom}
    for use in analysis.uses:
        if takes_data and use.path[:1] == ("data",) and len(use.path) > 1:
            continue
        if ".".join(use.path[:2]) not in known:
            yield f"Line {use.line}: {_hint(use, known)}"


def _hint(use: Use, known: Collection[str]) -> str:
    name = ".".join(use.path) or "[…]"
    if name in BUILT_IN:
        return f"{name} needs a written name after it, such as {name}.{BUILT_IN[name][0]}."
    close = get_close_matches(name, known, n=1)
    return f"{name}: " + (f"did you mean {close[0]}?" if close else "there is no such merge field.")
