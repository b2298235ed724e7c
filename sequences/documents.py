"""YAML as people write it for us: the part of it that means the same as JSON. Pure.

Text stays text: `10:00` is no number, `2026-03-27` no date, `no` no falsehood. What YAML can do
beyond JSON is refused: the same key twice, aliases (they unfold into gigabytes), tags.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any

import yaml

from emailseq.lib.errors import Invalid, Problem

MAX_BYTES = 1024 * 1024


def load(text: str) -> Any:
    """The value that the text stands for. Raises Invalid, with the line of the fault."""
    if len(text.encode()) > MAX_BYTES:
        raise _fault("too_long", f"A document takes at most {MAX_BYTES // 1024:,} KB.")
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - it is a safe one
    except yaml.MarkedYAMLError as error:
        where = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise _fault("malformed", f"This is no YAML: {error.problem}{where}.") from None
    except yaml.YAMLError as error:
        raise _fault("malformed", f"This is no YAML: {error}".splitlines()[0]) from None
    except RecursionError:
        raise _fault("too_deep", "This document goes too deep.") from None


def dump(value: Any) -> str:
    """The value as YAML: members in their order, texts of several lines as such."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def _fault(code: str, detail: str) -> Invalid:
    return Invalid([Problem("", code, detail)])


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, Any] = {}

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or event.anchor:
            raise _error("write it out instead of an alias", event.start_mark)
        if event.tag:
            raise _error("a tag has no place here", event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        keys = [key.value for key, _ in node.value]
        if len(set(map(str, keys))) < len(keys):
            raise _error("a key is there twice", node.start_mark)
        return {str(key): value for key, value in super().construct_mapping(node, deep).items()}


def _error(said: str, mark: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=said, problem_mark=mark)


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> Any:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)
# What JSON has besides text, and how it is written there.
for _tag, _shape, _first in (
    ("null", "null|~|", "n~"),
    ("bool", "true|false", "tf"),
    ("int", "-?(0|[1-9][0-9]*)", "-0123456789"),
    ("float", r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?", "-0123456789"),
):
    for _reader in (_Loader, _Dumper):  # the one reads so, the other quotes text that looks so
        _reader.add_implicit_resolver(
            f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_shape})$"), [*_first, ""]
        )
