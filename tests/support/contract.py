"""What the API has promised, small enough to be read in a diff: `docs/integrators/api-v1.txt`.

A line is an operation or a shape, and its words are what a client may rely on. v1 only grows: no
word may go, and no member that was not asked for may become required. Renew the file with

    python -m tests.support.contract
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

Enums = Mapping[str, Sequence[Any]]  # their values, by the name of the component

FILE = Path(__file__).parents[2] / "docs" / "integrators" / "api-v1.txt"


def lines(schema: Mapping[str, Any]) -> dict[str, set[str]]:
    """By operation and shape, what can be sent to it and read from it."""
    shapes = schema["components"]["schemas"]
    # How an enumeration is called is nobody's business: its values are told where it is used.
    enums = {name: shape["enum"] for name, shape in shapes.items() if "enum" in shape}
    found = {}
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            found[f"{method.upper()} {path}"] = set(_operation(operation, enums))
    for name in shapes.keys() - enums.keys():
        found[name] = set(_shape(shapes[name], enums, is_sent=name.endswith("Request")))
    return found


def written(promised: Mapping[str, set[str]]) -> str:
    return "".join(f"{name} | {' '.join(sorted(promised[name]))}\n" for name in sorted(promised))


def read() -> dict[str, set[str]]:
    rows = (line.split(" | ") for line in FILE.read_text(encoding="utf-8").splitlines())
    return {name: set(words.split()) for name, words in rows}


def broken(before: Mapping[str, set[str]], now: Mapping[str, set[str]]) -> list[str]:
    """What a client that relied on `before` can rely on no more."""
    faults = []
    for name, words in before.items():
        if name not in now:
            faults.append(f"{name} is gone")
            continue
        faults += [f"{name}: {word} is gone" for word in sorted(words - now[name])]
        fresh = {word for word in now[name] - words if "!" in word}
        faults += [f"{name}: {word} is asked for now" for word in sorted(fresh)]
    return faults


def _operation(operation: Mapping[str, Any], enums: Enums) -> Iterator[str]:
    for parameter in operation.get("parameters", ()):
        needed = "!" if parameter.get("required") else ""
        name = f"{parameter['in']}:{parameter['name']}{needed}"
        yield from _words(name, parameter["schema"], enums)
    for media in operation.get("requestBody", {}).get("content", {}).values():
        yield from _words("takes", media["schema"], enums)
    for status, answer in operation["responses"].items():
        for media in answer.get("content", {"": {"schema": {}}}).values():
            yield from _words(status, media["schema"], enums)


def _shape(shape: Mapping[str, Any], enums: Enums, *, is_sent: bool) -> Iterator[str]:
    for name, member in shape.get("properties", {}).items():
        asked = is_sent and name in shape.get("required", ())
        yield from _words(f"{name}{'!' if asked else ''}", member, enums)


def _words(name: str, schema: Mapping[str, Any], enums: Enums) -> Iterator[str]:
    """Of which kind it is; of an enumeration, each value."""
    yield f"{name}:{_kind(schema, enums)}"
    for part in (schema, *(schema.get("oneOf", ())), *(schema.get("allOf", ()))):
        for value in part.get("enum", enums.get(_named(part), ())):
            yield f"{name}={value}".replace(" ", "_")


def _named(schema: Mapping[str, Any]) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _kind(schema: Mapping[str, Any], enums: Enums) -> str:
    if name := _named(schema):
        return "enum" if name in enums else name
    for several in ("oneOf", "anyOf", "allOf"):
        if several in schema:
            return "|".join(sorted({_kind(one, enums) for one in schema[several]}))
    if "items" in schema:
        return f"[{_kind(schema['items'], enums)}]"
    kinds = schema.get("type", "any")
    return kinds if isinstance(kinds, str) else "|".join(sorted(kinds))


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "emailseq.settings")
    import django

    django.setup()
    from emailseq.lib.api.schema import Generator

    FILE.write_text(written(lines(Generator().get_schema())), encoding="utf-8")
