from __future__ import annotations

import logging

import pytest
from structlog.stdlib import ProcessorFormatter

from delivery.tracking import Links
from emailseq.lib import signing
from emailseq.logs import redact


@pytest.mark.parametrize(
    ("line", "logged"),
    [
        ("GET /healthz", "GET /healthz"),
        ("PUT /api/v1/subscribers/by-email/ada@example.com", "by-email/[redacted]"),
        ("GET /api/v1/subscribers?list=a&q=ada%40example.com", "&q=[redacted]"),
        ("POST /inbound/hush?recipient=b%2Bk1-x", "/inbound/[redacted]?recipient=[redacted]"),
        ("to b+k1-" + "a2" * 22 + "z@bounce.example", "to [redacted]@bounce.example"),
        ("Bearer sk_0123abcd_00112233445566778899aabbccddeeff", "Bearer [redacted]"),
    ],
)
def test_addresses_and_keys_are_redacted(line, logged):
    assert redact(None, "info", {"request": line})["request"].endswith(logged)


@pytest.mark.parametrize(
    "url", ["/u/" + signing.sign("u", b"\1\2\3\4\5\6\7\10"), Links("", 7).unsubscribe]
)
def test_tokens_are_redacted(url):
    assert redact(None, "info", {"request": f"GET {url}"}) == {"request": "GET /u/[redacted]"}


def test_the_access_log_holds_no_token(client, caplog, db):
    token = signing.sign("u", b"\1\2\3\4\5\6\7\10")

    with caplog.at_level("INFO"):
        client.get(f"/u/{token}")

    (formatter,) = (
        handler.formatter
        for handler in logging.getLogger().handlers
        if isinstance(handler.formatter, ProcessorFormatter)
    )
    written = "".join(formatter.format(record) for record in caplog.records)
    assert "request_started" in written
    assert token not in written
