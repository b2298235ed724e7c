"""What `environs` does not know: one REDIS_URL in two dialects, EMAIL_URL, and secrets in files."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from emailseq.lib.networks import is_loopback

Role = Literal["broker", "cache", "buckets"]
Tls = Literal["none", "starttls", "implicit"]

# Each role has a database of its own, so that clearing the cache clears nothing else.
DATABASES: dict[Role, int] = {"broker": 0, "cache": 1, "buckets": 2}
RINGS = ("LINK_KEYS", "FIELD_KEYS")
MAIL_SCHEMES: dict[str, tuple[int, Tls]] = {
    "smtp": (25, "none"),
    "smtp+tls": (587, "starttls"),
    "smtps": (465, "implicit"),
}

_HOSTED = re.compile(r"(?:a|include):[a-z0-9_.-]+")


class SettingError(ValueError):
    """A variable is missing or wrong. The text names it, and never quotes a secret."""


@dataclass(frozen=True)
class EmailUrl:
    """Where the first transport hands messages over, and how that connection is protected."""

    host: str
    port: int
    username: str
    password: str = field(repr=False)
    tls: Tls


def read(name: str) -> str | None:
    """The variable, else what the file named by `NAME_FILE` holds, else None. Empty means unset."""
    if value := os.environ.get(name):
        return value
    if not (path := os.environ.get(f"{name}_FILE")):
        return None
    try:
        return Path(path).read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"{name}_FILE names a file that cannot be read: {error}") from error


def require(name: str) -> str:
    """The variable or the content of its file; SettingError says what to do without one."""
    if value := read(name):
        return value
    raise SettingError(
        f"{name} is not set. Set it, or start through manage.py, which runs the bundled servers, "
        "or use `docker compose up`."
    )


def secret(name: str, data: Path) -> str:
    """A secret of this installation: the variable, else `data/secrets/NAME`.

    Outside production the file is made when it is missing; in production that is a SettingError.
    """
    if value := read(name):
        return value
    path = data / "secrets" / name
    if path.exists():
        return path.read_text(encoding="utf-8")
    if os.environ.get("ENVIRONMENT") == "production":
        raise SettingError(
            f"{name} is not set. In production nobody makes one up: set it, or let "
            f"{name}_FILE name a file that holds it."
        )
    made = f"k1:{secrets.token_hex(32)}" if name in RINGS else secrets.token_urlsafe(48)
    with contextlib.suppress(FileExistsError):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write_secret(path, made)
    return path.read_text(encoding="utf-8")


def ring(name: str, data: Path) -> dict[str, str]:
    """The keys of a ring, `kid:key,kid:key`, newest first. Raises SettingError."""
    keys: dict[str, str] = {}
    for pair in secret(name, data).split(","):
        kid, _, key = pair.partition(":")
        if not kid or not key:
            raise SettingError(f"{name} looks like k2:NEW,k1:OLD, newest first")
        keys[kid] = key
    return keys


def redis_url(role: Role) -> str:
    """The Valkey URL of a role, in the dialect its reader speaks.

    Celery wants `redis+socket://…?virtual_host=0` for a socket and rejects `unix://`; redis-py and
    django-redis want `unix://…?db=1` and reject the other. TCP URLs only get the number.
    EMAILSEQ_REDIS_DB_BASE shifts all three, so that parallel test workers do not meet.
    """
    if role == "broker" and (broker := read("CELERY_BROKER_URL")):
        return broker
    url = urlsplit(require("REDIS_URL"))
    database = DATABASES[role] + int(os.environ.get("EMAILSEQ_REDIS_DB_BASE") or 0)
    if url.scheme in {"unix", "redis+socket"}:
        if role == "broker":
            return f"redis+socket://{url.netloc}{url.path}?virtual_host={database}"
        return f"unix://{url.netloc}{url.path}?db={database}"
    if url.scheme in {"redis", "rediss"}:
        return url._replace(path=f"/{database}").geturl()
    raise SettingError("REDIS_URL starts with redis://, rediss:// or unix://")


def email_url(value: str) -> EmailUrl:
    """Parse EMAIL_URL: `smtp://`, `smtp+tls://`, `smtps://` or `inbox://`.

    Credentials travel only under TLS, except to loopback; anything else is a SettingError.
    """
    url = urlsplit(value)
    if url.scheme == "inbox":
        return EmailUrl(
            "127.0.0.1", int(os.environ.get("EMAILSEQ_INBOX_PORT") or 2525), "", "", "none"
        )
    if url.scheme not in MAIL_SCHEMES:
        raise SettingError(f"EMAIL_URL starts with {', '.join(MAIL_SCHEMES)} or inbox, then ://")
    if not url.hostname or url.path.strip("/") or url.query or url.fragment:
        raise SettingError("EMAIL_URL looks like smtps://USER:PASSWORD@HOST:PORT, nothing after it")
    port, tls = MAIL_SCHEMES[url.scheme]
    username, password = unquote(url.username or ""), unquote(url.password or "")
    if tls == "none" and (username or password) and not is_loopback(url.hostname):
        raise SettingError("EMAIL_URL sends credentials in the clear: use smtp+tls:// or smtps://")
    return EmailUrl(url.hostname, _port(url) or port, username, password, tls)


def media_storage(value: str, data: Path) -> dict[str, Any]:
    """Where uploaded pictures are: `file:///FOLDER`, or `s3://KEY:SECRET@HOST/BUCKET?region=…`.

    By default the folder `media` of the data directory. Without a HOST it is that of Amazon.
    Raises SettingError.
    """
    url = urlsplit(value or (data.absolute() / "media").as_uri())
    if url.scheme == "file" and not url.netloc and url.path.strip("/"):
        where = {"location": unquote(url.path), "base_url": None}
        return {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": where}
    bucket, _, folder = unquote(url.path).strip("/").partition("/")
    if url.scheme != "s3" or not (bucket and url.username and url.password):
        raise SettingError("MEDIA_STORAGE_URL is file:///FOLDER or s3://KEY:SECRET@HOST/BUCKET")
    host = url.netloc.rpartition("@")[2]
    scheme = "http" if is_loopback(url.hostname or "") else "https"
    options = {
        "access_key": unquote(url.username),
        "secret_key": unquote(url.password),
        "bucket_name": bucket,
        "location": folder,
        "endpoint_url": f"{scheme}://{host}" if host else None,
        "region_name": dict(parse_qsl(url.query)).get("region"),
        "file_overwrite": True,
    }
    return {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}


def safe_mode(value: str) -> tuple[str, tuple[str, ...]]:
    """Parse `off`, `inbox`, `redirect:ADDRESS` or `allow:DOMAIN,…`. Raises SettingError."""
    kind, _, rest = value.partition(":")
    values = tuple(filter(None, (each.strip().lower() for each in rest.split(","))))
    expected = {"off": 0, "inbox": 0, "redirect": 1, "allow": len(values) or 1}
    if expected.get(kind) != len(values) or (kind == "redirect" and "@" not in values[0]):
        raise SettingError(
            "EMAILSEQ_SAFE_MODE is off, inbox, redirect:ADDRESS or allow:DOMAIN,DOMAIN"
        )
    return kind, values


def mechanisms(name: str) -> tuple[str, ...]:
    """SPF mechanisms, separated by blanks. Raises SettingError."""
    found = tuple((read(name) or "").lower().split())
    for each in found:
        kind, _, value = each.partition(":")
        if not (_is_network(value, kind) if kind in ("ip4", "ip6") else _HOSTED.fullmatch(each)):
            raise SettingError(
                f"{name} holds ip4:ADDRESS, ip6:ADDRESS, a:HOST or include:DOMAIN, not {each}"
            )
    return found


def name_servers(name: str) -> tuple[tuple[str, int], ...]:
    """`ADDRESS` or `ADDRESS:PORT` (`[ADDRESS]:PORT`), with commas between. Raises SettingError."""
    found = []
    for each in filter(None, map(str.strip, (read(name) or "").split(","))):
        try:
            url = urlsplit(f"//{f'[{each}]' if each.count(':') > 1 and each[0] != '[' else each}")
            found.append((str(ipaddress.ip_address(url.hostname or "")), url.port or 53))
        except ValueError as error:
            raise SettingError(f"{name} holds addresses of name servers, not {each}") from error
    return tuple(found)


def _write_secret(path: Path, value: str) -> None:
    """Write the file whole or not at all: another process may be making it, or reading it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(value, encoding="utf-8")
    try:
        os.link(draft, path)
    finally:
        draft.unlink()


def _port(url: SplitResult) -> int | None:
    try:
        return url.port
    except ValueError as error:
        raise SettingError("EMAIL_URL has a port that is not between 0 and 65535") from error


def _is_network(value: str, kind: str) -> bool:
    try:
        return ipaddress.ip_network(value, strict=False).version == int(kind[-1])
    except ValueError:
        return False
