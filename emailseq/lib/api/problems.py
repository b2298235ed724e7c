"""What can go wrong over HTTP, said in one shape: `application/problem+json` (RFC 9457)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import structlog
from django.db import OperationalError
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response

from emailseq.lib.errors import AppError, Invalid, Problem

MEDIA_TYPE = "application/problem+json"
MAX_ERRORS = 100

# code -> HTTP status and title. Titles are ours: those of the framework hold unfilled placeholders.
# The first code of a status is what Django and the framework mean by it.
PROBLEMS: dict[str, tuple[int, str]] = {
    "invalid": (400, "The request is not valid."),
    "malformed_json": (400, "The body is not JSON."),
    "cursor_invalid": (400, "The cursor is not one of ours."),
    "unauthenticated": (401, "Valid credentials are needed."),
    "token_expired": (401, "The access token has expired."),
    "otp_required": (401, "A code is needed."),
    "forbidden": (403, "This is not allowed."),
    "scope_missing": (403, "A permission is missing."),
    "second_factor_needed": (403, "This workspace asks for a second factor."),
    "not_found": (404, "There is nothing here."),
    "method_not_allowed": (405, "The method is not allowed here."),
    "not_acceptable": (406, "There is no such representation."),
    "duplicate": (409, "It exists already."),
    "idempotency_in_flight": (409, "The same request is under way."),
    "in_use": (409, "It is still in use."),
    "state_conflict": (409, "The state forbids it."),
    "confirmation_needed": (409, "Say that this is meant."),
    "not_looked_at": (409, "Somebody has to look at the warnings."),
    "approval_needed": (409, "A second person has to approve."),
    "transport_unusable": (409, "The mail server does not let us in."),
    "mailbox_unreadable": (409, "The mailbox cannot be read."),
    "erased": (410, "This person was erased."),
    "stale": (412, "Somebody else changed it first."),
    "body_too_large": (413, "The body is too large."),
    "batch_too_large": (413, "There are too many items."),
    "unsupported_media_type": (415, "The body must be application/json."),
    "batch_refused": (422, "Some items have faults, so none was taken."),
    "idempotency_mismatch": (422, "The key belongs to another request."),
    "precondition_required": (428, "If-Match is missing."),
    "rate_limited": (429, "Too many requests."),
    "not_stored": (507, "The file cannot be stored."),
    "internal": (500, "Something went wrong on our side."),
    "unavailable": (503, "Come back in a moment."),
}
BY_STATUS = {status: code for code, (status, _) in reversed(PROBLEMS.items())}
_TRY_AGAIN = {"idempotency_in_flight": "1"}  # code -> in how many seconds
# The framework's words for a fault of one member, where ours differ.
MEMBER_CODES = {
    "blank": "required",
    "null": "required",
    "max_length": "too_long",
    "max_value": "too_large",
    "min_value": "too_small",
    "null_characters_not_allowed": "invalid_characters",
    "surrogate_characters_not_allowed": "invalid_characters",
}


class Refused(AppError):
    """A refusal that only HTTP knows, by its code."""

    def __init__(self, code: str, detail: str, **members: Any) -> None:
        super().__init__(detail, **members)
        self.code = code


def handler(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """The framework's EXCEPTION_HANDLER. None for what is our own fault: Django reports that."""
    match error:
        case Invalid():
            return _answer(invalid(error))
        case AppError():
            wait = _TRY_AGAIN.get(error.code)
            headers = {"Retry-After": wait} if wait else None
            return _answer(document(error.code, error.detail, **error.members), headers)
        case exceptions.ValidationError():
            return _answer(invalid(faults(error)))
        case exceptions.ParseError():
            return _answer(document("malformed_json", str(error.detail)))
        case exceptions.APIException():
            return _of_framework(error)
        case Http404():
            return _answer(document("not_found"))
        case OperationalError():  # a timeout, a deadlock, a lost connection
            return _answer(document("unavailable", "The database is busy."), {"Retry-After": "1"})
    return None


def document(code: str, detail: str = "", **members: Any) -> dict[str, Any]:
    """The body of a problem (RFC 9457), with the id under which the log knows the request."""
    status, title = PROBLEMS[code]
    return {
        "type": f"https://docs.emailseq.example/problems/{code}",
        "title": title,
        "status": status,
        "code": code,
        **({"detail": detail} if detail else {}),
        "request_id": structlog.contextvars.get_contextvars().get("request_id", ""),
        **members,
    }


def invalid(error: Invalid) -> dict[str, Any]:
    """The body of a problem that names every fault of a request, or of an item of a batch."""
    count = len(error.errors)
    detail = "1 member needs attention." if count == 1 else f"{count} members need attention."
    errors = [asdict(one) for one in error.errors[:MAX_ERRORS]]
    return document("invalid", detail, errors=errors)


def faults(error: exceptions.ValidationError) -> Invalid:
    """The framework's nested errors, as ours."""
    return Invalid(list(_problems(error.detail, "")))


def step(pointer: str, name: str | int) -> str:
    """The JSON pointer (RFC 6901) of a member, or an item, of what `pointer` points at."""
    return f"{pointer}/{str(name).replace('~', '~0').replace('/', '~1')}"


def _answer(body: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    return Response(body, status=body["status"], headers=headers, content_type=MEDIA_TYPE)


def _of_framework(error: exceptions.APIException) -> Response | None:
    if error.status_code >= 500 or error.status_code not in BY_STATUS:
        return None
    headers: dict[str, str] = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if (wait := getattr(error, "wait", None)) is not None:
        headers["Retry-After"] = str(math.ceil(wait))
    codes = error.get_codes()
    code = codes if isinstance(codes, str) and codes in PROBLEMS else BY_STATUS[error.status_code]
    return _answer(document(code, error.detail if isinstance(error.detail, str) else ""), headers)


def _problems(detail: Any, pointer: str) -> Iterator[Problem]:
    """The leaves of the framework's nested errors, each with its JSON pointer (RFC 6901)."""
    if isinstance(detail, exceptions.ErrorDetail):
        code = str(detail.code)
        yield Problem(pointer, MEMBER_CODES.get(code, code), str(detail))
    elif isinstance(detail, Mapping):
        for name, inner in detail.items():
            own = name == "non_field_errors"
            yield from _problems(inner, pointer if own else step(pointer, name))
    else:
        for place, inner in enumerate(detail):
            is_leaf = isinstance(inner, exceptions.ErrorDetail)
            yield from _problems(inner, pointer if is_leaf else step(pointer, place))
