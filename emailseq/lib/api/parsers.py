"""The one way in for bodies: JSON, small, shallow, and free of what cannot be stored."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import IO, Any

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser, MultiPartParser

from emailseq.lib import text
from emailseq.lib.api.problems import Refused, step
from emailseq.lib.errors import Invalid, Problem

MAX_DEPTH = 20


class JSONParser(BaseParser):
    """RFC 8259 in UTF-8, within DATA_UPLOAD_MAX_MEMORY_SIZE, at most twenty levels deep."""

    media_type = "application/json"

    def most_bytes(self) -> int:
        return settings.DATA_UPLOAD_MAX_MEMORY_SIZE

    def parse(self, stream: IO[Any], *args: Any, **options: Any) -> Any:
        most = self.most_bytes()
        body = stream.read(most + 1)
        if len(body) > most:
            raise Refused("body_too_large", f"A body takes at most {most // 1024} KB.")
        try:
            value = json.loads(body.decode(), parse_constant=_number, parse_float=_number)
        except (ValueError, RecursionError) as error:
            raise ParseError(str(error)) from error
        if problems := list(_problems(value)):
            raise Invalid(problems)
        return value


class FilesParser(JSONParser):
    """The same, with room for files in base64."""

    def most_bytes(self) -> int:
        return 8 * 1024 * 1024


class UploadParser(MultiPartParser):
    """multipart/form-data with a file, as plain members; those that are named again make a list."""

    def parse(self, *args: Any, **options: Any) -> Any:
        found = super().parse(*args, **options)
        given = {
            name: values if len(values) > 1 else values[0] for name, values in found.data.lists()
        }
        if problems := list(_problems(given)):
            raise Invalid(problems)
        return {**given, **found.files.dict()}


def _number(text: str) -> float:
    """Python reads NaN, and 1e999 as infinity; JSON and jsonb know neither."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not a number of JSON.")
    return number


def _problems(value: Any, pointer: str = "", depth: int = 0) -> Iterator[Problem]:
    if depth > MAX_DEPTH:
        yield Problem(pointer, "too_deep", f"At most {MAX_DEPTH} levels.")
    elif isinstance(value, str):
        if not text.storable(value):
            yield Problem(pointer, "invalid_characters", "It holds NUL or half of a character.")
    elif isinstance(value, dict):
        for name, member in value.items():
            if not text.storable(name):
                yield Problem(pointer, "invalid_characters", "A member's name cannot be stored.")
            else:
                yield from _problems(member, step(pointer, name), depth + 1)
    elif isinstance(value, list):
        for place, member in enumerate(value):
            yield from _problems(member, step(pointer, place), depth + 1)
