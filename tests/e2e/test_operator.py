"""An operator at a shell: is it well, stop, why, go on; a process dies, and the books agree."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import uuid

import httpx
import pytest

from tests.e2e.product import ROOT

pytestmark = pytest.mark.e2e

GRACE = f"grace-{uuid.uuid4().hex[:8]}@example.org"
SUBJECTS = [
    "Grace, your berth is ready",
    "How to read the tide table",
    "One question from the harbour master",
]


def arrive(product, folder, *addresses):
    """People join the newsletter, whose first mail leaves at once."""
    file = folder / f"{addresses[0]}.csv"
    file.write_text("\n".join(["email,first_name", *(f"{each},Grace" for each in addresses)]))
    consent = ("--confirmed", "--consent-source", "Signed on the quay")
    product.run("import_subscribers", str(file), "--list", "newsletter", *consent)


def test_an_operator_stops_asks_goes_on_and_loses_nothing(product, tmp_path):
    with httpx.Client(base_url=product.url, timeout=20) as http:
        assert http.get("/healthz").status_code == 200
        assert http.get("/readyz").status_code == 200
        assert "emailseq_" in http.get("/metrics").text
    assert {each["level"] for each in json.loads(product.run("doctor", "--json"))["checks"]} == {
        "healthy"
    }

    product.run("pause_sending", "--reason", "DNS move")
    arrive(product, tmp_path, GRACE)
    assert "DNS move" in product.run("doctor", code=1)
    assert "DNS move" in product.run("explain", GRACE, "welcome")
    assert product.mails(GRACE) == []

    product.run("resume_sending")
    assert product.wait_for_mails(GRACE, 1, of=SUBJECTS)[0]["Subject"] == SUBJECTS[0]
    product.run("doctor")
    ahead = json.loads(product.run("simulate_sequence", "welcome", "--as", GRACE, "--json"))
    assert SUBJECTS[-1] in json.dumps(ahead["steps"])

    sender = [sys.executable, "-m", "celery", "-A", "emailseq", "worker"]
    second = subprocess.Popen(
        [*sender, "-Q", "send", "-P", "solo", "-n", "second@%h"],
        cwd=ROOT,
        env=product.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    crew = [f"crew-{number}-{GRACE}" for number in range(20)]
    arrive(product, tmp_path, *crew)
    second.send_signal(signal.SIGKILL)
    second.wait()
    for address in crew:
        product.wait_for_mails(address, 3, of=SUBJECTS, seconds=120)
        assert [mail["Subject"] for mail in product.mails(address, of=SUBJECTS)] == SUBJECTS
    product.run("reconcile")

    kept = tmp_path / "kept.dump"
    product.run("backup", str(kept))
    assert kept.stat().st_size > 100_000
