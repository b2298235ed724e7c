"""What may go with a transactional message: headers of its own, and files. Pure.

Headers stay within what a program needs to find its message again, or to keep it in a thread; none
may say who writes to whom, or steer a mail server. Files that mail programs run, and that mailbox
providers therefore refuse, are refused at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from emailseq.lib.errors import Problem

MOST_HEADERS, LONGEST_HEADER = 10, 900
MOST_FILES, MOST_BYTES, LONGEST_NAME = 5, 5 * 1024 * 1024, 100


class File(NamedTuple):
    """A file as it stands in the message."""

    name: str
    content_type: str
    content: bytes


def header_problems(headers: Mapping[str, str]) -> Iterator[Problem]:
    """Every reason not to write these."""
    if len(headers) > MOST_HEADERS:
        yield Problem("/headers", "too_many", f"At most {MOST_HEADERS} headers.")
    seen = set[str]()
    for name, value in headers.items():
        pointer = "/headers/" + name.replace("~", "~0").replace("/", "~1")
        if not _allowed(name):
            detail = f"“{name}” cannot be set: only References, In-Reply-To and X-… can."
            yield Problem(pointer, "not_allowed", detail)
        elif name.lower() in seen:
            yield Problem(pointer, "duplicate", "The same header, spelled in two ways.")
        elif len(value) > LONGEST_HEADER:
            yield Problem(pointer, "too_long", f"At most {LONGEST_HEADER} characters.")
        elif not (_IDS if _names_messages(name) else _TEXT).fullmatch(value):
            wanted = "<message@ids>" if _names_messages(name) else "one line of visible ASCII"
            yield Problem(pointer, "invalid_header", f"{name} takes {wanted}.")
        seen.add(name.lower())


def file_problems(files: Sequence[File]) -> Iterator[Problem]:
    """Every reason not to send these."""
    if len(files) > MOST_FILES:
        yield Problem("/attachments", "too_many", f"At most {MOST_FILES} attachments.")
    if sum(len(file.content) for file in files) > MOST_BYTES:
        yield Problem("/attachments", "too_large", "Attachments may take 5 MB in all.")
    for place, file in enumerate(files):
        pointer = f"/attachments/{place}"
        if not _FILE_NAME.fullmatch(file.name) or len(file.name) > LONGEST_NAME:
            detail = f"A name has no / or \\, and at most {LONGEST_NAME} characters."
            yield Problem(f"{pointer}/name", "invalid_name", detail)
        elif _RUN.fullmatch(ending := file.name.lower().rpartition(".")[2]):
            detail = f"Mailbox providers take no .{ending} files."
            yield Problem(f"{pointer}/name", "not_allowed", detail)
        if not _TYPE.fullmatch(file.content_type) or _RUN_TYPES.fullmatch(file.content_type):
            detail = f"“{file.content_type}” is not the type of a file that may be sent."
            yield Problem(f"{pointer}/content_type", "not_allowed", detail)


def _allowed(name: str) -> bool:
    lower = name.lower()
    return _names_messages(name) or bool(_OWN.fullmatch(lower) and not lower.startswith(_STEERING))


def _names_messages(name: str) -> bool:
    return name.lower() in ("references", "in-reply-to")


_OWN = re.compile(r"x-[a-z0-9-]{1,60}")
# What mail servers and ESPs act upon, and what all our messages say themselves.
_STEERING = (
    *("x-auto-response-suppress", "x-smtpapi", "x-ses-", "x-mc-", "x-msys-", "x-mailgun-"),
    *("x-mj-", "x-mailjet-", "x-pm-", "x-sib-", "x-mailin-", "x-sg-", "x-resend-", "x-postal-"),
)
_TEXT = re.compile(r"[!-~]+(?: [!-~]+)*")
_IDS = re.compile(r"<[!-;=?-~]+@[!-;=?-~]+>(?: <[!-;=?-~]+@[!-;=?-~]+>)*")
_FILE_NAME = re.compile(r"[^\x00-\x1f\x7f/\\\u2028-\u202e\u2066-\u2069]*[^\x00-\x20\x7f/\\.]")
_TYPE = re.compile(r"(?:application|audio|font|image|model|text|video)/[a-z0-9][a-z0-9.+-]{0,79}")
_RUN = re.compile(
    r"ade|adp|apk|appx|appxbundle|bat|cab|chm|cmd|com|cpl|diagcab|dll|dmg|exe|hta|img|ins|iso|isp|"
    r"jar|jnlp|js|jse|lib|lnk|mde|msc|msi|msix|msp|mst|nsh|pif|ps1|scr|sct|sh|shb|sys|vb|vbe|vbs|"
    r"vhd|vxd|wsc|wsf|wsh|xll"
)
_RUN_TYPES = re.compile(
    r"application/(x-msdownload|x-msdos-program|x-executable|x-sh|java-archive|javascript|hta)|"
    r"text/javascript"
)
