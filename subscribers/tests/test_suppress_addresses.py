from __future__ import annotations

import csv
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.audit import SYSTEM
from accounts.models import AuditEntry
from subscribers import services
from subscribers.models import Subscriber, Suppression
from subscribers.tests.factories import WorkspaceFactory

pytestmark = pytest.mark.django_db
CLEANED = (
    "Email Address,First Name,Last Name,CLEAN_TIME,TIMEZONE\n"
    "Ada@Example.com,Ada,,2026-01-02 03:04:05,Nowhere/Atlantis\n"
    "weak@example.com,,,,\n"
    "strong@example.com,,,,\n"
    "ada@example.com,,,,\n"
    "nobody,,,,\n"
)


@pytest.fixture
def workspace():
    workspace = WorkspaceFactory(slug="main")
    for name, reason in (("weak", "soft_bounce"), ("strong", "unsubscribed")):
        email = f"{name}@example.com"
        services.suppress(workspace, email=email, reason=reason, by=SYSTEM, note="ours")
    return workspace


def suppress(file, *options):
    out = StringIO()
    call_command("suppress_addresses", str(file), *options, stdout=out)
    return out.getvalue().splitlines()


def suppressed(workspace):
    rows = Suppression.objects.of(workspace).order_by("address_key")
    return list(rows.values_list("address_key", "reason", "note"))


def test_an_export_of_another_product_is_suppressed_and_nothing_is_weakened(workspace, tmp_path):
    file = tmp_path / "cleaned.csv"
    file.write_text(CLEANED)
    argv = (file, "--workspace", "main", "--reason", "hard_bounce", "--note", "Mailchimp")
    WorkspaceFactory(slug="another")

    first, second = suppress(*argv), suppress(*argv)

    errors = tmp_path / "cleaned.csv.errors.csv"
    assert first == [
        "1 suppressed, 1 now for a stronger reason, 1 as before, 1 refused",
        f"Refused rows, with the reason of each: {errors}",
    ]
    assert second[0] == "0 suppressed, 0 now for a stronger reason, 3 as before, 1 refused"
    assert suppressed(workspace) == [
        ("ada@example.com", "hard_bounce", "Mailchimp"),
        ("strong@example.com", "unsubscribed", "ours"),
        ("weak@example.com", "hard_bounce", "Mailchimp"),
    ]
    assert Suppression.objects.count() == 3
    assert not Subscriber.objects.exists()
    with errors.open(newline="") as refused:
        assert [row[0] for row in csv.reader(refused)] == ["import_line", "6"]
    entry = AuditEntry.objects.filter(verb="suppressions.imported").order_by("id").first()
    assert entry.changes == {
        "reason": "hard_bounce", "file": "cleaned.csv",
        "added": 1, "raised": 1, "known": 1, "refused": 1,
    }  # fmt: skip


def test_a_file_without_addresses_suppresses_nobody(workspace, tmp_path):
    file = tmp_path / "names.csv"
    file.write_text("name\nAda\n")

    with pytest.raises(CommandError, match="No column is called email"):
        suppress(file, "--reason", "hard_bounce")

    assert len(suppressed(workspace)) == 2
