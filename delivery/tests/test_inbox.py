from __future__ import annotations

import os
from email.message import EmailMessage

import pytest

from delivery import inbox


def keep(
    folder, number: int, *, workspace: str = "harbour", subject: str = "Hello", **parts
) -> None:
    """A message as the sink keeps it."""
    message = EmailMessage()
    message["From"] = "Mié <mie@harbour.example>"
    message["To"] = "ada@example.com"
    message["Subject"] = subject
    message["Feedback-ID"] = f"7:{workspace}:campaign:emailseq"
    message.set_content(parts.get("text", "Grüße"))
    if "html" in parts:
        message.add_alternative(parts["html"], subtype="html")
    (folder / f"{number}.eml").write_bytes(message.as_bytes())


def numbers(folder, **query) -> list[int]:
    caught = inbox.newest(folder, workspace_slug=query.pop("workspace_slug", "harbour"), **query)
    return [each.number for each in caught]


def test_newest_first_a_page_at_a_time(tmp_path):
    for number in (1, 2, 9, 10, 11):
        keep(tmp_path, number)

    assert numbers(tmp_path, limit=3) == [11, 10, 9]
    assert numbers(tmp_path, limit=3, before=9) == [2, 1]
    assert numbers(tmp_path / "absent") == []


def test_only_the_workspace_a_message_is_of_sees_it(tmp_path):
    keep(tmp_path, 1)
    keep(tmp_path, 2, workspace="elsewhere")
    (tmp_path / "3.eml").write_bytes(b"Subject: from somebody else's program\r\n\r\nHello")

    assert numbers(tmp_path) == [1]
    assert numbers(tmp_path, workspace_slug="elsewhere") == [2]
    assert inbox.read(tmp_path, 2, workspace_slug="harbour") is None
    assert inbox.read(tmp_path, 3, workspace_slug="") is not None


def test_a_whole_message_with_both_its_parts(tmp_path):
    keep(tmp_path, 4, subject="Grüße 🎉", text="Grüße\n", html="<p>Grüße</p>\n")

    mail = inbox.read(tmp_path, 4, workspace_slug="harbour")

    assert (mail.subject, mail.recipient) == ("Grüße 🎉", "ada@example.com")
    assert (mail.text.strip(), mail.html.strip()) == ("Grüße", "<p>Grüße</p>")
    assert ("Feedback-ID", "7:harbour:campaign:emailseq") in mail.headers
    assert mail.source.startswith("From: =?utf-8?q?Mi=C3=A9?=")
    assert mail.caught_at.timestamp() == pytest.approx(os.stat(tmp_path / "4.eml").st_mtime, abs=1)


def test_what_is_no_message_harms_nobody(tmp_path):
    keep(tmp_path, 1)
    (tmp_path / "2.part").write_bytes(b"half a mess")
    (tmp_path / "journal.jsonl").write_bytes(b"{}")
    (tmp_path / "3.eml").write_bytes(b"\xff\xfe\x00 no headers at all")
    (tmp_path / "4.eml").write_bytes(b"")
    (tmp_path / "\u0661.eml").write_bytes(b"a digit, but not one of ours")

    assert numbers(tmp_path) == [1]
    assert inbox.read(tmp_path, 5, workspace_slug="harbour") is None
